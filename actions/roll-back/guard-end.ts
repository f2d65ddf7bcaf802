import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Milestone } from '../../src/notify/message.ts';
import { heading, list, paragraph } from '../../src/report/summary.ts';
import { notifierOf } from '../notifier.ts';
import type { Subject } from '../subject.ts';
import { recordPhase } from '../subject.ts';
import type { Judgement } from './judge-cutover.ts';

/**
 * How the guard's watch ended; `half-way` when it could not lead to its end what it found, `too-long` when its time was
 * up while the other still went on.
 */
export type GuardEnd = Exclude<Judgement, 'wait' | 'abandoned'> | 'undone' | 'completed' | 'too-long';

/** What a guard stands beside. */
export type Watchable = 'cutover' | 'roll-back';

interface Ending {
  /** Whether the guard's job is green. */
  well?: true;
  verdict: string;
  now: string;
  /** What is told to the outside. */
  told?: Milestone;
}

const TOGETHER = 'This job fails with the other, so that "Re-run failed jobs" starts both again';

const ENDS: Record<Watchable, Record<GuardEnd, Ending>> = {
  cutover: {
    over: {
      well: true,
      verdict: 'the cutover passed its point of no return and ended',
      now: 'The guard was not needed.',
    },
    undone: {
      verdict: 'the cutover was abandoned; the guard has undone it',
      now: `Heroku serves as before. ${TOGETHER}.`,
      told: 'cutover-undone',
    },
    completed: {
      verdict: 'the cutover stopped after its point of no return; the guard has led it to its end',
      now: `DigitalOcean serves. ${TOGETHER}: the cutover finds everything done, writes its record, and verify follows.`,
      told: 'cutover-finished',
    },
    'ended-before': {
      verdict: 'the cutover ended before its point of no return, and nothing of it is left',
      now: `Heroku serves as before. ${TOGETHER}.`,
    },
    'never-begun': {
      verdict: 'no cutover of this run has begun',
      now: 'Nothing was touched. This job fails, so that "Re-run failed jobs" starts it again beside the cutover.',
    },
    'half-way': {
      verdict:
        'the cutover stopped after its point of no return, and the guard could not lead it to its end: somebody must look now',
      now: 'Nothing is lost and nothing was undone: the data has moved. What stood in the way is told below. Run the same job again: it goes on. `roll-back` is the other way.',
      told: 'cutover-needs-somebody',
    },
    'dead-after-the-switch': {
      verdict: 'the cutover stopped when DigitalOcean served already',
      now: 'Nothing is lost. Run the same job again: it does what is left and writes its record.',
      told: 'cutover-needs-somebody',
    },
    'too-long': {
      verdict: 'the time of the guard is up, and the cutover is not over',
      now: 'Nothing was touched. Look at the cutover: when it is abandoned, run it again or `roll-back`.',
      told: 'cutover-needs-somebody',
    },
  },
  'roll-back': {
    over: {
      well: true,
      verdict: 'the roll-back ended, and no cutover stands any more',
      now: 'Heroku serves. The guard was not needed.',
    },
    undone: {
      verdict: 'the roll-back was abandoned before Heroku might write; the guard has undone it',
      now: `DigitalOcean serves as before the roll-back, and nothing is lost. ${TOGETHER}.`,
      told: 'roll-back-undone',
    },
    completed: {
      verdict: 'the roll-back stopped on its way; the guard has led it to its end',
      now: `Heroku serves. ${TOGETHER}: the roll-back finds everything done and says so.`,
      told: 'roll-back-finished',
    },
    'ended-before': {
      verdict: 'the roll-back ended without having been made, and nothing of it is left',
      now: `DigitalOcean serves as before the roll-back. ${TOGETHER}.`,
    },
    'never-begun': {
      verdict: 'no roll-back of this run has begun',
      now: 'Nothing was touched. This job fails, so that "Re-run failed jobs" starts it again beside the roll-back.',
    },
    'half-way': {
      verdict:
        'the roll-back stopped after Heroku was let write again, and the guard could not lead it to its end: somebody must look now',
      now: 'Nothing is lost and nothing was undone: the data is on Heroku. What stood in the way is told below. Run the same job again: it goes on.',
      told: 'roll-back-needs-somebody',
    },
    'dead-after-the-switch': {
      verdict: 'the roll-back stopped when Heroku served already',
      now: 'Nothing is lost. Run the same job again: it does what is left and writes its record.',
      told: 'roll-back-needs-somebody',
    },
    'too-long': {
      verdict: 'the time of the guard is up, and the roll-back is not over',
      now: 'Nothing was touched. Look at the roll-back: when it is abandoned, run it again.',
      told: 'roll-back-needs-somebody',
    },
  },
};

/** Summary, notices and record. Throws a ConfigurationError with the verdict unless the guard was not needed. */
export async function tellEnd(
  edge: Edge,
  subject: Subject,
  { watches, end, events }: { watches: Watchable; end: GuardEnd; events: readonly string[] },
): Promise<void> {
  const { well, verdict, now, told } = ENDS[watches][end];
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
  if (told !== undefined) notifier.tell(told);
  const notifications = await notifier.settle();
  await recordPhase(edge, subject, 'roll-back', {
    outcome: end,
    changed: end === 'undone' || end === 'completed',
    events: events.slice(-100),
    notifications,
  });
  if (well !== true)
    throw new ConfigurationError(`${verdict[0]?.toUpperCase() ?? ''}${verdict.slice(1)}. ${now}`);
}
