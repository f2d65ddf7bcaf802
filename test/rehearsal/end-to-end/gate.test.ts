import { afterAll, beforeAll, expect } from '@jest/globals';
import type { PipelineOptions } from '../../../rehearsal/pipeline.ts';
import type { RunnerEvent } from '../../../rehearsal/runner/events.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  changesAmong,
  errorsOf,
  expectConclusion,
  isWhere,
  openShop,
  stateOfHeroku,
  type Shop,
} from './shop-under-migration.ts';

// The whole pipeline up to its gate, which somebody may pass who must not: nothing of production is touched.
const PROTECTED = {
  reviewers: ['robin', 'alex'],
  preventSelfReview: true,
  branchPolicy: 'protected' as const,
  canAdminsBypass: false,
};

let shop: Shop;
let prepared: WorkflowResult;
let before: Record<string, unknown>;
/** Requests to Heroku before a test. */
let asked: number;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({ environments: ['staging', 'production'], schedules: false });
  prepared = await migrate({ approve: false });
  const failed = prepared.jobs.filter(({ conclusion }) => conclusion === 'failure').map(({ id }) => id);
  expect(failed).toEqual(['cutover']);
  before = await stateOfHeroku(shop);
}, 300_000);

afterAll(async () => {
  if (full) await shop.close();
});

function migrate(options: Partial<PipelineOptions>): Promise<WorkflowResult> {
  const inputs = { application: 'shop', through: 'production', guard: false };
  return shop.run('migrate.yml', { inputs, ...options });
}

/** Alex, who started the run, approves it where GitHub lets him; `once` is done when he has. */
function approvingHimself(once: () => void = () => undefined): Promise<WorkflowResult> {
  asked = shop.world.heroku.requests.length;
  shop.world.github.configureEnvironment('production', { ...PROTECTED, preventSelfReview: false });
  const onEvent = ({ type }: RunnerEvent): void => {
    if (type === 'approval-given') once();
  };
  return migrate({ rerunOf: prepared, reviewer: 'alex', onEvent });
}

async function expectRefused(result: WorkflowResult, words: RegExp): Promise<void> {
  expectConclusion(result, 'failure');
  expect(errorsOf(result)).toMatch(words);
  expect(changesAmong(shop.world.heroku.requests.slice(asked))).toEqual([]);
  await isWhere(shop, 'heroku');
  expect(await stateOfHeroku(shop)).toEqual(before);
}

testInFull(
  'a person who approves themselves, where the environment lets them: the gate names the setting',
  async () => {
    await expectRefused(
      await approvingHimself(),
      /who starts a run may approve it: tick "Prevent self-review"/,
    );
  },
  120_000,
);

testInFull(
  'a person who approves themselves, and sets the environment right afterwards: no one other has approved',
  async () => {
    const result = await approvingHimself(() =>
      shop.world.github.configureEnvironment('production', PROTECTED),
    );
    await expectRefused(result, /no one other than alex, who started it, has approved this run/);
  },
  120_000,
);

testInFull(
  'an environment that does not exist: GitHub makes an open one and asks nobody, and the gate refuses',
  async () => {
    asked = shop.world.heroku.requests.length;
    shop.world.github.deleteEnvironment('production');
    const events: RunnerEvent[] = [];
    const result = await migrate({ rerunOf: prepared, onEvent: (event) => events.push(event) });
    expect(events.filter(({ type }) => type === 'approval-requested')).toEqual([]);
    await expectRefused(result, /the environment "production" has no required reviewers: add at least one/);
  },
  120_000,
);
