import type { Verdict as Judgement } from './load/judge.ts';

/** Where a run ended, and whether a roll-back was part of it. */
export interface Ending {
  authoritative: 'heroku' | 'digitalocean';
  rolledBack: boolean;
}

/**
 * How often the side on which schedules fired changed beyond what the moves explain. Heroku fires until the fence and again
 * after a roll-back, the new side from the switch on. So in order of time:
 *
 * - DigitalOcean serves: Heroku, then DigitalOcean. One change, whatever was undone and tried again before.
 * - Heroku serves, and nothing was rolled back: no cutover came to its switch. None.
 * - Heroku serves after a roll-back: there and back. Two.
 *
 * Fewer are no finding: nothing need have been due while a side served. More mean that both fired at the same time; each
 * firing is a job of its own, so none of them ran twice.
 */
export function sideChangesTooMany(
  { sideChanges }: Judgement['schedules'],
  { authoritative, rolledBack }: Ending,
): number {
  const back = rolledBack ? 2 : 0;
  return Math.max(0, sideChanges - (authoritative === 'digitalocean' ? 1 : back));
}
