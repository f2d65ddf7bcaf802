import type { ChainableCommander, Redis } from 'ioredis';

/** Walks all keys of the selected database; keys that stay are seen at least once, some twice. */
export async function* scanKeys(redis: Redis, count = 1_000): AsyncGenerator<Buffer[]> {
  let cursor = '0';
  do {
    const [next, keys] = await redis.scanBuffer(cursor, 'COUNT', count);
    cursor = next.toString();
    if (keys.length > 0) yield keys;
  } while (cursor !== '0');
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
  lists: AsyncIterable<Buffer[]>,
  size: () => number,
): AsyncGenerator<Buffer[]> {
  const waiting: Buffer[] = [];
  for await (const keys of lists) {
    waiting.push(...keys);
    while (waiting.length >= size()) yield waiting.splice(0, size());
  }
  while (waiting.length > 0) yield waiting.splice(0, size());
}

/** Runs `body` for each item with at most `lanes` at the same time; the first failure ends it. */
export async function inLanes<Item>(
  items: AsyncGenerator<Item>,
  lanes: number,
  body: (item: Item) => Promise<void>,
): Promise<void> {
  const lane = async (): Promise<void> => {
    // The generator hands out one item at a time, also when several lanes ask.
    for (let next = await items.next(); next.done !== true; next = await items.next()) await body(next.value);
  };
  const ends = await Promise.allSettled(
    Array.from({ length: lanes }, async () => {
      try {
        await lane();
      } catch (thrown) {
        await items.return(undefined);
        throw thrown;
      }
    }),
  );
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
