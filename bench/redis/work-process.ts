import { keepHeapLean } from '../../src/lean-heap.ts';
import type { FinishResult, FollowResult, RedisFollow } from '../../src/redis/follow.ts';
import { peakBytes } from '../cpu.ts';
import { answerOrders } from '../own-process.ts';
import type { Ends } from './servers.ts';
import { follow, ways, type Copied, type Way } from './ways.ts';

export type Order =
  | { work: 'copy'; way: Way; ends: Ends; sample: number | undefined }
  | { work: 'follow'; ends: Ends }
  | { work: 'catchUp' }
  | { work: 'finish' }
  | { work: 'close' };

/** What an order brought; of the kind that was asked for. */
export interface Done {
  milliseconds: number;
  cpuSeconds: number;
  /** The most memory of the process since it began. */
  peakBytes: number;
  /** What of that it had before its first order: Node and the bundle. */
  peakBytesAtRest: number;
  copied?: Copied;
  caughtUp?: FollowResult;
  finished?: FinishResult;
}

/** Who has not caught up by then never does. */
const CATCH_UP_LIMIT_MS = 120_000;

let following: RedisFollow | undefined;

const peakBytesAtRest = peakBytes();

keepHeapLean();

answerOrders(async (order: Order): Promise<Done> => {
  const used = process.cpuUsage();
  const started = performance.now();
  const result = await workOn(order);
  const milliseconds = performance.now() - started;
  const { user, system } = process.cpuUsage(used);
  if (order.work === 'finish') await followed().assertStill();
  return {
    milliseconds,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: peakBytes(),
    peakBytesAtRest,
    ...result,
  };
});

async function workOn(order: Order): Promise<Pick<Done, 'copied' | 'caughtUp' | 'finished'>> {
  switch (order.work) {
    case 'copy':
      return { copied: await ways[order.way](order.ends, order.sample) };
    case 'follow':
      following = await follow(order.ends);
      return { copied: following.copied };
    case 'catchUp':
      return { caughtUp: await followed().catchUp(AbortSignal.timeout(CATCH_UP_LIMIT_MS)) };
    case 'finish':
      return { finished: await followed().finish() };
    case 'close':
      await followed().close();
      return {};
  }
}

function followed(): RedisFollow {
  if (following === undefined) throw new Error('Nothing is followed.');
  return following;
}
