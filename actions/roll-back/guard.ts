import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Step } from '../../src/migration/saga.ts';
import { runSteps } from '../../src/migration/saga.ts';
import { readSource, requirePostgres } from '../../src/migration/source.ts';
import type { Sight, Watch } from '../../src/migration/watch.ts';
import { openWatch } from '../../src/migration/watch.ts';
import { formatDuration } from '../../src/report/format.ts';
import { heading, list, paragraph } from '../../src/report/summary.ts';
import { endOlderRuns } from '../cutover/fence.ts';
import { cutoverSteps, noChecks, resultsOf } from '../cutover/steps.ts';
import { dashboardOf } from '../dashboard.ts';
import { withNames } from '../names.ts';
import { notifierOf } from '../notifier.ts';
import type { Parties } from '../parties.ts';
import { gatherParties, underLease } from '../parties.ts';
import { copiedStrategy, plannedStrategy } from '../strategy.ts';
import type { Subject } from '../subject.ts';
import { readSubject, recordPhase } from '../subject.ts';
import type { Judgement } from './judge-cutover.ts';
import { isOwn, judge } from './judge-cutover.ts';
import { goBack, wayBack } from './roll-back.ts';

/**
 * How the guard's watch ended; `half-way` when it could not lead to its end what it found, `too-long` when its time was
 * up while a cutover went on.
 */
export type GuardEnd = Exclude<Judgement, 'wait' | 'abandoned'> | 'undone' | 'completed' | 'too-long';

type Undoing = 'undone' | 'passed' | 'nothing';
type Completing = 'completed' | 'nothing';

/** What the guard works with; parts of it are other in tests. */
export interface GuardedCutover {
  watch: Watch;
  /** Steps after the point of no return without which visitors are not served. */
  serving: readonly string[];
  /**
   * Undoes what was abandoned, under a lease of its own. `passed`: it turns out to be past its point of no return;
   * `nothing`: somebody else was quicker.
   */
  undo: () => Promise<Undoing>;
  /** Goes on from the point of no return, under a lease of its own. `nothing`: somebody else is at it. */
  complete: () => Promise<Completing>;
}

/** Milliseconds. The job that cuts over ends after 350 minutes; this is over in time to tell. */
const LONGEST_MS = 345 * 60_000;
const PAUSE_MS = 3_000;
/** What does not succeed by then needs somebody, and GitHub lets nobody run a job again while this one lasts. */
const COMPLETIONS = 3;

/**
 * Watches a cutover from a job of its own. When its lease was not renewed for a minute it undoes what was abandoned
 * before the point of no return, and leads to its end what stopped after it while nobody is served: neither side serves
 * for longer than that. A cutover whose lease is alive is never touched.
 */
export async function guard(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const { parties, journal } = await gatherParties(edge, subject);
  try {
    const watch = await openWatch(journal.address, journal.migrationId);
    const events: string[] = [];
    try {
      const strategy = (await copiedStrategy(journal)) ?? plannedStrategy(subject);
      const guarded: GuardedCutover = {
        watch,
        serving: servingSteps(cutoverSteps(parties, noChecks, strategy)),
        undo: () => undo(edge, parties, journal),
        complete: () => complete(edge, parties, journal),
      };
      const end = await watchOver(edge, guarded, events);
      await tell(edge, subject, end, events);
    } finally {
      await watch.close();
    }
  } finally {
    await journal.close();
  }
}

/** Between the point of no return and the smoke test, which included. */
function servingSteps(steps: readonly Step[]): string[] {
  const names = steps.map(({ name }) => name);
  const from = steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn === true);
  return names.slice(from + 1, names.indexOf('smoke') + 1);
}

/**
 * Looks every few seconds until there is nothing left to guard. A journal that does not answer is asked again, and
 * nothing is undone meanwhile; what failed is tried again after another minute of silence.
 */
