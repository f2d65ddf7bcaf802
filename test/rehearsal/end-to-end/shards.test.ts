import { afterAll, beforeAll, expect } from '@jest/globals';
import { join } from 'node:path';
import { z } from 'zod';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { latestSection, readRecord } from '../../../src/migration/record.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  accessOfTheRunner,
  cutOver,
  errorsOf,
  expectConclusion,
  expectReached,
  isWhere,
  logOf,
  openShop,
  prepare,
  serves,
  type Shop,
} from './shop-under-migration.ts';

// Three runners share the copy of a shop that is followed: by migrate.yml, with machines that die, and to the end.
let shop: Shop;

const inTheFullRun = (
  begin: (body: () => Promise<void>, limitMs: number) => void,
  body: () => Promise<void>,
) => {
  if (full) begin(body, 120_000);
};

inTheFullRun(beforeAll, async () => {
  shop = await openShop({
    ...{ environments: ['staging', 'production'], schedules: false },
    ...{ strategy: 'live', runners: 3 },
  });
});

inTheFullRun(afterAll, () => shop.close());

const conclusions = ({ jobs }: WorkflowResult) =>
  Object.fromEntries(jobs.map(({ id, conclusion }) => [id, conclusion]));

const sharedCopy = z.object({
  runners: z.object({
    shards: z.number(),
    takenOver: z.array(z.object({ shard: z.number(), why: z.string(), chunks: z.number() })),
  }),
});

async function sharedBy(result: WorkflowResult, environment: string): Promise<unknown> {
  const path = join(result.artifacts, `migration-record-${environment}`, 'migration-record.json');
  return latestSection(await readRecord(path), 'migrate-db', sharedCopy)?.runners;
}

/** The job's machine dies when it says that; `reached` tells whether it did. */
function dies(inJob: string, said: RegExp) {
  let reached = false;
  return {
    reached: () => reached,
    killStep: (job: string, _step: string, line: string): 'runner' | false => {
      if (reached || job !== inJob || !said.test(line)) return false;
      reached = true;
      return 'runner';
    },
  };
}

/** Each chunk takes long on the way from Heroku, so that nobody is through before somebody dies. */
async function slowly<T>(body: () => Promise<T>): Promise<T> {
  const { knobs } = shop.side.proxies.postgres;
  knobs.delayMs = 40;
  try {
    return await body();
  } finally {
    knobs.delayMs = 0;
  }
}

const COPIED = /Shard \d of 3 is there: [1-9][\d,]* rows .* copied by this runner/;

testInFull(
  'migrate.yml with three runners: each copies its share of staging, which is compared, cut over and verified',
  async () => {
    const result = await shop.run('migrate.yml', {
      inputs: { application: 'shop', through: 'staging', guard: false },
    });
    expectConclusion(result, 'success');
    expect(conclusions(result)).toMatchObject({
      'staging / copy': 'success',
      'staging / copy-shares (2/3)': 'success',
      'staging / copy-shares (3/3)': 'success',
      'staging-cutover': 'success',
      'staging-verify': 'success',
    });
    for (const shard of ['2/3', '3/3'])
      expect(logOf(result, `staging / copy-shares (${shard})`)).toMatch(COPIED);
    expect(await sharedBy(result, 'staging')).toEqual({ shards: 3, takenOver: [] });
    expect(await accessOfTheRunner(shop)).toEqual([]);
  },
  420_000,
);

let prepared: WorkflowResult;

testInFull(
  'the machine of the first dies while all copy: the others end and say why, and nothing of Heroku is changed but its capture',
  async () => {
    const kill = dies('copy', /Copying shard|Created the schema on the target/);
    prepared = await slowly(() => prepare(shop, kill));
    expectReached(kill, prepared);
    expectConclusion(prepared, 'failure');
    expect(conclusions(prepared)).toMatchObject({
      copy: 'failure',
      'copy-shares (2/3)': 'failure',
      'copy-shares (3/3)': 'failure',
      application: 'skipped',
    });
    expect(errorsOf(prepared)).toMatch(/Shard 1, which holds the snapshot, does not answer any more/);
    await isWhere(shop, 'heroku');
  },
  300_000,
);

testInFull(
  'failed jobs run again, and the machine of another dies: the first copies what that left, and the run succeeds',
  async () => {
    const kill = dies('copy-shares (2/3)', /Copying shard 2 of 3/);
    prepared = await slowly(() => prepare(shop, { ...kill, rerunOf: prepared }));
    expectReached(kill, prepared);
    expectConclusion(prepared, 'success');
    expect(conclusions(prepared)).toMatchObject({
      copy: 'success',
      'copy-shares (2/3)': 'failure',
      'copy-shares (3/3)': 'success',
      application: 'success',
    });
    expect(logOf(prepared, 'copy')).toMatch(
      /Shard 2 of 3 does not answer, or never came: what it has not copied/,
    );
    expect(await sharedBy(prepared, 'production')).toMatchObject({
      ...{ shards: 3, takenOver: [{ shard: 2, why: 'silent' }] },
    });
    await isWhere(shop, 'heroku');
  },
  300_000,
);

testInFull(
  'what three runners copied is cut over, and every write that Heroku had acknowledged is there once',
  async () => {
    shop.world.github.configureEnvironment('production', {});
    await serves(shop, 'heroku');
    expectConclusion(await cutOver(shop, prepared), 'success');
    await isWhere(shop, 'digitalocean');
    await serves(shop, 'digitalocean');
  },
  300_000,
);
