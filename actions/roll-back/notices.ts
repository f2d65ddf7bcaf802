import type { Edge } from '../../src/github/run.ts';
import type { Milestone } from '../../src/notify/message.ts';
import type { FailedOutcome } from '../failed-phase.ts';
import type { SentNotice } from '../notifier.ts';
import { notifierOf } from '../notifier.ts';
import type { Subject } from '../subject.ts';
import type { RollBack } from './roll-back.ts';

/** What of a way back is told, and when. */
export interface RollBackNotices {
  /** For every step: the first one is told as the beginning. */
  onStep(): void;
  /** Told and waited for; what is returned belongs into the record. */
  finished(outcome: RollBack['outcome']): Promise<{ notifications: SentNotice[] }>;
  failed(outcome: FailedOutcome): Promise<{ notifications: SentNotice[] }>;
}

const WHEN_FINISHED: Record<RollBack['outcome'], Milestone | undefined> = {
  'nothing-to-do': undefined,
  undone: 'cutover-undone',
  'rolled-back': 'roll-back-finished',
};
const WHEN_FAILED: Record<FailedOutcome, Milestone | undefined> = {
  refused: 'roll-back-not-begun',
  undone: 'roll-back-undone',
  unfinished: 'roll-back-needs-somebody',
  stuck: 'roll-back-needs-somebody',
  // The run that took over tells.
  superseded: undefined,
};

export function rollBackNotices(edge: Edge, subject: Subject): RollBackNotices {
  const notifier = notifierOf(edge, subject);
  let begun = false;
  const told = async (milestone: Milestone | undefined): Promise<{ notifications: SentNotice[] }> => {
    if (milestone !== undefined) notifier.tell(milestone);
    return { notifications: await notifier.settle() };
  };
  return {
    onStep() {
      if (!begun) notifier.tell('roll-back-begun');
      begun = true;
    },
    finished: (outcome) => told(WHEN_FINISHED[outcome]),
    failed: (outcome) => told(WHEN_FAILED[outcome]),
  };
}
