import { automatic, decide, told, type Item } from '../migration/item.ts';
import { callbackItems } from './callback-items.ts';
import { codeItems } from './code-items.ts';
import { databaseItems } from './database-items.ts';
import { imageItems } from './image-items.ts';
import type { AppKnown, ItemContext } from './item-context.ts';
import { jobItems } from './job-items.ts';
import { processItems } from './process-items.ts';
import type { RepositoryFacts } from './read-repository.ts';

export type { AppKnown } from './item-context.ts';

/** Everything that was found in the checkout, each with its verdict and where it stands. Pure. */
export function repositoryItems(facts: RepositoryFacts, app: AppKnown): Item[] {
  const context = { facts, app };
  return [
    ...reading(context),
    ...processItems(context),
    ...imageItems(context),
    ...jobItems(context),
    ...codeItems(context),
    ...callbackItems(context),
    ...databaseItems(context),
  ];
}

/** The one item of a run without a checkout: not looked at is not the same as nothing found. */
export function repositoryNotRead(why: string): Item[] {
  return [
    told({
      id: 'repository/checkout',
      area: 'repository',
      what: 'the repository was not looked at',
      becomes: 'not in this report',
      why,
      remedy: 'Add a step with actions/checkout before this one, and run assess again.',
    }),
  ];
}

/** Config vars by which buildpacks choose an app's directory in a monorepo. */
const DIRECTORY_VARIABLES = ['PROCFILE', 'APP_BASE', 'PROJECT_PATH', 'BUILDPACK_SUBDIR', 'HEROKUYML'];

function reading({ facts, app }: ItemContext): Item[] {
  const { files, leftOut, leftOutCount, cutKinds, directory, appDirectories } = facts;
  const items: Item[] = [];
  const chosen = DIRECTORY_VARIABLES.filter((name) => app.configVarNames?.includes(name) === true);
  const others = appDirectories.map(({ path }) => (path === '' ? 'the top' : path));
  if (directory === null) {
    items.push(
      decide({
        id: 'repository/directory',
        area: 'repository',
        what: `several directories could be the app's: ${others.join(', ')}`,
        question: 'Which one is it?',
        options: ['told-by-repository-directory'],
        why: `each has a Procfile or a manifest of a language${chosen.length > 0 ? `; Heroku chooses by the config var ${chosen.join(', ')}` : ''}`,
        remedy:
          'Give the input `repository-directory`; until then its Procfile, languages and image are unknown.',
      }),
    );
  } else if (appDirectories.length > 1) {
    items.push(
      automatic({
        id: 'repository/directory',
        area: 'repository',
        what: `a repository of several apps: ${others.join(', ')}`,
        becomes: `${directory === '' ? 'the top' : directory} is the app's directory`,
        why:
          chosen.length > 0
            ? `config var ${chosen.join(', ')}`
            : directory === ''
              ? 'its Procfile stands at the top'
              : 'it was given, or is the only one with a Procfile',
      }),
    );
  }
  if (leftOutCount > 0 || cutKinds.length > 0) {
    const shown = leftOut.map(({ path, why }) => `${path} (${why})`).slice(0, 5);
    const more = leftOutCount > shown.length ? [`${leftOutCount - shown.length} more`] : [];
    const cut = cutKinds.map((kind) => `more ${kind} than are listed`);
    const harmless =
      leftOut.length === leftOutCount && leftOut.every(({ why }) => /^a link|^no text$|^neither/.test(why));
    const item = {
      id: 'repository/not-read',
      area: 'repository',
      what: 'parts of the checkout were not read',
      why: [...shown, ...more, ...cut].join(', '),
      remedy: 'Look at them yourself.',
    } as const;
    items.push(
      harmless && cut.length === 0
        ? told({ ...item, becomes: 'not in this report' })
        : decide({ ...item, question: 'May the app move without knowing them?', options: ['go-on-without'] }),
    );
  }
  items.push(
    automatic({
      id: 'repository/checkout',
      area: 'repository',
      what: `${files.scanned.toLocaleString('en-US')} files of code and settings`,
      becomes: 'read, nothing of it executed',
      why: `${files.listed.toLocaleString('en-US')} files in the checkout, ${files.tests.toLocaleString('en-US')} of them tests and examples, which do not run in production`,
    }),
  );
  return items;
}
