import { describe, expect, test } from '@jest/globals';

import { chooseStrategy, liveObstacles, type StrategyInput } from '../../src/migration/strategy.ts';
import type { LiveFacts } from '../../src/postgres/live-facts.ts';

const GB = 1e9;
const MINUTE = 60_000;

const live: LiveFacts = {
  major: 16,
  inRecovery: false,
  mayCreateSchema: true,
  foreignTables: [],
  largeObjectBytes: 0,
  freeConnections: 80,
};

function table(name: string, bytes: number, key: string[] | null) {
  return { schema: 'public', name, bytes, estimatedRows: 0, key };
}

function input(sizeBytes: number, changes: Partial<StrategyInput> = {}): StrategyInput {
  return {
    wanted: 'auto',
    budgetMs: 5 * MINUTE,
    dnsTtlMs: 30_000,
    database: { sizeBytes, tables: [table('orders', sizeBytes, ['id'])] },
    live,
    redisBytes: 10e6,
    quietTimeoutMs: MINUTE,
    ...changes,
  };
}

test('a database that can be copied within the budget is copied inside the window: nothing is put on the source', () => {
  const choice = chooseStrategy(input(0.5 * GB));
  expect(choice).toMatchObject({ strategy: 'window', by: 'auto', forecasts: { window: { fits: true } } });
  expect(choice.why).toMatch(/fits the budget/);
});

test('one that cannot is followed live, and the choice says by how much', () => {
  const choice = chooseStrategy(input(50 * GB));
  expect(choice).toMatchObject({
    strategy: 'live',
    forecasts: { window: { fits: false }, live: { fits: true } },
  });
  expect(choice.why).toMatch(/may take 1 h .*, more than the budget of 5 min 0 s; live takes up to/);
});

test('the boundary is the upper end of the window, to the millisecond', () => {
  const { high } = chooseStrategy(input(2 * GB)).forecasts?.window ?? { high: 0 };
  expect(chooseStrategy(input(2 * GB, { budgetMs: high })).strategy).toBe('window');
  expect(chooseStrategy(input(2 * GB, { budgetMs: high - 1 })).strategy).toBe('live');
});

test('the downtime of live does not grow with the size, and does with what it cannot follow', () => {
  const of = (sizeBytes: number, changes: Partial<StrategyInput> = {}): number =>
    chooseStrategy(input(sizeBytes, changes)).forecasts?.live.high ?? 0;
  expect(of(500 * GB)).toBe(of(1 * GB));
  const keyless = { sizeBytes: 50 * GB, tables: [table('events', 20 * GB, null)] };
  expect(of(50 * GB, { database: keyless })).toBeGreaterThan(of(50 * GB));
  expect(of(50 * GB, { live: { ...live, largeObjectBytes: 5 * GB } })).toBeGreaterThan(of(50 * GB));
});

test('where all is in tables without a key, live saves nothing and window is taken', () => {
  const database = { sizeBytes: 50 * GB, tables: [table('events', 70 * GB, null)] };
  const choice = chooseStrategy(input(50 * GB, { database }));
  expect(choice.strategy).toBe('window');
  expect(choice.why).toMatch(/Neither fits/);
});

test('what a practice copy measured counts more than any assumption', () => {
  const measured = { copyBytesPerSecond: 200e6, parityBytesPerSecond: 400e6 };
  expect(chooseStrategy(input(8 * GB)).strategy).toBe('live');
  const choice = chooseStrategy(input(8 * GB, { measured }));
  expect(choice.strategy).toBe('window');
  expect(choice.arithmetic.join('\n')).toMatch(/measured by the last practice copy/);
});

/** The upper end of the downtime, and what is told of one part. */
function livePart(name: string, changes: Partial<StrategyInput>): { high: number; told: string } {
  const { forecasts, arithmetic } = chooseStrategy(input(50 * GB, changes));
  return {
    high: forecasts?.live.phases.find((phase) => phase.name === name)?.high ?? Number.NaN,
    told: arithmetic.find((line) => line.startsWith(`Live, ${name}: `)) ?? '',
  };
}

const since = '2026-11-01T00:00:00.000Z';
function busy(writesPerSecond: number, average = 0): Pick<StrategyInput, 'activity'> {
  return {
    activity: { writesPerSecond, average: { transactionsPerSecond: 0, writesPerSecond: average, since } },
  };
}

test('a busy database lengthens the last drain, and the arithmetic says by what', () => {
  expect(livePart('final drain', {}).high).toBe(5_000);
  expect(livePart('final drain', busy(0)).high).toBe(5_000);
  // 30 s for dynos, and a minute each for one-off dynos and for jobs: 150 s at 400 rows, drained at 2,000 a second.
  const { high, told } = livePart('final drain', busy(400));
  expect(high).toBe(35_000);
  expect(told).toContain(
    'Live, final drain: 3.0 s, at most 35.0 s (400 rows written a second when assess looked',
  );
  expect(told).toContain('30.0 s to 2 min 30 s from the last catch-up to the fence: 12,000 to 60,000 rows');
  expect(told).toContain('2,000 to 25,000 rows/s, assumed from');
  // Jobs that may take as long as they like are waited for, and the site writes on.
  expect(livePart('final drain', { ...busy(400), quietTimeoutMs: 10 * MINUTE }).high).toBe(251_000);
});

test('a quiet moment does not hide what is written on average', () => {
  const { high, told } = livePart('final drain', busy(10, 400));
  expect(high).toBe(livePart('final drain', busy(400)).high);
  expect(told).toContain(
    '400 rows written a second on average since 2026-11-01, more than when assess looked',
  );
});

