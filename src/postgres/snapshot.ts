import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import {
  closeConnection,
  connect,
  describeAddress,
  withConnection,
  type PostgresAddress,
} from './connect.ts';
import { codeOf, statementError } from './errors.ts';
import { quoteLiteral } from './names.ts';

/** One state of the source that any number of sessions can read. */
export interface Snapshot {
  /** As `pg_export_snapshot()` names it. */
  id: string;
  /** Aborted when the session that holds the snapshot is gone: nobody can join it any more. */
  lost: AbortSignal;
  /** Lets it go. Idempotent; never throws. */
  release(): Promise<void>;
}

export interface SnapshotOptions {
  applicationName: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** The session that held the snapshot is gone (a fail-over, a restart, a network cut): what follows needs a new one. */
export class SnapshotLostError extends Error {
  override readonly name: string = 'SnapshotLostError';
}

/**
 * How often the holding session says something: far more often than `idle_in_transaction_session_timeout` of `connect`,
 * which ends it when this process dies without a word.
 */
const PING_MS = 30_000;
/** A session that is silent for so long is lost. */
const PING_LIMIT_MS = 30_000;

/**
 * Exports a snapshot of the source and holds it in a session of its own, which locks no table. The source's VACUUM
 * cannot remove what dies while it is held, so it is to be released as soon as everything is read.
 */
export async function exportSnapshot(source: PostgresAddress, options: SnapshotOptions): Promise<Snapshot> {
  const client = await connect(source, options);
  const lost = new AbortController();
  const released = new AbortController();
  client.once('end', () => {
    lost.abort(lostBecause(source, 'its session ended'));
    released.abort(new Error('ended'));
  });
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query<{ id: string }>('SELECT pg_catalog.pg_export_snapshot() AS id');
    const id = rows[0]?.id;
    if (id === undefined) throw new Error('pg_export_snapshot() answered nothing.');
    void keepAlive(client, options, released.signal).catch((thrown: unknown) => {
      if (!released.signal.aborted) lost.abort(lostBecause(source, messageOf(thrown)));
    });
    return {
      id,
      lost: lost.signal,
      release: async () => {
        released.abort(new Error('released'));
        await closeConnection(client);
      },
    };
  } catch (thrown) {
    await closeConnection(client);
    options.signal?.throwIfAborted();
    throw statementError(thrown, describeAddress(source));
  }
}

function lostBecause(source: PostgresAddress, reason: string): SnapshotLostError {
  return new SnapshotLostError(
    `The snapshot of ${describeAddress(source)} is lost (${reason}): what is still to be read needs a new one.`,
  );
}

async function keepAlive(client: pg.Client, options: SnapshotOptions, released: AbortSignal): Promise<void> {
  for (;;) {
    await options.clock.sleep(PING_MS, released);
    const answered = new AbortController();
    const limit = options.clock.sleep(PING_LIMIT_MS, answered.signal).then(() => {
      client.connection.stream.destroy();
      throw new Error('its session no longer answers');
    });
    const answer = client.query('SELECT');
    try {
      await Promise.race([answer, limit]);
    } finally {
      // Whichever lost the race ends unheard.
      answer.catch(() => undefined);
      limit.catch(() => undefined);
      answered.abort(new Error('answered'));
    }
  }
}

/** Begins a transaction that reads under the snapshot; it locks what it reads until it ends. */
export function beginInSnapshot(snapshot: Pick<Snapshot, 'id'>): string {
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot.id)}`;
}

/** Runs `body` in a session of its own that sees the source as the snapshot does. */
export async function withSnapshot<T>(
  source: PostgresAddress,
  snapshot: Snapshot,
  options: SnapshotOptions,
  body: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withConnection(source, options, async (client) => {
    await client.query(beginInSnapshot(snapshot)).catch((thrown: unknown) => {
      throw asSnapshotLost(thrown, snapshot);
    });
    const result = await body(client);
    await client.query('COMMIT');
    return result;
  });
}

/** What joining a snapshot threw, told apart: a snapshot whose holder is gone is a SnapshotLostError. */
export function asSnapshotLost(thrown: unknown, snapshot: Pick<Snapshot, 'id' | 'lost'>): unknown {
  if (snapshot.lost.aborted) return snapshot.lost.reason;
  // "invalid snapshot identifier", and since PostgreSQL 17 "snapshot does not exist".
  if (['22023', '42704'].includes(codeOf(thrown)) && messageOf(thrown).includes(snapshot.id))
    return new SnapshotLostError(`The snapshot ${snapshot.id} is no longer held: ${messageOf(thrown)}`);
  return thrown;
}
