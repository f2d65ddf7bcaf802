import type { HerokuInventory } from '../heroku/inventory.ts';
import { decide, told, type Item } from './item.ts';

/** Config vars whose values lead to a name at Heroku. */
export function hostVariableItems({ configVars, app }: HerokuInventory): Item[] {
  return (configVars ?? []).flatMap(({ name, leadsTo, class: kind }) => {
    if (kind === 'add-on' || kind === 'platform') return [];
    if (leadsTo === 'own-heroku-host') {
      return [
        decide({
          id: `variable/${name}/host`,
          area: 'variable',
          what: `${name} holds the app’s own name at Heroku`,
          question: 'What does it become? It is carried over as it is, and that name stays with Heroku.',
          options: ['keep', 'replace'],
          why: `its value leads to ${app.name} at herokuapp.com; callbacks, links and cookies made from it would end there`,
          remedy: `Give its new value under \`config.set.${name}\` in migration.yml.`,
        }),
      ];
    }
    if (leadsTo === 'other-heroku-host') {
      return [
        told({
          id: `variable/${name}/host`,
          area: 'variable',
          what: `${name} leads to another app at Heroku`,
          becomes: 'kept: it is reached over the internet from the new side',
          why: 'its value holds the herokuapp.com name of an app that is not this one',
          remedy: 'When that app moves, change it there.',
        }),
      ];
    }
    return [];
  });
}
