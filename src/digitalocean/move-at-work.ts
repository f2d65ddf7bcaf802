import { ConfigurationError } from '../errors.ts';
import { errandOf, runIdOf, type Holder, type RunnerPass } from './runner-mark.ts';

const HOUR_MS = 3_600_000;
/** From when a move is let in until its job is over, whatever became of it: the workflows end such a job after 350 minutes. */
export const LONGEST_MOVE_MS = 6 * HOUR_MS;
/** Moves are over long before. */
const UNUSUAL_MS = 2 * HOUR_MS;

/** A cutover or roll-back of another run, as the trusted sources tell of it. */
export interface Move {
  errand: 'cutover' | 'roll-back';
  runId: string;
  /** Of its runner; the private network when the user trusts that runner's address himself. */
  address: string;
  begunAt: Date;
  until: Date;
}

/**
 * A move of another run is at work, and the lists of who is let in rest until it has ended: to add an address, or take
 * one out, could start a deployment between its fence and its smoke test. Nothing was touched.
 */
export class MoveAtWorkError extends ConfigurationError {
  /** It has been there for longer than moves take: its machine may have died. */
  readonly unusual: boolean;

  constructor({ errand, runId, address, begunAt, until }: Move, now: Date) {
    const forMs = now.getTime() - begunAt.getTime();
    super(
      `A ${errand} is at work (run ${runId}, for ${Math.round(forMs / 60_000)} min), and until it has ended nobody else is let in to the new ` +
        'databases: a change of their trusted sources could start a deployment in the middle of it. Nothing was touched. Run ' +
        `this again when run ${runId} has ended. If it has, its machine died and left its mark: “Re-run failed jobs” there takes it ` +
        `out; where it died in the middle of the ${errand}, roll-back does; or take ${address} out of the cluster's trusted sources ` +
        `and of the firewall of Redis by hand. After ${until.toISOString().slice(11, 16)} UTC it counts no more.`,
    );
    this.unusual = forMs > UNUSUAL_MS;
  }
}

/** The move of another run that the list tells of and whose time is not up; `undefined` without one. */
export function moveAtWork(
  sources: readonly { value: string; holders: readonly Holder[] | undefined }[],
  own: Pick<RunnerPass, 'holder'>,
  now: Date,
): Move | undefined {
  for (const { value, holders = [] } of sources) {
    for (const one of holders) {
      const errand = errandOf(one);
      const isMove = errand === 'cutover' || errand === 'roll-back';
      // Jobs of one run follow on each other by themselves.
      if (!isMove || one.until <= now || runIdOf(one) === runIdOf(own)) continue;
      const begunAt = new Date(one.until.getTime() - LONGEST_MOVE_MS);
      return { errand, runId: runIdOf(one), address: value, begunAt, until: one.until };
    }
  }
  return undefined;
}
