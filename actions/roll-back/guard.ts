import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { readSource, requirePostgres } from '../../src/migration/source.ts';
import type { Sight, Watch } from '../../src/migration/watch.ts';
import { openWatch } from '../../src/migration/watch.ts';
import { formatDuration } from '../../src/report/format.ts';
import { heading, list, paragraph } from '../../src/report/summary.ts';
import { endOlderRuns } from '../cutover/fence.ts';
import { notifierOf } from '../notifier.ts';
import type { Parties } from '../parties.ts';
import { gatherParties, underLease } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { readSubject, recordPhase } from '../subject.ts';
import type { Judgement } from './judge-cutover.ts';
import { isOwn, judge } from './judge-cutover.ts';
import { goBack, wayBack } from './roll-back.ts';

/** How the guard's watch ended; `too-long` when its time was up while a cutover went on. */
export type GuardEnd = Exclude<Judgement, 'wait' | 'abandoned'> | 'undone' | 'too-long';

type Undoing = 'undone' | 'passed' | 'nothing';

/** What the guard works with; parts of it are other in tests. */
export interface GuardedCutover {
  watch: Watch;
  /**
   * Undoes what was abandoned, under a lease of its own. `passed`: it turns out to be past its point of no return;
   * `nothing`: somebody else was quicker.
   */
  undo: () => Promise<Undoing>;
}

/** Milliseconds. The job that cuts over ends after 350 minutes; this is over in time to tell. */
const LONGEST_MS = 345 * 60_000;
const PAUSE_MS = 3_000;

/**
 * Watches a cutover from a job of its own and undoes it when it is abandoned before its point of no return: when its
 * lease was not renewed for a minute. A cutover whose lease is alive, or past that point, is never touched.
 */
export async function guard(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const { parties, journal } = await gatherParties(edge, subject);
  try {
    const watch = await openWatch(journal.address, journal.migrationId);
    const events: string[] = [];
    try {
      const end = await watchOver(edge, { watch, undo: () => undo(edge, parties, journal) }, events);
      await tell(edge, subject, end, events);
    } finally {
      await watch.close();
    }
  } finally {
    await journal.close();
  }
}

/**
 * Looks every few seconds until there is nothing left to guard. A journal that does not answer is asked again, and
 * nothing is undone meanwhile; an undo that failed is tried again after another minute of silence.
 */
