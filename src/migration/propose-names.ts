import type { ProposedApp } from './propose-config.ts';

/** An app with the environment that it becomes. */
export interface NamedApp extends ProposedApp {
  environment: string;
}

export interface ProposedNames {
  application: string;
  /** The name is shorter than the apps and the pipeline suggest, since it names things on DigitalOcean. */
  shortened: boolean;
  /** `staging` and `production` first, as the shipped workflows know them. */
  environments: NamedApp[];
}

/** Application and environment, joined by a hyphen, name everything on DigitalOcean; `parseMigrationConfig` refuses more. */
const LONGEST_TOGETHER = 24;
const LONGEST_STAGE = 12;
const SHORTEST_WORD = 3;
const STAGE_WORDS =
  /^(production|prod|prd|live|staging|stage|stg|development|develop|dev|test|testing|qa|uat|review)$/;
const FIRST = ['staging', 'production'];
/** Databases that every cluster has: the application's own is named after the application. */
const TAKEN = new Set(['postgres', 'template0', 'template1', 'defaultdb', 'doadmin']);

/**
 * A short name for what the apps have in common, and an environment for each: its stage in the pipeline, and
 * `production` without one. Where several apps share a stage, the one that is named like the application gets it, and the
 * others are named by what tells them apart. Pure; the order of `apps` changes nothing.
 */
export function proposeNames(apps: readonly ProposedApp[]): ProposedNames {
  const sorted = [...apps].sort((a, b) => compare(nameOf(a), nameOf(b)));
  const full = commonName(sorted);
  const stages = [...new Set(sorted.map(stageOf))];
  const room = LONGEST_TOGETHER - 1 - Math.max(...stages.map(({ length }) => length));
  const application = avoidTaken(shortenTo(full, room), room);

  const taken = new Set<string>();
  const environments: NamedApp[] = [];
  for (const stage of stages) {
    const [main, ...others] = sorted
      .filter((app) => stageOf(app) === stage)
      .sort((a, b) => Number(stemOf(nameOf(b)) === full) - Number(stemOf(nameOf(a)) === full));
    if (main === undefined) continue;
    taken.add(stage);
    environments.push({ ...main, environment: stage }, ...others.map((app) => ({ ...app, environment: '' })));
  }
  const longest = LONGEST_TOGETHER - 1 - application.length;
  for (const app of environments.filter(({ environment }) => environment === '')) {
    app.environment = freeName(apartFrom(full, app), longest, taken);
    taken.add(app.environment);
  }
  return {
    application,
    shortened: application !== full,
    environments: environments.sort(
      (a, b) => rank(a.environment) - rank(b.environment) || compare(a.environment, b.environment),
    ),
  };
}

/** The pipeline's stage as the name of an environment. */
export function stageOf({ stage }: Pick<ProposedApp, 'stage'>): string {
  return shortenTo(slug(stage ?? ''), LONGEST_STAGE) || 'production';
}

function commonName(apps: readonly ProposedApp[]): string {
  const stems = [...new Set(apps.map((app) => stemOf(nameOf(app))))];
  if (stems.length === 1) return stems[0] ?? 'app';
  const pipelines = new Set(apps.map(({ inventory }) => inventory.pipeline?.name ?? ''));
  const [pipeline = ''] = pipelines;
  const ofPipeline = pipelines.size === 1 ? slug(pipeline) : '';
  return ofPipeline || commonWords(stems) || (stems[0] ?? 'app');
}

/** `shop-staging` and `prod-shop` are both about `shop`. */
function stemOf(name: string): string {
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  return slug(words.filter((word) => !STAGE_WORDS.test(word)).join('-')) || slug(name) || 'app';
}

function commonWords(names: readonly string[]): string {
  const [first = [], ...rest] = names.map((name) => name.split('-'));
  const length = first.findIndex((word, at) => rest.some((words) => words[at] !== word));
  return first.slice(0, length === -1 ? first.length : length).join('-');
}

/** What tells an app from the others of its stage: `shop-us` of `shop` is `us`. */
function apartFrom(full: string, app: ProposedApp): string {
  const stem = stemOf(nameOf(app));
  const long = stem === full ? slug(nameOf(app)) : stem;
  const own = slug(long.startsWith(`${full}-`) ? long.slice(full.length + 1) : long) || long;
  const stage = stageOf(app);
  return stage === 'production' ? own : `${own}-${stage}`;
}

function freeName(wanted: string, longest: number, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : `-${number}`;
    const name = `${shortenTo(wanted, longest - suffix.length)}${suffix}`;
    if (!taken.has(name)) return name;
  }
}

function avoidTaken(name: string, room: number): string {
  return TAKEN.has(name.replaceAll('-', '_')) ? `${shortenTo(name, room - 4)}-app` : name;
}

/** Whole words, where that leaves something to recognise. */
function shortenTo(name: string, longest: number): string {
  if (name.length <= longest) return name;
  const cut = name.slice(0, longest);
  const atWord = name[longest] === '-' ? cut : cut.slice(0, Math.max(0, cut.lastIndexOf('-')));
  return (atWord.length >= SHORTEST_WORD ? atWord : cut).replace(/-+$/, '');
}

/** Lower-case letters, digits and hyphens, a letter first. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '');
}

function nameOf({ inventory }: ProposedApp): string {
  return inventory.app.name;
}

function rank(environment: string): number {
  const at = FIRST.indexOf(environment);
  return at === -1 ? FIRST.length : at;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