export async function watchOver(
  edge: Pick<Edge, 'clock' | 'log' | 'signal' | 'environment'>,
  { watch, serving, undo, complete }: GuardedCutover,
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
      const judgement = judge(sight, { run: edge.environment, watchingMs, seen, serving });
      const silent = `The lease has not been renewed for ${formatDuration(sight.silentMs)}`;
      let passed = judgement === 'half-way';
      if (judgement === 'abandoned') {
        note(`${silent}: undoing what was abandoned.`);
        const undone = await undo();
        if (undone === 'undone') return undone;
        passed = undone === 'passed';
      }
      if (passed) {
        if (completions === COMPLETIONS) return 'half-way';
        completions += 1;
        note(`${silent}, and the point of no return is passed: going on from there.`);
        if ((await complete()) === 'completed') return 'completed';
      } else if (judgement !== 'wait' && judgement !== 'abandoned') return judgement;
    } catch (error) {
      if (edge.signal.aborted) throw error;
      note(`Nothing could be done just now: ${messageOf(error)}`);
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}

/** Nobody is left behind this job to finish what it begins: a cancellation does not stop it. */
const never = new AbortController().signal;

async function undo(edge: Edge, gathered: Parties, journal: Journal): Promise<Undoing> {
  return underLease(edge, await lookedUpAgain(edge, gathered), journal, async (parties, lease) => {
    // Under the lease everything is looked at again: what died may have passed the point of no return with its last breath.
    await endOlderRuns(parties);
    const way = await wayBack(parties, await journal.steps('cutover'));
    if (way !== 'undo') return way === 'reverse' ? 'passed' : 'nothing';
    await goBack({ ...edge, signal: never }, parties, journal, lease, () => undefined);
    return 'undone';
  });
}

/** What "Re-run failed jobs" would do, without waiting for somebody who presses it. */
async function complete(edge: Edge, gathered: Parties, journal: Journal): Promise<Completing> {
  return underLease(edge, await lookedUpAgain(edge, gathered), journal, async (parties, lease) => {
    const begunBack = (await journal.steps('roll-back')).some(({ status }) => status !== 'undone');
    if (begunBack) return 'nothing';
    await endOlderRuns(parties);
    const strategy = (await copiedStrategy(journal)) ?? plannedStrategy(parties.subject);
    const acting = { ...withNames(edge, parties), dashboard: dashboardOf(edge) };
    const checks = { ...noChecks, resultOf: resultsOf(journal) };
    await runSteps(journal, lease, cutoverSteps(acting, checks, strategy), {
      phase: 'cutover',
      log: edge.log,
      clock: edge.clock,
      signal: never,
    });
    return 'completed';
  });
}

/** Hours may have gone by since the addresses of the old side were read. */
async function lookedUpAgain(edge: Edge, gathered: Parties): Promise<Parties> {
  const { oldSide } = gathered;
  const source = await readSource(oldSide.heroku, oldSide.app, edge);
  const now = { ...oldSide, database: requirePostgres(source, oldSide.app), redis: source.redis };
  return { ...gathered, oldSide: now, signal: never };
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
  completed: {
    well: false,
    verdict: 'the cutover stopped after its point of no return; the guard has led it to its end',
    now: 'DigitalOcean serves. This job fails with the cutover, so that "Re-run failed jobs" starts both again: the cutover finds everything done, writes its record, and verify follows.',
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
  'half-way': {
    well: false,
    verdict:
      'the cutover stopped after its point of no return, and the guard could not lead it to its end: somebody must look now',
    now: 'Nothing is lost and nothing was undone: the data has moved. What stood in the way is told below. Run the same job again: it goes on. `roll-back` is the other way.',
  },
  'dead-after-the-switch': {
    well: false,
    verdict: 'the cutover stopped when DigitalOcean served already',
    now: 'Nothing is lost. Run the same job again: it does what is left and writes its record.',
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
  if (end === 'completed') notifier.tell('cutover-finished');
  if (['half-way', 'dead-after-the-switch', 'too-long'].includes(end))
    notifier.tell('cutover-needs-somebody');
  const notifications = await notifier.settle();
  const changed = end === 'undone' || end === 'completed';
  await recordPhase(edge, subject, 'roll-back', {
    outcome: end,
    changed,
    events: events.slice(-100),
    notifications,
  });
  if (!well) throw new ConfigurationError(`${verdict[0]?.toUpperCase() ?? ''}${verdict.slice(1)}. ${now}`);
}
