import { onlyReads } from '../support/only-reads.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Item } from '../../src/migration/item.ts';
import type { Plan } from '../../src/migration/plan.ts';
import { runEntry, type EntryOptions, type PhaseRun } from '../actions/run-entry.ts';
import { DIGITALOCEAN_TOKEN, HEROKU_TOKEN, openSite, type Ground, type Site } from './ground.ts';

/** A customer's world: what it is like, and what becomes of it when assess looks at it. */
export interface World extends Site {
  /** assess of one environment, in a process of its own; the record is a new one each time. */
  assess(
    environment: string,
    inputs?: Record<string, string>,
    how?: Pick<EntryOptions, 'entry' | 'environment'>,
  ): Promise<Assessed>;
}

export interface Assessed extends PhaseRun {
  plan: Plan;
  items: Item[];
  /** The section that assess wrote. */
  section: Record<string, unknown>;
  /** Everything that somebody may see: the log without the commands that mask, summary, outputs, record. */
  visible: string;
}

export interface WorldPlan {
  /** migration.yml */
  config: string;
  /** The application's repository. */
  checkout: Readonly<Record<string, string>>;
  build(site: Site): Promise<void>;
}

/** Builds a world on a ground, and lets assess look at it. */
export async function openWorld(ground: Ground, plan: WorldPlan): Promise<World> {
  const site = await openSite(ground);
  await plan.build(site);
  site.write({ 'migration.yml': plan.config });
  const checkout = site.write(plan.checkout, 'checkout');
  const inputs = {
    sample: '500ms',
    'fail-on': 'never',
    'repository-path': checkout,
    'heroku-token': HEROKU_TOKEN,
    'heroku-api-url': site.heroku.apiUrl,
    'heroku-data-api-url': site.heroku.dataApiUrl,
    'scheduler-api-url': site.heroku.schedulerUrl,
    'heroku-metrics-url': site.heroku.metricsUrl,
    'heroku-github-url': site.heroku.githubUrl,
    'digitalocean-token': DIGITALOCEAN_TOKEN,
    'digitalocean-api-url': ground.digitalOcean.apiUrl,
  };
  let runs = 0;
  return {
    ...site,
    assess: async (environment, more = {}, how = {}) => {
      runs += 1;
      const record = `record-${runs}.json`;
      const run = await runEntry('assess', {
        ...how,
        directory: site.directory,
        inputs: { ...inputs, environment, record, ...more },
      });
      return assessed(run, join(site.directory, record));
    },
  };
}

function assessed(run: PhaseRun, path: string): Assessed {
  if (run.code !== 0) throw new Error(`assess ended with ${run.code ?? 'a signal'}:\n${run.log}`);
  const record = readFileSync(path, 'utf8');
  const { sections } = JSON.parse(record) as { sections: { data: Record<string, unknown> }[] };
  const section = sections[0]?.data ?? {};
  const plan = section['plan'] as Plan;
  const log = run.log
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');
  const visible = [log, run.summary, JSON.stringify(run.outputs), record].join('\n');
  return { ...run, plan, items: plan.items, section, visible };
}

/** What no reader can leave as it was who has written anything, anywhere in the world. */
export async function tracesOf({ heroku, ground, stores }: World): Promise<unknown> {
  const [{ next } = { next: '' }] = await ground.postgres.query<{ next: string }>(
    'postgres',
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  );
  return {
    changes: [...heroku.requests, ...ground.digitalOcean.requests]
      .filter((request) => !onlyReads(request))
      .map(({ method, path }) => `${method} ${path}`),
    // Whoever writes a row, makes a table or takes a number of a sequence for good needs a transaction with a number.
    nextTransaction: next,
    stores: await Promise.all(
      stores.map((store) =>
        store.within(async (redis) => {
          const info = await redis.info();
          return {
            keys: await redis.dbsize(),
            changes: /rdb_changes_since_last_save:\d+/.exec(info)?.[0],
            scripts: /number_of_cached_scripts:\d+/.exec(info)?.[0],
            evicted: /evicted_keys:\d+/.exec(info)?.[0],
          };
        }),
      ),
    ),
  };
}
