import type { HerokuInventory } from '../heroku/inventory.ts';
import { automatic, decide, idPart, type Item } from './item.ts';

/** Heroku's own, one for each language, by their short name or their repository. */
const LANGUAGE =
  /^(?:heroku\/|(?:https?:\/\/|git@|git:\/\/)github\.com[/:]heroku\/heroku-buildpack-)(ruby|nodejs|python|java|jvm|jvm-common|gradle|php|go|scala|clojure|dotnet)(?:\.git)?(?:#.*)?$/;

/** Buildpacks: those of languages become an image, and every other one brought something that an image may not have. */
export function buildpackItems({ buildpacks, app }: Pick<HerokuInventory, 'buildpacks' | 'app'>): Item[] {
  if (buildpacks.length === 0 || app.stack === 'container') return [];
  const languages = buildpacks.filter((name) => LANGUAGE.test(name));
  const others = buildpacks.filter((name) => !LANGUAGE.test(name));
  return [
    ...(languages.length === 0
      ? []
      : [
          automatic({
            id: 'app/buildpacks',
            area: 'app',
            what: `the buildpacks ${languages.join(', then ')}`,
            becomes: 'the languages of the image, in the versions that the checkout names',
            why: 'Heroku runs them in this order at each build; an image of a Dockerfile has what that installs',
          }),
        ]),
    ...others.map((name) =>
      decide({
        id: `app/buildpack/${idPart(shortName(name))}`,
        area: 'app',
        what: `the buildpack ${shortName(name)}`,
        question: 'Does the image hold what it brings: programs, libraries, settings?',
        options: ['the-image-holds-it', 'not-needed'],
        why: `it is none of Heroku’s language buildpacks: what it installs in a dyno is in no image by itself`,
        remedy: `See what it installs (${/:\/\/|^git@/.test(name) ? name : `https://elements.heroku.com/buildpacks/${name}`}), and install that in the Dockerfile.`,
      }),
    ),
  ];
}

/** `https://github.com/acme/heroku-buildpack-ffmpeg.git#v2` is `acme/heroku-buildpack-ffmpeg`. */
function shortName(name: string): string {
  const path = URL.parse(name)?.pathname ?? name;
  return path
    .replace(/^git@[^:]+:/, '')
    .replace(/^\//, '')
    .replace(/(\.git)?(#.*)?$/, '');
}
