import { packing } from './abilities.ts';
import { absentKeys } from './absent.ts';
import { carryBatch } from './batch.ts';
import { isPart, streamKey } from './big-key.ts';
import { differentKeys } from './different.ts';
import { readRedisFacts } from './facts.ts';
import { chooseKeys, type KeyChoice } from './key-choice.ts';
import { selectDatabase, type Lane, type Sides } from './lanes.ts';
import { inBatches, overLanes, scanKeys } from './scan.ts';

export interface PassOptions {
  /** Glob patterns of keys that stay behind. */
  skip: string[];
  /** Told of every batch, for progress and for what must still be proven. */
  onCarried?: (batch: { database: number; keys: readonly Buffer[]; seen: number; bytes: number }) => void;
  signal?: AbortSignal;
}

export interface PassResult {
  /** Keys that were carried. */
  keys: number;
  /** Of these, those that went element by element. */
  bigKeys: number;
  bytes: number;
  /** Keys that the target had and the source has not. */
  deleted: number;
  /** Keys that stayed behind: `skip`, heartbeats and ours. */
  skipped: number;
}

/** Keys in one go; a script stops earlier when they turn out to be large. */
const BATCH_KEYS = 1_000;

/**
 * A pass over all keys of all logical databases. With `onlyDifferent` both sides say digests first and only what differs
 * is carried: after a copy that was killed, or when nothing tells what changed. What the source does not have is deleted.
 */
export async function passEverything(
  sides: Sides,
  options: PassOptions & { onlyDifferent: boolean },
): Promise<PassResult> {
  const result = emptyResult();
  for (const database of await databasesInUse(sides)) {
    const pass = await beginPass(sides, database, options, result);
    await overLanes(
      inBatches(scanKeys(sides.scanner.from), () => BATCH_KEYS),
      sides.lanes,
      async (lane, scanned) => {
        options.signal?.throwIfAborted();
        const keys = scanned.filter(pass.chosen);
        result.skipped += scanned.length - keys.length;
        const wanted = options.onlyDifferent ? await differentKeys(sides, lane, keys) : keys;
        await carry(pass, lane, wanted, scanned.length);
      },
    );
    if (options.onlyDifferent) await deleteAbsent(pass);
  }
  return result;
}

/** A pass over keys with these names, in all logical databases: values carried, or deleted where the source has none. */
export async function passThese(
  sides: Sides,
  keys: readonly Buffer[],
  options: PassOptions,
): Promise<PassResult> {
  const result = emptyResult();
  if (keys.length === 0) return result;
  for (const database of await databasesInUse(sides)) {
    const pass = await beginPass(sides, database, options, result);
    const chosen = keys.filter(pass.chosen);
    await overLanes(
      inBatches([chosen], () => BATCH_KEYS),
      sides.lanes,
      async (lane, wanted) => {
        options.signal?.throwIfAborted();
        await carry(pass, lane, wanted, wanted.length);
      },
    );
  }
  return result;
}

/** Names of keys that are not the same on both sides, or too big for a digest to tell. Nothing is changed. */
export async function findDifferent(
  sides: Sides,
  options: PassOptions,
): Promise<{ compared: number; names: Buffer[] }> {
  const result = emptyResult();
  const found = { compared: 0, names: [] as Buffer[] };
  for (const database of await databasesInUse(sides)) {
    const pass = await beginPass(sides, database, options, result);
    const look = (keys: readonly Buffer[], different: readonly Buffer[]): void => {
      found.compared += keys.length;
      found.names.push(...different);
      options.onCarried?.({ database, keys: [], seen: keys.length, bytes: 0 });
    };
    await overLanes(
      inBatches(scanKeys(sides.scanner.from), () => BATCH_KEYS),
      sides.lanes,
      async (lane, scanned) => {
        options.signal?.throwIfAborted();
        const keys = scanned.filter(pass.chosen);
        look(keys, await differentKeys(sides, lane, keys));
      },
    );
    await overLanes(
      inBatches(scanKeys(sides.scanner.to), () => BATCH_KEYS),
      sides.lanes,
      async (lane, scanned) => {
        options.signal?.throwIfAborted();
        look([], await absentKeys(lane.from, scanned.filter(pass.chosen), sides.abilities.from));
      },
    );
  }
  return found;
}

/** Those of the keys with these names that are not the same on both sides, or too big for a digest to tell. */
export async function findDifferentOf(
  sides: Sides,
  names: readonly Buffer[],
  options: PassOptions,
): Promise<Buffer[]> {
  const different: Buffer[] = [];
  if (names.length === 0) return different;
  for (const database of await databasesInUse(sides)) {
    const pass = await beginPass(sides, database, options, emptyResult());
    const chosen = names.filter(pass.chosen);
    await overLanes(
      inBatches([chosen], () => BATCH_KEYS),
      sides.lanes,
      async (lane, keys) => {
        options.signal?.throwIfAborted();
        different.push(...(await differentKeys(sides, lane, keys)));
      },
    );
  }
  return different;
}

function emptyResult(): PassResult {
  return { keys: 0, bigKeys: 0, bytes: 0, deleted: 0, skipped: 0 };
}

/** Logical databases that hold keys on either side. */
export async function databasesInUse({ scanner: { from, to } }: Sides): Promise<number[]> {
  const facts = await Promise.all([readRedisFacts(from), readRedisFacts(to)]);
  const databases = new Set(facts.flatMap(({ keys }) => Object.keys(keys).map(Number)));
  return [...databases].sort((one, other) => one - other);
}

/** What the batches of a pass over one logical database share. */
interface DatabasePass {
  sides: Sides;
  database: number;
  chosen: KeyChoice;
  options: PassOptions;
  result: PassResult;
}

async function beginPass(
  sides: Sides,
  database: number,
  options: PassOptions,
  result: PassResult,
): Promise<DatabasePass> {
  options.signal?.throwIfAborted();
  await selectDatabase(sides, database);
  const { from, to } = sides.scanner;
  return { sides, database, chosen: await chooseKeys([from, to], options.skip), options, result };
}

async function carry(pass: DatabasePass, lane: Lane, keys: readonly Buffer[], seen: number): Promise<void> {
  const { sides, options, result } = pass;
  const batch = sides.payloadsFit
    ? await carryBatch(sides, lane, keys)
    : { keys: 0, bytes: 0, deleted: 0, left: keys };
  result.keys += batch.keys;
  result.bytes += batch.bytes;
  result.deleted += batch.deleted;
  options.onCarried?.({ database: pass.database, keys, seen, bytes: batch.bytes });
  for (const key of batch.left) {
    const { outcome } = await streamKey(lane, key, {
      clockOffsetMs: sides.clockOffsetMs,
      scripts: packing(sides.abilities),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onBytes: (bytes) => {
        result.bytes += bytes;
        options.onCarried?.({ database: pass.database, keys: [], seen: 0, bytes });
      },
    });
    if (outcome === 'gone') continue;
    result.keys += 1;
    result.bigKeys += 1;
  }
}

async function deleteAbsent({ sides, chosen, options, result }: DatabasePass): Promise<void> {
  await overLanes(
    inBatches(scanKeys(sides.scanner.to), () => BATCH_KEYS),
    sides.lanes,
    async (lane, scanned) => {
      options.signal?.throwIfAborted();
      const absent = await absentKeys(lane.from, scanned.filter(chosen), sides.abilities.from);
      if (absent.length > 0) result.deleted += await lane.to.unlink(...absent);
      // Nothing is being built by now: a connection that was cut could not clear it away.
      const parts = scanned.filter(isPart);
      if (parts.length > 0) await lane.to.unlink(...parts);
    },
  );
}
