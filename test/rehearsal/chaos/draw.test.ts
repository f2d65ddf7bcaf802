import { expect, test } from '@jest/globals';
import { draw, PLACES } from '../../../rehearsal/chaos/draw.ts';
import { CHAOS_FAULTS } from '../../../rehearsal/chaos/fault.ts';

const drawnOf = (seed: number) => {
  const { environment, strategy, traffic, runners, faults } = draw(seed);
  return {
    environment,
    strategy,
    traffic,
    runners,
    faults: faults.map(({ fault, at }) => `${at} ${fault.name}`),
  };
};
const seeds = Array.from({ length: 1000 }, (_, seed) => seed);

test('the same seed draws the same, another one something else', () => {
  for (const seed of seeds.slice(0, 20)) expect(drawnOf(seed)).toEqual(drawnOf(seed));
  expect(new Set(seeds.map((seed) => JSON.stringify(drawnOf(seed)))).size).toBeGreaterThan(950);
});

test('every fault, every kind of migration and one to three faults a run are drawn', () => {
  const drawn = seeds.map(draw);
  const struck = new Set(drawn.flatMap(({ faults }) => faults.map(({ fault }) => fault.name)));
  const names = CHAOS_FAULTS.flat().map(({ name }) => name);
  expect([...struck].sort()).toEqual([...names].sort());
  expect(new Set(names).size).toBe(names.length);
  expect(
    new Set(drawn.map(({ environment, strategy, traffic }) => [environment, strategy, traffic].join())),
  ).toEqual(
    new Set(
      ['staging', 'production'].flatMap((environment) =>
        ['window', 'live'].flatMap((strategy) =>
          ['dns', 'front-door'].map((traffic) => [environment, strategy, traffic].join()),
        ),
      ),
    ),
  );
  expect(new Set(drawn.map(({ runners }) => runners))).toEqual(new Set([1, 2]));
  expect(new Set(drawn.map(({ faults }) => faults.length))).toEqual(new Set([1, 2, 3]));
});

test('faults stand in the order of their places, all of them within what a pipeline has', () => {
  for (const { faults, environment } of seeds.map(draw)) {
    const places = faults.map(({ at }) => at);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(Math.min(...places)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...places)).toBeLessThanOrEqual(PLACES[environment]);
  }
});