test('what is written at this moment decides nothing: the strategy is the same by day and by night', () => {
  // Nearly all is in tables without a key, so that live saves a few seconds only.
  const database = { sizeBytes: 50 * GB, tables: [table('events', 62 * GB, null)] };
  const by = (changes: Partial<StrategyInput>) => chooseStrategy(input(50 * GB, { database, ...changes }));
  expect(by({}).strategy).toBe('live');
  expect(by(busy(50_000)).strategy).toBe('live');
  expect(by(busy(50_000)).forecasts?.live.high).toBeGreaterThan(by({}).forecasts?.live.high ?? Infinity);
});

test('what a practice copy drained, and what its last pass over Redis took, takes the place of assumptions', () => {
  const drain = livePart('final drain', { ...busy(400), measured: { drainRowsPerSecond: 30_000 } });
  expect(drain.high).toBe(8_000);
  expect(drain.told).toContain('20,000 to 37,500 rows/s, measured by the last practice copy');
  const redis = (changes: Partial<StrategyInput>) => livePart('Redis', { redisBytes: 20 * GB, ...changes });
  expect(redis({}).high).toBe(4_000_000);
  // The last drain takes one second of the three, and what is left may take half as long again.
  const { high, told } = redis({ measured: { redis: { finalPassMs: 3_000, jobsMs: 400 } } });
  expect(high).toBe(3_600);
  expect(told).toContain(
    '3.0 s for the last pass, as far as Postgres does not take as long, and 400 ms to count jobs',
  );
  expect(redis({ measured: { redis: { finalPassMs: 700, jobsMs: 400 } } }).high).toBe(600);
  expect(
    livePart('Redis', { redisBytes: 0, measured: { redis: { finalPassMs: 3_000, jobsMs: 1 } } }).told,
  ).toBe('');
});

test('what a rehearsed cutover took for its steps is told, with the cutover that it was', () => {
  const from = 'the cutover of staging of 2026-11-20';
  const measured = { rehearsed: { from, steps: [{ name: 'park', milliseconds: 3_000 }] } };
  const of = (changes: Partial<StrategyInput>) => chooseStrategy(input(0.5 * GB, changes));
  const text = of({ measured }).arithmetic.join('\n');
  expect(text).toContain(`Of these, Heroku: dynos end: 2.0 s, at most 30.0 s (${from} took 3.0 s for park;`);
  const expected = (changes: Partial<StrategyInput>): number => of(changes).forecasts?.window.expected ?? 0;
  expect(expected({}) - expected({ measured })).toBe(12_000);
});

test('auto takes window when live cannot be, and says why', () => {
  const choice = chooseStrategy(input(50 * GB, { live: { ...live, foreignTables: ['public.audits'] } }));
  expect(choice).toMatchObject({ strategy: 'window', forecasts: { window: { fits: false } } });
  expect(choice.why).toMatch(/live cannot be: public\.audits belongs to another role/);
});

test.each(['window', 'live'] as const)(
  '%s in migration.yml forces it, whatever the figures say',
  (wanted) => {
    for (const size of [0.1 * GB, 500 * GB]) {
      const choice = chooseStrategy(input(size, { wanted }));
      expect(choice).toMatchObject({ strategy: wanted, by: 'migration.yml' });
      expect(choice.why).toMatch(new RegExp(`strategy: ${wanted}`));
    }
  },
);

test('the arithmetic names sizes, rates with their source, the budget and the connections', () => {
  const database = { sizeBytes: 50 * GB, tables: [table('events', 2 * GB, null)] };
  const text = chooseStrategy(input(50 * GB, { database })).arithmetic.join('\n');
  for (const expected of [
    'Database 50.0 GB, of which 2.0 GB in 1 tables without a usable key',
    'Window, copy: 41 min 40 s, at most 1 h 23 min',
    'as read in November 2026',
    'Live, tables without a key: 1 min 40 s, at most 3 min 20 s',
    '80 connections to the source are free; live needs 4',
    'Budget: 5 min 0 s',
  ]) {
    expect(text).toContain(expected);
  }
});

test('the same world gives the same choice', () => {
  expect(chooseStrategy(input(7 * GB))).toEqual(chooseStrategy(input(7 * GB)));
});

test('a database that could not be read is not guessed at', () => {
  expect(chooseStrategy(input(0, { database: undefined, live: undefined }))).toMatchObject({
    strategy: 'window',
    forecasts: null,
    arithmetic: [],
  });
});

describe('live cannot be', () => {
  test.each<[string, Partial<LiveFacts>, RegExp]>([
    ['on an old server', { major: 11 }, /needs PostgreSQL 12.*version 11.*pg:upgrade/],
    ['on a follower', { inRecovery: true }, /follower.*Promote/],
    ['without the right to make a schema', { mayCreateSchema: false }, /may not create a schema/],
    [
      'where other roles own tables',
      { foreignTables: ['public.a', 'public.b'] },
      /public\.a, public\.b belong to.*ALTER TABLE/,
    ],
    ['without free connections', { freeConnections: 3 }, /3 connections.*needs 4/],
  ])('%s, with why and what to do', (_name, changes, expected) => {
    const obstacles = liveObstacles({ ...live, ...changes });
    expect(obstacles.map(({ what, why, remedy }) => `${what}: ${why}. ${remedy}`).join('\n')).toMatch(
      expected,
    );
    expect(obstacles.every(({ remedy }) => remedy.includes('strategy: window'))).toBe(true);
  });

  test('and nothing stands in its way otherwise', () => {
    expect(liveObstacles(live)).toEqual([]);
    expect(liveObstacles({ ...live, freeConnections: null })).toEqual([]);
  });
});
