import { expect, test } from '@jest/globals';
import { draw } from '../../../rehearsal/chaos/draw.ts';
import { CHAOS_FAULTS } from '../../../rehearsal/chaos/fault.ts';

const namesOf = (seed: number) => ({
  strategy: draw(seed).strategy,
  faults: draw(seed).faults.map(({ fault, at }) => `${at} ${fault.name}`),
});
const seeds = Array.from({ length: 300 }, (_, seed) => seed);

test('the same seed draws the same, another one something else', () => {
  for (const seed of seeds.slice(0, 20)) expect(namesOf(seed)).toEqual(namesOf(seed));
  expect(new Set(seeds.map((seed) => JSON.stringify(namesOf(seed)))).size).toBeGreaterThan(290);
});

test('every fault, both strategies and one to three faults a run are drawn', () => {
  const drawn = seeds.map(draw);
  const struck = new Set(drawn.flatMap(({ faults }) => faults.map(({ fault }) => fault.name)));
  expect([...struck].sort()).toEqual(CHAOS_FAULTS.map(({ name }) => name).sort());
  expect(new Set(drawn.map(({ strategy }) => strategy))).toEqual(new Set(['window', 'live']));
  expect(new Set(drawn.map(({ faults }) => faults.length))).toEqual(new Set([1, 2, 3]));
  for (const { faults } of drawn) {
    const places = faults.map(({ at }) => at);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  }
});
