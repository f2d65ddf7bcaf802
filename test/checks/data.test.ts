import { describe, expect, test } from '@jest/globals';
import { dataChecks, type BothSidesCompared, type SinceTheSwitch } from '../../src/checks/data.ts';

// What the comparison of the data is worth, in words that claim no more than was looked at.

const table = (name: string, equal: boolean): BothSidesCompared['postgres']['tables'][number] => ({
  ...{ name, equal, rows: { source: 10, target: 10 } },
  hash: { source: 'a', target: equal ? 'a' : 'b' },
});
const sides = (equal: boolean, over: Partial<BothSidesCompared['postgres']> = {}): BothSidesCompared => ({
  postgres: {
    rows: { compared: 10, different: equal ? 0 : 2 },
    tables: [table('public.orders', equal)],
    ...{ catalogue: [], sequences: [], ...over },
  },
  redis: { keys: { compared: 5, different: equal ? 0 : 1 } },
});
const since = (over: Partial<SinceTheSwitch> = {}): SinceTheSwitch => ({
  lost: { captured: true, lines: [], notLooked: [] },
  unexplained: { looked: 2, lines: [], notLooked: [] },
  ...over,
});
function states(both: BothSidesCompared, what?: SinceTheSwitch | { broken: string }): Record<string, string> {
  return Object.fromEntries(dataChecks(both, what).map(({ id, state }) => [id, state]));
}
function foundIn(id: string, both: BothSidesCompared, what?: SinceTheSwitch | { broken: string }): string {
  return dataChecks(both, what).find((check) => check.id === id)?.found ?? 'there is no such check';
}

test('before the switch rows that differ are told and objects that differ fail', () => {
  expect(states(sides(true))).toEqual({
    ...{ 'data/objects': 'passed', 'data/rows': 'passed', 'data/keys': 'passed' },
  });
  expect(states(sides(false, { catalogue: ['only on the target: table extra'] }))).toEqual({
    ...{ 'data/objects': 'failed', 'data/rows': 'told', 'data/keys': 'told' },
  });
});

describe('after the switch', () => {
  test('rows that the log explains pass; nothing explains a key of Redis, and none is said to be explained', () => {
    expect(states(sides(false), since())).toEqual({
      ...{ 'data/objects': 'passed', 'data/lost-rows': 'passed', 'data/explained': 'passed' },
      'data/keys': 'told',
    });
    expect(foundIn('data/keys', sides(false), since())).toBe(
      '5 compared by content, 1 differ; nothing tells which of them the new side has written since',
    );
  });

  test.each([
    [
      'lost rows',
      { lost: { captured: true, lines: ['table a: 1'], notLooked: [] } },
      'data/lost-rows',
      'failed',
    ],
    [
      'rows missing without a capture, which somebody may have deleted',
      { lost: { captured: false, lines: ['table a: 1'], notLooked: [] }, unexplained: undefined },
      'data/lost-rows',
      'told',
    ],
    [
      'tables that cannot be told apart',
      { lost: { captured: true, lines: [], notLooked: ['a (it has no key)'] } },
      'data/lost-rows',
      'told',
    ],
    [
      'rows that nobody wrote',
      { unexplained: { looked: 2, lines: ['table a'], notLooked: [] } },
      'data/explained',
      'failed',
    ],
    [
      'rows of which some were not looked at',
      { unexplained: { looked: 2, lines: [], notLooked: ['b (it has no key)'] } },
      'data/explained',
      'told',
    ],
    ['no capture any more', { unexplained: undefined }, 'data/explained', 'told'],
  ])('%s', (_name, over: Partial<SinceTheSwitch>, id, state) => {
    expect(states(sides(false), since(over))).toMatchObject({ [id]: state });
  });

  test('a broken capture is no proof of either, and says why', () => {
    const broken = { broken: 'The log is not complete.' };
    expect(states(sides(false), broken)).toMatchObject({
      ...{ 'data/lost-rows': 'failed', 'data/explained': 'failed' },
    });
    expect(foundIn('data/lost-rows', sides(false), broken)).toBe('The log is not complete.');
  });

  test('equal sides need no explanation', () => {
    expect(states(sides(true), since({ unexplained: undefined }))).toMatchObject({
      ...{ 'data/lost-rows': 'passed', 'data/explained': 'passed' },
    });
  });
});
