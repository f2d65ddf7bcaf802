import { expect, test } from '@jest/globals';
import { chaos } from '../../../rehearsal/chaos/chaos.ts';
import type { ChaosVerdict } from '../../../rehearsal/chaos/run.ts';
import { createChapters } from '../../../rehearsal/chapters.ts';

const HELD: Omit<ChaosVerdict, 'seed'> = {
  ...{
    environment: 'staging',
    strategy: 'live',
    traffic: 'dns',
    runners: 1,
    struck: ['the runner dies'],
    missed: [],
  },
  ...{ attempts: 1, rolledBack: false, authoritative: 'digitalocean', downtimeMs: 0, seconds: 1, broken: [] },
};

async function play(
  verdictOf: (seed: number) => Partial<ChaosVerdict>,
  options = { runs: 3, seed: 7, parallel: 1 },
) {
  const lines: string[] = [];
  const seeds: number[] = [];
  const chapters = createChapters((line) => lines.push(line), 0);
  const result = await chaos(options, chapters, new AbortController().signal, (seed) => {
    seeds.push(seed);
    return Promise.resolve({ ...HELD, ...verdictOf(seed), seed });
  });
  return { ...result, seeds, told: lines.join('\n') };
}

test('each run has the next seed', async () => {
  const { verdict, seeds, told } = await play(() => ({}));
  expect({ verdict, seeds }).toEqual({ verdict: 'passed', seeds: [7, 8, 9] });
  expect(told).toContain('PASSED: 3 runs');
});

test('a run that breaks something fails all of it, and its seed is named', async () => {
  const { verdict, told } = await play((seed) => (seed === 8 ? { broken: ['2 jobs lost'] } : {}));
  expect(verdict).toBe('failed');
  expect(told).toContain('BROKEN: 2 jobs lost');
  expect(told).toContain('FAILED: seeds 8 of 3 runs');
});

test('a run that nothing struck does not count: the next seed takes its place', async () => {
  const { verdict, seeds, runs, withoutFault, told } = await play((seed) =>
    seed < 9 ? { struck: [], missed: ['an order that nobody met'] } : {},
  );
  expect({ verdict, seeds, withoutFault }).toEqual({
    ...{ verdict: 'passed', seeds: [7, 8, 9, 10, 11], withoutFault: [7, 8] },
  });
  expect(runs).toHaveLength(3);
  expect(told).toContain('not counted, for nothing struck: seeds 7, 8');
});

test('what nothing struck and breaks something all the same counts', async () => {
  const { verdict } = await play((seed) => (seed === 7 ? { struck: [], broken: ['1 job lost'] } : {}));
  expect(verdict).toBe('failed');
});

test('chaos in which nothing ever strikes is no pass', async () => {
  await expect(play(() => ({ struck: [] }))).rejects.toThrow('too tame');
});

test('a run that comes to no verdict is a failed one, and the others go on', async () => {
  const { verdict, seeds, unjudged } = await play((seed) => {
    if (seed === 7) throw new Error('the world ended');
    return {};
  });
  expect({ verdict, seeds, unjudged }).toEqual({
    ...{ verdict: 'failed', seeds: [7, 8, 9], unjudged: [{ seed: 7, reason: 'the world ended' }] },
  });
});

test('several at a time are as many runs, each with a seed of its own', async () => {
  const { seeds, runs } = await play(() => ({}), { runs: 5, seed: 1, parallel: 2 });
  expect(seeds.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5]);
  expect(runs).toHaveLength(5);
});
