import { describe, expect, test } from '@jest/globals';

import { stepsOfCutover, stepsOfRollBack, type StepsOfAMove } from './end-to-end/steps-of-a-move.ts';

// The end-to-end tests stop a move at each of these. They are read off the code; this says that all of them were found,
// those of a way back too, which has as many as the cutover before it gives it to do.

const all = ({ before, pointOfNoReturn, after }: StepsOfAMove): string[] => [
  ...before,
  pointOfNoReturn,
  ...after,
];

describe.each([
  ['window', 'dns'],
  ['live', 'dns'],
  ['live', 'front-door'],
  ['window', 'cdn'],
] as const)('%s, %s', (strategy, traffic) => {
  const forth = stepsOfCutover(strategy, traffic);
  const back = stepsOfRollBack(strategy, traffic);

  test('a cutover is parted at its point of no return, each step standing once', () => {
    expect(forth.pointOfNoReturn).toBe('point-of-no-return');
    expect(new Set(all(forth)).size).toBe(all(forth).length);
    expect(forth.before).toEqual(expect.arrayContaining(['gate', 'fence', 'count-jobs']));
    expect(forth.after).toEqual(expect.arrayContaining(['open-new-side', 'smoke']));
  });

  test('its way back is the one that carries everything, leads every name back and ends the capture', () => {
    expect(back.pointOfNoReturn).toBe('lift-fence');
    expect(back.before).toEqual(expect.arrayContaining(['final-drain', 'carry-jobs', 'count-jobs']));
    expect(back.after).toEqual(
      expect.arrayContaining([
        'unpark',
        'start-workers',
        'end-reverse-capture',
        'restart-workers-of-new-side',
      ]),
    );
    const name = `${traffic === 'cdn' ? 'cdn' : 'dns'} shop.example.com`;
    expect(all(forth)).toContain(name);
    expect(all(back)).toContain(name);
    if (traffic === 'front-door')
      expect(back.before).toEqual(expect.arrayContaining([name, 'resolvers-follow', 'front-door-hold']));
  });
});
