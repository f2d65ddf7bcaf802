import { messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { SagaOptions } from '../../src/migration/saga.ts';
import type { Sight, Watch } from '../../src/migration/watch.ts';
import { openWatch } from '../../src/migration/watch.ts';
import { formatDuration } from '../../src/report/format.ts';
import { gatherParties } from '../parties.ts';
import { readSubject } from '../subject.ts';
import { tellEnd, type GuardEnd } from './guard-end.ts';
import { guardedCutover } from './guarded-cutover.ts';
import { guardedWayBack } from './guarded-way-back.ts';
import type { Judgement, Watched } from './judge-cutover.ts';

type OnStep = NonNullable<SagaOptions['onStep']>;

/** What a guard watches, a cutover or a way back (`it`): how it sees how that stands, and what it can do about it. */
export interface Guarded {
  /** Whether this run is who acts, or acted last. */
  isOwn(sight: Sight, run: Watched['run']): boolean;
  judge(sight: Sight, watched: Watched): Judgement;
  /**
   * Undoes what was abandoned, under a lease of its own. `completed`: what it undid was what the way back was undoing;
   * `passed`: it turns out to be past its point of no return; `nothing`: somebody else was quicker.
   */
  undo(onStep: OnStep): Promise<'undone' | 'completed' | 'passed' | 'nothing'>;
  /** Goes on from the point of no return, under a lease of its own. `nothing`: somebody else is at it. */
  complete(onStep: OnStep): Promise<'completed' | 'nothing'>;
}

/** Milliseconds. The job that it watches ends after 350 minutes; this is over in time to tell. */
const LONGEST_MS = 345 * 60_000;
const PAUSE_MS = 3_000;
/** What does not succeed by then needs somebody, and GitHub lets nobody run a job again while this one lasts. */
const COMPLETIONS = 3;

/**
 * Watches a cutover or a way back from a job of its own. When its lease was not renewed for a minute it undoes what was
 * abandoned before its point of no return, and leads to its end what stopped after it while nobody is served: neither side
 * serves for longer than that. Whose lease is alive is never touched.
 */
export async function guard(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const watches = edge.inputs.choice('watches', ['cutover', 'roll-back']);
  const { parties, journal } = await gatherParties(edge, subject, 'guard');
  try {
    const watch = await openWatch(journal.address, journal.migrationId);
    const events: string[] = [];
    try {
      const guarded =
        watches === 'cutover'
          ? await guardedCutover(edge, parties, journal)
          : guardedWayBack(edge, parties, journal);
      const end = await watchOver(edge, watch, guarded, events);
      await tellEnd(edge, subject, { watches, end, events });
    } finally {
      await watch.close();
    }
  } finally {
    await journal.close();
  }
}

/**
 * Looks every few seconds until there is nothing left to guard. A journal that does not answer is asked again, and
 * nothing is undone meanwhile; what failed is tried again after another minute of silence.
 */
export async function watchOver(
  edge: Pick<Edge, 'clock' | 'log' | 'signal' | 'environment'>,
  watch: Watch,
  guarded: Guarded,
  events: string[],
  longestMs = LONGEST_MS,
): Promise<GuardEnd> {
  const begun = edge.clock.now().getTime();
  let seen = false;
  let completions = 0;
  let before = '';
  const note = (what: string): void => {
    if (what === before) return;
    before = what;
    events.push(`${edge.clock.now().toISOString().slice(11, 19)} UTC: ${what}`);
    edge.log.info(what);
  };
  const onStep: OnStep = ({ name, event, milliseconds }) => {
    if (['done', 'undone', 'failed'].includes(event))
      note(`"${name}" ${event} after ${(milliseconds / 1000).toFixed(1)} s`);
  };
  for (;;) {
    edge.signal.throwIfAborted();
    const watchingMs = edge.clock.now().getTime() - begun;
    if (watchingMs >= longestMs) return 'too-long';
    try {
      // Who waits for its guard begins only once it sees this.
      await watch.sign(edge.environment, 'guard');
      const sight = await watch.look();
      note(inWords(sight));
      seen ||= guarded.isOwn(sight, edge.environment);
      const judgement = guarded.judge(sight, { run: edge.environment, watchingMs, seen });
      const silent = `The lease has not been renewed for ${formatDuration(sight.silentMs)}`;
      let passed = judgement === 'half-way';
      if (judgement === 'abandoned') {
        note(`${silent}: undoing what was abandoned.`);
        const undone = await guarded.undo(onStep);
        if (undone === 'undone' || undone === 'completed') return undone;
        passed = undone === 'passed';
      }
      if (passed) {
        if (completions === COMPLETIONS) return 'half-way';
        completions += 1;
        note(`${silent}, and the point of no return is passed: going on from there.`);
        if ((await guarded.complete(onStep)) === 'completed') return 'completed';
      } else if (judgement !== 'wait' && judgement !== 'abandoned') return judgement;
    } catch (error) {
      if (edge.signal.aborted) throw error;
      note(`Nothing could be done just now: ${messageOf(error)}`);
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}

function inWords({ holder, lease, steps, back, waiting }: Sight): string {
  const who = holder === null ? 'nobody' : `${holder.runUrl} (attempt ${holder.runAttempt})`;
  const [what, last] = back.length > 0 ? ['roll-back', back.at(-1)] : ['cutover', steps.at(-1)];
  const where =
    last === undefined ? 'no step of a cutover stands' : `the ${what} is at "${last.name}" (${last.status})`;
  if (steps.length === 0 && lease !== 'held' && waiting !== null && waiting.leftMs > 0)
    return 'The cutover waits for its window.';
  if (lease === 'held') return `${who} acts; ${where}.`;
  return lease === 'free' ? `Nobody acts; ${where}.` : `${who} has fallen silent; ${where}.`;
}
