import { expect, test } from '@jest/globals';

import { costOf } from '../../actions/rehearsal/cost.ts';
import { judge, type Judging } from '../../actions/rehearsal/judge.ts';
import { comparisons } from '../../actions/rehearsal/summary.ts';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { addSection, emptyRecord, type MigrationRecord, type Phase } from '../../src/migration/record.ts';

const config = parseMigrationConfig(
  'application: shop\ndowntime-budget: 60s\nenvironments: { staging: { heroku-app: shop-staging, region: fra } }\n',
  'migration.yml',
);
const DECISIONS = { shared: 'sha256:shared', own: 'sha256:own' };
const FITS = { fits: true, high: 50_000 } as Judging['forecast'];
const BEGAN = Date.parse('2026-05-04T04:23:00Z');

/** A section every half hour. */
function recordOf(...sections: [phase: Phase, data: Record<string, unknown>][]): MigrationRecord {
  return sections.reduce(
    (record, [phase, data], index) =>
      addSection(record, phase, {
        at: new Date(BEGAN + index * 1_800_000),
        run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' },
        data,
      }),
    emptyRecord({ migrationId: 'shop-staging', application: 'shop', environment: 'staging' }),
  );
}

const assessed: [Phase, Record<string, unknown>] = ['assess', { outcome: 'ready' }];
const made: [Phase, Record<string, unknown>] = [
  'provision',
  { stage: 'infrastructure', outcome: 'done', usdPerMonth: 33.6, resources: [{ usdPerMonth: 33.6 }] },
];
const copied: [Phase, Record<string, unknown>] = [
  'migrate-db',
  { command: 'copy', outcome: 'copied', tables: 3, keys: 4 },
];
const gone: [Phase, Record<string, unknown>] = [
  'provision',
  { command: 'destroy', outcome: 'destroyed', removed: [{ usdPerMonth: 33.6 }, { usdPerMonth: 0 }] },
];
const moved = (downtimeMs = 1000): [Phase, Record<string, unknown>] => [
  'cutover',
  { outcome: 'moved', decisions: DECISIONS, downtimeMs },
];
const verified: [Phase, Record<string, unknown>] = ['verify', { outcome: 'verified' }];

const judged = (record: MigrationRecord, change: Partial<Judging> = {}) =>
  judge(
    { record, config },
    { depth: 'copy', succeeded: true, decisions: DECISIONS, forecast: FITS, ...change },
  );

test('a copy passes when it was proven and its target is gone', () => {
  expect(judged(recordOf(gone, assessed, made, copied, gone))).toEqual({ outcome: 'passed', reasons: [] });
});

test.each([
  ['nothing was copied', recordOf(assessed, made, gone), {}, /the record holds no copy/],
  [
    'a copy that was undone',
    recordOf(
      assessed,
      made,
      ['migrate-db', { command: 'copy', outcome: 'undone', reason: 'Rows differ.' }],
      gone,
    ),
    {},
    /migrate-db: Rows differ\.,the last copy is "undone"/,
  ],
  [
    'a copy whose reads are slow',
    recordOf(
      assessed,
      made,
      [
        'migrate-db',
        { ...copied[1], checks: [{ state: 'failed', what: 'Quick', found: '9 times as long' }] },
      ],
      gone,
    ),
    { succeeded: false },
    /migrate-db: Quick: 9 times as long,after the last copy this did not hold: Quick/,
  ],
  ['its target still stands', recordOf(gone, assessed, made, copied), {}, /was taken away/],
  [
    'a job that told nothing',
    recordOf(assessed, made, copied, gone),
    { succeeded: false },
    /a job failed before/,
  ],
  ['no record at all', recordOf(), { succeeded: false }, /the record holds no copy/],
] as const)('%s: it failed, and says why', (_what, record, change, says) => {
  const { outcome, reasons } = judged(record, change);
  expect(outcome).toBe('failed');
  expect(reasons.join()).toMatch(says);
});

test('a forecast above the budget, or none, is over budget', () => {
  const record = recordOf(assessed, made, copied, gone);
  const above = { fits: false, high: 90_000 } as Judging['forecast'];
  expect(judged(record, { forecast: above })).toEqual({
    outcome: 'over-budget',
    reasons: ['the forecast goes up to 1 min 30 s, and the budget is 1 min 0 s'],
  });
  expect(judged(record, { forecast: undefined }).outcome).toBe('over-budget');
});

test('a full one is judged by its cutover, and by what that took', () => {
  const full = { depth: 'full' } as const;
  expect(judged(recordOf(assessed, moved(), verified), full).outcome).toBe('passed');
  expect(judged(recordOf(assessed, moved(61_000), verified), full)).toMatchObject({
    outcome: 'over-budget',
    reasons: ['the downtime was 1 min 1 s, and the budget is 1 min 0 s'],
  });
  const unproven = recordOf(assessed, moved(), [
    'verify',
    { outcome: 'failed', failures: ['orders: 1 row'] },
  ]);
  expect(judged(unproven, { ...full, succeeded: false })).toMatchObject({
    outcome: 'failed',
    reasons: ['verify: orders: 1 row', expect.stringMatching(/was not verified/)],
  });
});

test('an environment that has moved has nothing to copy, and that is no failure', () => {
  const record = recordOf(gone, ['assess', { outcome: 'moved' }], gone);
  expect(judged(record).outcome).toBe('nothing-to-do');
  expect(judged(record, { depth: 'full' }).outcome).toBe('failed');
});

test('it tells its own cost: begun hours of what stood, by an hour of the price of a month', () => {
  // From the plan to the removal: an hour and a half.
  expect(costOf(recordOf(gone, assessed, made, copied, gone))).toEqual({
    hours: 2,
    usdPerMonth: 33.6,
    usd: 0.1,
    complete: true,
  });
  const unpriced = [
    'provision',
    { command: 'destroy', outcome: 'destroyed', removed: [{ usdPerMonth: null }] },
  ];
  expect(costOf(recordOf(assessed, made, unpriced as typeof made))).toMatchObject({ complete: false });
  expect(costOf(recordOf(assessed, copied))).toBeUndefined();
});

test('how far off the forecast was, and what has changed since the last time, in words', () => {
  const forecast = { low: 20_000, expected: 40_000, high: 60_000, budget: 60_000 };
  const figures = { timings: [], cost: null, forecast, previous: null, off: null, downtimeMs: null };
  const previous = { at: '2026-04-27T04:23:00Z', outcome: 'passed', expected: 50_000, downtimeMs: 10_000 };
  expect(comparisons({ depth: 'shadow', figures: { ...figures, previous } })).toEqual([
    'A cutover would take 40.0 s (20.0 s to 1 min 0 s) of downtime; the budget is 1 min 0 s.',
    'The last one (2026-04-27) said 50.0 s: this is 20 % less.',
  ]);
  expect(
    comparisons({ depth: 'full', figures: { ...figures, previous, downtimeMs: 50_000, off: 1.25 } }),
  ).toEqual([
    'The forecast was 40.0 s (20.0 s to 1 min 0 s), and it took 50.0 s: 25 % more.',
    'The last one (2026-04-27) said 10.0 s: this is 400 % more.',
  ]);
});
