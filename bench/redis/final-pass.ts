import { withRedis } from '../../src/redis/connect.ts';
import type { FinishResult } from '../../src/redis/follow.ts';
import { spreadOf, type Spread } from '../measure.ts';
import { proveEqual, startWorker, type CopyWork, type RedisWorker } from './copies.ts';
import { emptyTarget, type Ends } from './servers.ts';
import { forgetSlowCommands, longestBlock, type Block } from './slow-commands.ts';
import { changesOf, makeChanges, writeUntil, type Change } from './writer.ts';
import type { Done } from './work-process.ts';

export interface FinalPassResult {
  /** Keys of the source, and changes made after the target had caught up. */
  keys: number;
  changes: number;
  milliseconds: Spread;
  /** Of the last round. */
  finished: FinishResult;
  /** Catching up while the application writes. */
  catchUp: { changesPerSecond: number; keys: number; passes: number; milliseconds: number };
  /** Following an equal target once more, as after a kill. */
  resumeMilliseconds: Spread;
  peakBytes: number;
  block: Block;
  parityBlock: Block;
}

/** One key in so many is changed. */
const CHANGED = 1_000;
const FEWEST_CHANGES = 20;

/**
 * The last pass before a switch. Each round follows anew and catches up; then some keys are changed, and the clock runs
 * from asking for the end until the target is proven to be equal. The first round, which does not count, begins with an
 * empty target and catches up while the application writes.
 */
export async function measureFinalPass(work: Omit<CopyWork, 'warmUp'>): Promise<FinalPassResult> {
  const { servers, ends, keys, rounds, log } = work;
  const changes = Math.max(FEWEST_CHANGES, Math.round(keys / CHANGED));
  const change = changesOf(keys);
  await emptyTarget(servers);
  await forgetSlowCommands(servers);

  const first = await inRound(async (worker) => {
    await worker.ask({ work: 'follow', ends });
    const catchUp = await catchUpWhileWriting(worker, ends, change);
    log.info(
      `Caught up in ${(catchUp.milliseconds / 1000).toFixed(2)} s while ${catchUp.changesPerSecond.toFixed(0)} changes a second were made: ${catchUp.passes} passes, ${catchUp.keys} keys`,
    );
    return { ...(await finishAfter(worker, ends, change, changes)), catchUp };
  });
  log.info(`warm-up: final pass ${first.done.milliseconds.toFixed(0)} ms`);

  const times: number[] = [];
  const resumes: number[] = [];
  let last = first.done;
  let peakBytes = first.done.peakBytes;
  for (let round = 1; round <= rounds; round += 1) {
    const { resumed, done } = await inRound(async (worker) => {
      const { milliseconds } = await worker.ask({ work: 'follow', ends });
      return { resumed: milliseconds, ...(await finishAfter(worker, ends, change, changes)) };
    });
    log.info(
      `round ${round} of ${rounds}: final pass ${done.milliseconds.toFixed(0)} ms, followed anew in ${(resumed / 1000).toFixed(2)} s`,
    );
    times.push(done.milliseconds);
    resumes.push(resumed);
    last = done;
    peakBytes = Math.max(peakBytes, done.peakBytes);
  }
  const block = await longestBlock(servers);
  const parityBlock = await proveEqual(work);
  if (last.finished === undefined) throw new Error('Nothing was measured.');
  return {
    ...{ keys, changes, peakBytes, block, parityBlock, finished: last.finished },
    milliseconds: spreadOf(times),
    resumeMilliseconds: spreadOf(resumes),
    catchUp: first.catchUp,
  };
}

async function inRound<T>(body: (worker: RedisWorker) => Promise<T>): Promise<T> {
  const worker = await startWorker();
  try {
    return await body(worker);
  } finally {
    await worker.end();
  }
}

async function finishAfter(
  worker: RedisWorker,
  { source }: Ends,
  change: Change,
  changes: number,
): Promise<{ done: Done }> {
  await worker.ask({ work: 'catchUp' });
  await withRedis(source, {}, (redis) => makeChanges(redis, change, changes));
  const done = await worker.ask({ work: 'finish' });
  await worker.ask({ work: 'close' });
  return { done };
}

async function catchUpWhileWriting(
  worker: RedisWorker,
  { source }: Ends,
  change: Change,
): Promise<FinalPassResult['catchUp']> {
  const asked = worker.ask({ work: 'catchUp' });
  const changesPerSecond = await writeUntil(source, change, asked);
  const { caughtUp, milliseconds } = await asked;
  if (caughtUp === undefined) throw new Error('Nothing was caught up.');
  return { changesPerSecond, keys: caughtUp.keys, passes: caughtUp.passes, milliseconds };
}
