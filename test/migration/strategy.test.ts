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
