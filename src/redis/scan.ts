import type { ChainableCommander, Redis } from 'ioredis';
import { isFar } from './round-trip.ts';

type Page = [next: string, keys: Buffer[]];

/** Keys that one SCAN looks at: two to eight milliseconds of the server. Pages come one after the other, each a round trip. */
const PAGE_KEYS = { near: 1_000, far: 4_000 };

/**
 * Walks all keys of the selected database, or those of one type; keys that stay are seen at least once, some twice. The
 * next page is asked for while one is worked on. Without `count` pages are larger where the server is far away.
 */
export async function* scanKeys(
  redis: Redis,
  { count, type }: { count?: number; type?: string } = {},
): AsyncGenerator<Buffer[]> {
  const most = count ?? PAGE_KEYS[(await isFar(redis)) ? 'far' : 'near'];
  const page = async (cursor: string): Promise<Page> => {
    const [next, keys] =
      type === undefined
        ? await redis.scanBuffer(cursor, 'COUNT', most)
        : ((await redis.callBuffer('SCAN', cursor, 'COUNT', most, 'TYPE', type)) as [Buffer, Buffer[]]);
    return [next.toString(), keys];
  };
  for (let asked: Promise<Page> | undefined = page('0'); asked !== undefined;) {
    const [next, keys]: Page = await asked;
    asked = next === '0' ? undefined : page(next);
    // It is awaited in the next round; when nobody asks for one, its failure is nobody's.
    asked?.catch(() => undefined);
    if (keys.length > 0) yield keys;
  }
}

/**
 * Sends one or more commands for each item in one go and answers all replies in order. The first refused command is thrown.
 */
export async function pipelined<Item>(
  redis: Redis,
  items: Item[],
  add: (pipeline: ChainableCommander, item: Item) => unknown,
): Promise<unknown[]> {
  const pipeline = redis.pipeline();
  for (const item of items) add(pipeline, item);
  const replies = await pipeline.exec();
  if (replies === null) throw new Error('Connection is closed.');
  return replies.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}

/** Cuts what a SCAN gave into batches of the size that the caller wants now. */
export async function* inBatches(
  lists: AsyncIterable<Buffer[]> | Iterable<Buffer[]>,
  size: () => number,
): AsyncGenerator<Buffer[]> {
  let waiting: Buffer[] = [];
  for await (const keys of lists) {
    waiting = waiting.length === 0 ? keys : [...waiting, ...keys];
    let at = 0;
    for (; waiting.length - at >= size(); at += size()) yield waiting.slice(at, at + size());
    if (at > 0) waiting = waiting.slice(at);
  }
  for (let at = 0; at < waiting.length; at += size()) yield waiting.slice(at, at + size());
}

/** Runs `body` for each item, one at a time in each of the lanes; the first failure ends it. */
export async function overLanes<Item, Of>(
  items: AsyncGenerator<Item>,
  lanes: readonly Of[],
  body: (lane: Of, item: Item) => Promise<void>,
): Promise<void> {
  const run = async (lane: Of): Promise<void> => {
    // The generator hands out one item at a time, also when several lanes ask.
    for (let next = await items.next(); next.done !== true; next = await items.next())
      await body(lane, next.value);
  };
  const ends = await Promise.allSettled(
    lanes.map(async (lane) => {
      try {
        await run(lane);
      } catch (thrown) {
        await items.return(undefined);
        throw thrown;
      }
    }),
  );
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Runs `body` for each item with at most `lanes` at the same time; the first failure ends it. */
export async function inLanes<Item>(
  items: AsyncGenerator<Item>,
  lanes: number,
  body: (item: Item) => Promise<void>,
): Promise<void> {
  await overLanes(items, Array.from({ length: lanes }), (_lane, item) => body(item));
}