export async function watchOver(
  edge: Pick<Edge, 'clock' | 'log' | 'signal' | 'environment'>,
  { watch, undo }: GuardedCutover,
  events: string[],
  longestMs = LONGEST_MS,
): Promise<GuardEnd> {
  const begun = edge.clock.now().getTime();
  let seen = false;
  let before = '';
  const note = (what: string): void => {
    if (what === before) return;
    before = what;
    events.push(`${edge.clock.now().toISOString().slice(11, 19)} UTC: ${what}`);
    edge.log.info(what);
  };
  for (;;) {
    edge.signal.throwIfAborted();
    const watchingMs = edge.clock.now().getTime() - begun;
    if (watchingMs >= longestMs) return 'too-long';
    try {
      // The cutover begins only once it sees this.
      await watch.sign(edge.environment, 'guard');
      const sight = await watch.look();
      note(inWords(sight));
      seen ||= isOwn(sight, edge.environment);
      const judgement = judge(sight, { run: edge.environment, watchingMs, seen });
      if (judgement === 'abandoned') {
        note(
          `The lease has not been renewed for ${formatDuration(sight.silentMs)}: undoing what was abandoned.`,
        );
        const undone = await undo();
        if (undone !== 'nothing') return undone === 'passed' ? 'dead-after-the-switch' : 'undone';
      } else if (judgement !== 'wait') return judgement;
    } catch (error) {
      if (edge.signal.aborted) throw error;
      note(`Nothing could be done just now: ${messageOf(error)}`);
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}

async function undo(edge: Edge, gathered: Parties, journal: Journal): Promise<Undoing> {
  // Hours may have gone by since they were read.
  const { oldSide } = gathered;
  const source = await readSource(oldSide.heroku, oldSide.app, edge);
  const now = { ...oldSide, database: requirePostgres(source, oldSide.app), redis: source.redis };
  // Nobody is left behind this job to finish what it began: a cancellation does not stop it.
  const never = new AbortController().signal;
  return underLease(edge, { ...gathered, oldSide: now, signal: never }, journal, async (parties, lease) => {
    // Under the lease everything is looked at again: what died may have passed the point of no return with its last breath.
    await endOlderRuns(parties);
    const way = await wayBack(parties, await journal.steps('cutover'));
    if (way !== 'undo') return way === 'reverse' ? 'passed' : 'nothing';
    await goBack({ ...edge, signal: never }, parties, journal, lease, () => undefined);
    return 'undone';
  });
}

function inWords({ holder, lease, steps, waiting }: Sight): string {
  const who = holder === null ? 'nobody' : `${holder.runUrl} (attempt ${holder.runAttempt})`;
  const last = steps.at(-1);
  const where =
    last === undefined ? 'no step of a cutover stands' : `the cutover is at "${last.name}" (${last.status})`;
  if (steps.length === 0 && lease !== 'held' && waiting !== null && waiting.leftMs > 0)
    return 'The cutover waits for its window.';
  if (lease === 'held') return `${who} acts; ${where}.`;
  return lease === 'free' ? `Nobody acts; ${where}.` : `${who} has fallen silent; ${where}.`;
}

const ENDS: Record<GuardEnd, { well: boolean; verdict: string; now: string }> = {
  over: {
    well: true,
    verdict: 'the cutover passed its point of no return and ended',
    now: 'The guard was not needed.',
  },
  undone: {
    well: false,
    verdict: 'the cutover was abandoned; the guard has undone it',
    now: 'Heroku serves as before. This job fails with the cutover, so that "Re-run failed jobs" starts both again.',
  },
  'ended-before': {
    well: false,
    verdict: 'the cutover ended before its point of no return, and nothing of it is left',
    now: 'Heroku serves as before. This job fails with the cutover, so that "Re-run failed jobs" starts both again.',
  },
  'never-begun': {
    well: false,
    verdict: 'no cutover of this run has begun',
    now: 'Nothing was touched. This job fails, so that "Re-run failed jobs" starts it again beside the cutover.',
  },
  'dead-after-the-switch': {
    well: false,
    verdict: 'the cutover stopped after its point of no return: somebody must look now',
    now: 'Nothing is lost and nothing was undone: the data has moved. Run the same job again: it goes on. `roll-back` is the other way.',
  },
  'too-long': {
    well: false,
    verdict: 'the time of the guard is up, and the cutover is not over',
    now: 'Nothing was touched. Look at the cutover: when it is abandoned, run it again or `roll-back`.',
  },
};

async function tell(edge: Edge, subject: Subject, end: GuardEnd, events: readonly string[]): Promise<void> {
  const { well, verdict, now } = ENDS[end];
  const { config, environment } = subject;
  await edge.summary(
    [
      heading(`${config.application} (${environment.name}), guard: ${verdict}`, 2),
      paragraph(now),
      // The first ones tell what it found, the last ones how it ended.
      list([...events.slice(0, 50), ...events.slice(50).slice(-50)]),
    ].join('\n\n'),
  );
  const notifier = notifierOf(edge, subject);
  if (end === 'undone') notifier.tell('cutover-undone');
  if (end === 'dead-after-the-switch' || end === 'too-long') notifier.tell('cutover-needs-somebody');
  const notifications = await notifier.settle();
  const changed = end === 'undone';
  await recordPhase(edge, subject, 'roll-back', {
    outcome: end,
    changed,
    events: events.slice(-100),
    notifications,
  });
  if (!well) throw new ConfigurationError(`${verdict[0]?.toUpperCase() ?? ''}${verdict.slice(1)}. ${now}`);
}
