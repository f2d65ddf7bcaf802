import type pg from 'pg';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { closeConnection, connect, describeAddress, type PostgresAddress } from './connect.ts';
import { statementError } from './errors.ts';
import { pipeCopy } from './pipe.ts';
import { formatBytes, startProgress } from './progress.ts';
import { applicationName } from './settle.ts';
import { beginInSnapshot, type Snapshot } from './snapshot.ts';
import { holdEpoch, type Run } from './stamp.ts';

export interface LargeObjectsOptions extends Run {
  source: PostgresAddress;
  /** The role that is to own them. */
  target: PostgresAddress;
  snapshot: Snapshot;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** One read: its bytes are in the server's memory at once, on either side. */
const PIECE_BYTES = 1_048_576;
/** One transaction on the target. */
const BATCH = { bytes: 64_000_000, objects: 2_000 };

interface LargeObject {
  oid: number;
  bytes: number;
}

/** A part of an object; an empty object has one piece without bytes. */
interface Piece {
  oid: number;
  at: number;
}

/**
 * Copies all large objects as the snapshot sees them, with their numbers, in batches of a transaction each. What is on
 * the target already is replaced: no trigger tells which of them changed, so nothing of an earlier run can be kept.
 */
export async function copyLargeObjects(
  options: LargeObjectsOptions,
): Promise<{ objects: number; bytes: number }> {
  const session = {
    applicationName: applicationName(options.migrationId, options.epoch),
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const source = await connect(options.source, session);
  const target = await connect(options.target, session).catch(async (thrown: unknown) => {
    await closeConnection(source);
    throw thrown;
  });
  const sides = { source, target };
  const copied = { objects: 0, bytes: 0 };
  try {
    await onSide(options, 'target', () => removeLargeObjects(target, options));
    await onSide(options, 'source', () => source.query(beginInSnapshot(options.snapshot)));
    const objects = await onSide(options, 'source', () => listLargeObjects(source));
    if (objects.length === 0) return copied;
    const total = objects.reduce((sum, { bytes }) => sum + bytes, 0);
    const progress = startProgress(options.log, options.clock, () =>
      Promise.resolve(
        `Copying large objects: ${copied.objects} of ${objects.length}, ${formatBytes(copied.bytes)} of ${formatBytes(total)}`,
      ),
    );
    try {
      for (const batch of batchesOf(objects)) {
        await copyBatch(sides, batch, options, (bytes) => {
          copied.bytes += bytes;
        });
        copied.objects += batch.filter(({ at }) => at === 0).length;
      }
    } finally {
      progress.stop();
    }
    options.log.info(`Copied ${copied.objects} large objects (${formatBytes(copied.bytes)}).`);
    return copied;
  } finally {
    for (const client of [source, target]) client.connection.stream.destroy();
  }
}

/** Removes what an earlier run has left, some at a time: each takes a lock until its transaction ends. */
async function removeLargeObjects(target: pg.Client, run: Run): Promise<void> {
  for (;;) {
    await target.query('BEGIN');
    await holdEpoch(target, run, 'shared');
    const { rowCount } = await target.query(
      `SELECT pg_catalog.lo_unlink(oid)
         FROM (SELECT oid FROM pg_catalog.pg_largeobject_metadata
                WHERE lomowner = current_user::pg_catalog.regrole LIMIT ${BATCH.objects} OFFSET 0) AS earlier`,
    );
    await target.query('COMMIT');
    if (rowCount === 0) return;
  }
}

async function listLargeObjects(source: pg.Client): Promise<LargeObject[]> {
  // 262144 is INV_READ; 2 is SEEK_END. OFFSET 0 keeps the planner from opening an object more than once.
  const { rows } = await source.query<LargeObject>(`
    SELECT oid, bytes
      FROM (SELECT oid, pg_catalog.lo_lseek64(descriptor, 0, 2)::float8 AS bytes, pg_catalog.lo_close(descriptor)
              FROM (SELECT oid, pg_catalog.lo_open(oid, 262144) AS descriptor
                      FROM pg_catalog.pg_largeobject_metadata ORDER BY oid OFFSET 0) AS opened
            OFFSET 0) AS measured`);
  return rows;
}

/** The objects' pieces, in groups that are copied in one transaction each. */
function* batchesOf(objects: LargeObject[]): Generator<Piece[]> {
  let batch: Piece[] = [];
  let bytes = 0;
  for (const object of objects) {
    for (let at = 0; at === 0 || at < object.bytes; at += PIECE_BYTES) {
      batch.push({ oid: object.oid, at });
      bytes += Math.min(PIECE_BYTES, object.bytes - at);
      if (bytes < BATCH.bytes && batch.length < BATCH.objects) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

/**
 * COPY has no large objects: their pieces travel as rows of a temporary table. The batch's list is written into the
 * statement, which takes no parameters; it holds numbers only.
 */
async function copyBatch(
  sides: { source: pg.Client; target: pg.Client },
  batch: Piece[],
  options: LargeObjectsOptions,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { target } = sides;
  const created = batch.filter(({ at }) => at === 0).map(({ oid }) => oid);
  const pieces = batch.map(({ oid, at }) => `(${oid}, ${at})`).join(', ');
  await onSide(options, 'target', async () => {
    await target.query('BEGIN; SET LOCAL synchronous_commit = off');
    await holdEpoch(target, options, 'shared');
    await target.query('SELECT pg_catalog.lo_create(oid) FROM pg_catalog.unnest($1::oid[]) AS oid', [
      created,
    ]);
    await target.query('CREATE TEMPORARY TABLE pieces (object oid, at bigint, bytes bytea) ON COMMIT DROP');
  });
  await pipeCopy(
    sides,
    {
      out: `COPY (SELECT object::oid, at::bigint, pg_catalog.lo_get(object::oid, at::bigint, ${PIECE_BYTES})
                    FROM (VALUES ${pieces}) AS piece(object, at)) TO STDOUT (FORMAT binary)`,
      into: 'COPY pg_temp.pieces FROM STDIN (FORMAT binary)',
    },
    {
      onBytes,
      errorOf: (thrown, side) => errorOf(thrown, side, options),
      afterRead: (source) => source.query('SELECT'),
    },
  );
  await onSide(options, 'target', async () => {
    await target.query('SELECT pg_catalog.count(pg_catalog.lo_put(object, at, bytes)) FROM pg_temp.pieces');
    await target.query('COMMIT');
  });
}

async function onSide<T>(
  options: LargeObjectsOptions,
  side: 'source' | 'target',
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    throw errorOf(thrown, side, options);
  }
}

function errorOf(thrown: unknown, side: 'source' | 'target', options: LargeObjectsOptions): unknown {
  if (options.signal?.aborted === true) return options.signal.reason;
  return statementError(thrown, describeAddress(side === 'source' ? options.source : options.target));
}
