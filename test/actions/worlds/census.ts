import type { Item } from '../../../src/migration/item.ts';
import { HEROKU_TOKEN } from '../../worlds/ground.ts';
import type { Assessed, World } from '../../worlds/world.ts';

/** Everything that one app has at the played Heroku, asked of it without any of the code under test. */
export interface Census {
  addOns: { name: string; service: string }[];
  attachments: string[];
  processTypes: string[];
  configVars: string[];
  /** Custom ones and Heroku's own. */
  domains: string[];
  jobs: string[];
  drains: string[];
  webhooks: string[];
  features: string[];
  /** Followers, forks and named credentials. */
  behind: string[];
}

interface Named {
  name: string;
}

export async function censusOf({ heroku }: World, app: string): Promise<Census> {
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(heroku.apiUrl + path, {
      headers: {
        accept: 'application/vnd.heroku+json; version=3',
        authorization: `Bearer ${HEROKU_TOKEN}`,
      },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return (await response.json()) as T;
  };
  const of = <T>(part: string): Promise<T> => get(`/apps/${app}/${part}`);
  const [addOns, attachments, formation, configVars, domains, jobs, drains, webhooks, features] =
    await Promise.all([
      of<(Named & { id: string; addon_service: Named })[]>('addons'),
      of<Named[]>('addon-attachments'),
      of<{ type: string }[]>('formation'),
      of<Record<string, string>>('config-vars'),
      of<{ hostname: string }[]>('domains'),
      of<{ data: { attributes: { command: string } }[] }>('jobs'),
      of<{ url: string }[]>('log-drains'),
      of<{ url: string }[]>('webhooks'),
      of<(Named & { enabled: boolean })[]>('features'),
    ]);
  const databases = addOns.filter(({ addon_service: { name } }) => name === 'heroku-postgresql');
  const behind = await Promise.all(
    databases.map(async ({ id }) => {
      const followers = await get<Named[]>(`/client/v11/databases/${id}/followers`);
      const credentials = await get<Named[]>(`/postgres/v0/databases/${id}/credentials`);
      return [...followers, ...credentials.filter(({ name }) => name !== 'default')].map(({ name }) => name);
    }),
  );
  return {
    addOns: addOns.map(({ name, addon_service: { name: service } }) => ({ name, service })),
    attachments: attachments.map(({ name }) => name),
    processTypes: formation.map(({ type }) => type),
    configVars: Object.keys(configVars),
    domains: domains.map(({ hostname }) => hostname),
    jobs: jobs.data.map(({ attributes: { command } }) => command),
    drains: drains.map(({ url }) => new URL(url).hostname),
    webhooks: webhooks.map(({ url }) => new URL(url).hostname),
    features: features.filter(({ enabled }) => enabled).map(({ name }) => name),
    behind: behind.flat(),
  };
}

/** What the app has and no item speaks of. */
export function droppedFrom(census: Census, { items, plan }: Assessed): string[] {
  const ids = new Set(items.map(({ id }) => id));
  const spokenOf = (area: RegExp, name: string): boolean =>
    items.some(({ id, what, why }) => area.test(id) && `${id} ${what} ${why}`.includes(name));
  const missing = (kind: string, names: string[], isThere: (name: string) => boolean): string[] =>
    names.filter((name) => !isThere(name)).map((name) => `${kind} ${name}`);
  return [
    ...missing(
      'add-on',
      census.addOns.map(({ name }) => name),
      (name) => spokenOf(/^add-on\//, name),
    ),
    ...missing('attachment', census.attachments, (name) => ids.has(`add-on/attachment/${name}`)),
    ...missing('process type', census.processTypes, (type) => ids.has(`process/${type}`)),
    ...missing('config var', census.configVars, (name) => ids.has(`variable/${name}`)),
    ...missing('domain', census.domains, (name) => spokenOf(/^domain\//, name)),
    ...missing('job', census.jobs, (command) =>
      plan.components.some((one) => one.command === command && ids.has(`schedule/${one.name}`)),
    ),
    ...missing(
      'drain',
      census.drains.filter((host) => !/papertrail/.test(host)),
      (host) => ids.has(`traffic/drain/${host}`),
    ),
    ...missing('webhook', census.webhooks, (host) => ids.has(`traffic/webhook/${host}`)),
    ...missing('feature', census.features, (name) => ids.has(`traffic/feature/${name}`)),
    ...missing('behind the database', census.behind, (name) => spokenOf(/^consumer\//, name)),
    ...(census.addOns.some(({ service }) => service === 'heroku-postgresql') && !ids.has('postgres/database')
      ? ['the database']
      : []),
    ...(census.addOns.some(({ service }) => service === 'heroku-redis') && !ids.has('redis/server')
      ? ['Redis']
      : []),
  ];
}

/** Items that speak of something that neither the app nor migration.yml has. */
export function inventedIn(census: Census, { items, plan }: Assessed, declared: string[] = []): string[] {
  const services = census.addOns.map(({ service }) => service);
  const added = plan.variables.filter(({ fate }) => fate === 'added').map(({ name }) => name);
  const known: [RegExp, (name: string) => boolean][] = [
    [/^add-on\/attachment\/(.+)$/, (name) => census.attachments.includes(name)],
    [/^add-on\/(?!attachment|shared)([^/]+)/, (name) => services.includes(name)],
    [/^process\/(?!eco$|release-phase$)(.+)$/, (name) => census.processTypes.includes(name)],
    // Asked about because it is not there.
    [
      /^variable\/(?!SECRET_KEY_BASE$)([^/]+)/,
      (name) => census.configVars.includes(name) || added.includes(name),
    ],
    [
      /^domain\/(?:(?:certificate|apex|wildcard|expiry)\/)?([^/]+\.[^/]+)$/,
      (name) => name === 'herokuapp.com' || [...census.domains, ...declared].includes(name),
    ],
    [/^traffic\/webhook\/(.+)$/, (name) => census.webhooks.includes(name)],
    [/^traffic\/feature\/(.+)$/, (name) => census.features.includes(name)],
    [
      /^traffic\/drain\/(.+)$/,
      (name) => census.drains.includes(name) || census.addOns.some((one) => one.name === name),
    ],
    [/^schedule\/(.+)$/, (name) => plan.components.some((one) => one.name === name)],
    [
      /^(?:postgres\/|consumer\/dataclips)/,
      () => services.includes('heroku-postgresql') || isBorrowed(census),
    ],
    [
      /^(?:redis\/|consumer\/redis)/,
      () => services.includes('heroku-redis') || census.configVars.includes('REDIS_URL'),
    ],
  ];
  return items
    .filter(({ id }) =>
      known.some(([pattern, isThere]) => {
        const match = pattern.exec(id);
        return match !== null && !isThere(match[1] ?? '');
      }),
    )
    .map(({ id, what }) => `${id}: ${what}`);
}

function isBorrowed({ configVars }: Census): boolean {
  return configVars.includes('DATABASE_URL');
}

/** Ids by verdict, without the numbers that a played Heroku draws. */
export function asked(items: readonly Item[], verdict: Item['verdict']): string[] {
  return items.filter((item) => item.verdict === verdict).map(({ id }) => plain(id));
}

export function plain(id: string): string {
  return id
    .replaceAll(/-(?:angular|curved|flat|round)-\d{5}/g, '')
    .replaceAll(/(bi|etl|ours)_[0-9a-f]{6}/g, '$1')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ':uuid');
}
