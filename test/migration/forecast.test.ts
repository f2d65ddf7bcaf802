import { expect, test } from '@jest/globals';

import { forecastDowntime, measuredPart } from '../../src/migration/forecast.ts';

const MINUTE = 60_000;
const parts = [
  measuredPart({ name: 'copy', milliseconds: 40_000 }),
  measuredPart({ name: 'parity', milliseconds: 20_000 }),
];

test('what was measured is expected again, and may take half as long again', () => {
  const { phases } = forecastDowntime({ strategy: 'window', parts, budgetMs: 5 * MINUTE });
  expect(phases.filter(({ basis }) => basis === 'measured')).toEqual([
    expect.objectContaining({ name: 'copy', low: 32_000, expected: 40_000, high: 60_000 }),
    expect.objectContaining({ name: 'parity', low: 16_000, expected: 20_000, high: 30_000 }),
  ]);
});

test('the window counts what a practice copy does not have: 30 s for dynos, the parking release, the fence, DNS', () => {
  const { phases } = forecastDowntime({ strategy: 'window', parts, budgetMs: 5 * MINUTE });
  const allowed = phases.filter(({ basis }) => basis === 'allowed');
  expect(allowed.map(({ name }) => name)).toEqual([
    'Heroku: maintenance mode',
    'Heroku: dynos end',
    'Heroku: parking release',
    'fence: locks on every table',
    'point of no return and opening',
    'DNS: records are changed',
  ]);
  expect(allowed.find(({ name }) => name === 'Heroku: dynos end')?.high).toBe(30_000);
  expect(allowed.every(({ reason }) => reason.length > 10)).toBe(true);
});

test('resolvers keep the old address for a whole lifetime of the record at most', () => {
  const moved = forecastDowntime({ strategy: 'window', parts, budgetMs: 5 * MINUTE, dnsTtlMs: 30_000 });
  const unmoved = forecastDowntime({ strategy: 'window', parts, budgetMs: 5 * MINUTE });
  expect(moved.phases.at(-1)).toMatchObject({ basis: 'dns', low: 0, expected: 15_000, high: 30_000 });
  expect(moved.high - unmoved.high).toBe(30_000);
  expect(moved.low).toBe(unmoved.low);
});

test('the range is the sum of its phases and each phase is in order', () => {
  const { phases, low, expected, high } = forecastDowntime({
    strategy: 'window',
    parts,
    budgetMs: 1,
    dnsTtlMs: 60_000,
  });
  expect(low).toBe(phases.reduce((sum, phase) => sum + phase.low, 0));
  expect(expected).toBe(phases.reduce((sum, phase) => sum + phase.expected, 0));
  expect(high).toBe(phases.reduce((sum, phase) => sum + phase.high, 0));
  for (const phase of phases) {
    expect(phase.low).toBeLessThanOrEqual(phase.expected);
    expect(phase.expected).toBeLessThanOrEqual(phase.high);
  }
});

test('a window fits when its upper end does, to the millisecond', () => {
  const { high, expected } = forecastDowntime({ strategy: 'window', parts, budgetMs: 0 });
  const exactly = forecastDowntime({ strategy: 'window', parts, budgetMs: high });
  expect(exactly).toMatchObject({ fits: true, budget: high });
  expect(exactly.verdict).toMatch(
    /^Downtime forecast: .* s to .* s, expected .* s; within the budget of .* s\.$/,
  );
  expect(forecastDowntime({ strategy: 'window', parts, budgetMs: high - 1 })).toMatchObject({
    fits: false,
    verdict: expect.stringContaining('may exceed the budget'),
  });
  expect(forecastDowntime({ strategy: 'window', parts, budgetMs: expected - 1 })).toMatchObject({
    fits: false,
    verdict: expect.stringContaining('above the budget'),
  });
});

test('without a practice copy nothing fits, however large the budget is', () => {
  const forecast = forecastDowntime({ strategy: 'window', parts: [], budgetMs: 24 * 60 * MINUTE });
  expect(forecast.fits).toBe(false);
  expect(forecast.verdict).toMatch(/run migrate-db first/);
});

test('live adds what it does inside the fence whatever the size is, and nothing of the window strategy is missing', () => {
  const names = (strategy: 'window' | 'live'): string[] =>
    forecastDowntime({ strategy, parts, budgetMs: 5 * MINUTE }).phases.map(({ name }) => name);
  expect(names('live')).toEqual(expect.arrayContaining(names('window')));
  expect(names('live').filter((name) => !names('window').includes(name))).toEqual([
    'sequences, foreign keys and triggers',
    'capture on the new side, for the way back',
  ]);
});

const rehearsed = {
  from: 'the cutover of staging of 2026-11-20',
  steps: [
    { name: 'maintenance-mode', milliseconds: 400 },
    { name: 'park', milliseconds: 3_000 },
    { name: 'stray-sessions', milliseconds: 500 },
    { name: 'fence', milliseconds: 19_500 },
    { name: 'dns staging.example.com', milliseconds: 100 },
  ],
};

test('what a rehearsed cutover took for a step is expected again; the upper end is never below what is allowed', () => {
  const forecast = forecastDowntime({ strategy: 'live', parts, budgetMs: 5 * MINUTE, rehearsed });
  const phase = (name: string) => forecast.phases.find((one) => one.name.startsWith(name));
  expect(phase('Heroku: maintenance mode')).toMatchObject({ basis: 'measured', expected: 400, high: 5_000 });
  // One step for both: 3 s in parts of the 15 s that they are allowed.
  expect(phase('Heroku: dynos end')).toMatchObject({ basis: 'measured', expected: 2_000, high: 30_000 });
  expect(phase('Heroku: parking release')).toMatchObject({ expected: 1_000, high: 15_000 });
  expect(phase('Heroku: dynos end')?.reason).toMatch(
    /^the cutover of staging of 2026-11-20 took 3.0 s for park;/,
  );
  // It took longer than is allowed: that may happen again, and half as long again.
  expect(phase('fence')).toMatchObject({ low: 100, expected: 20_000, high: 30_000 });
  // Not all of its steps were made there, and names are others here.
  for (const name of ['point of no return', 'capture on the new side', 'DNS: records', 'sequences'])
    expect(phase(name)?.basis).toBe('allowed');
  for (const { low, expected, high } of forecast.phases) {
    expect(low).toBeLessThanOrEqual(expected);
    expect(expected).toBeLessThanOrEqual(high);
  }
});

test('steps of another mode of traffic tell nothing', () => {
  const of = (more: object) =>
    forecastDowntime({ strategy: 'live', parts, budgetMs: 5 * MINUTE, frontDoor: true, ...more }).phases;
  const withoutFence = { ...rehearsed, steps: rehearsed.steps.slice(0, 2) };
  expect(of({ rehearsed: withoutFence })).toEqual(of({}));
  const steps = [
    { name: 'front-door', milliseconds: 2_200 },
    { name: 'front-door-forward', milliseconds: 100 },
  ];
  const held = of({ rehearsed: { ...rehearsed, steps } }).filter(({ name }) => name.startsWith('Heroku'));
  expect(held.map(({ basis }) => basis)).toEqual(['measured', 'measured']);
  expect(held.reduce((sum, { expected }) => sum + expected, 0)).toBe(2_300);
});

test('a part says how it was measured', () => {
  const part = measuredPart({ name: 'final drain', milliseconds: 100, from: '200 rows at 2,000 rows/s' });
  expect(part.reason).toMatch(/^200 rows at 2,000 rows\/s; /);
});
