import type pg from 'pg';
import { ConfigurationError, messageOf } from '../errors.ts';
import { closeConnection, connect, describeAddress, type PostgresAddress } from './connect.ts';
import { statementError } from './errors.ts';
import { backendOf, commit, FenceNotCommitted, type Backend } from './fence-commit.ts';
import { isUserTable, lockAll, type LockedTable, type LockOptions } from './fence-locks.ts';
import { readFenceMarker } from './fence-marker.ts';
import { applicationName } from './settle.ts';

export interface FenceOptions extends LockOptions {
  migrationId: string;
  epoch?: number;
}

export interface Fence {
  /** Tables that are held, partitions and their parents counted one by one. */
  tables: number;
  /** Aborts when the session that holds the locks is gone: writers can write again. */
  lost: AbortSignal;
  /** The point of no return: see `passPointOfNoReturn`. */
  commit(): Promise<void>;
  /** Lets the writers go on; leaves nothing behind. Does nothing after `commit`. */
  release(): Promise<void>;
}

/**
 * Passes the point of no return, for the phase that runs it and for its tests. The contract:
 *
 * - Before: `holdFence` holds every table, the last drain has committed, and its result is proven. Nothing on the new
 *   side has written yet.
 * - It is one COMMIT in the very session that holds the locks: triggers that refuse every write on every table, and a
 *   marker. So it cannot be passed unless no writer got in between: when that session was lost, for a moment even, the
 *   locks were too, and this throws FenceNotCommitted; so it does when tables came or went meanwhile.
 * - When it resolves, the old side takes no write from anybody but this migration's own drains, and the new side may be
 *   opened. It never resolves on a guess: when the answer to COMMIT does not come, the old session is ended and the marker
 *   is read; only when the server cannot be asked either, it throws FenceUnknown, and `readFence` decides later.
 * - When it throws FenceNotCommitted, the old side serves as before and nothing is left there: it has healed by itself.
 * - `liftFence` takes it back.
 */
export async function passPointOfNoReturn(fence: Fence): Promise<void> {
  if (fence.lost.aborted)
    throw new FenceNotCommitted(
      `The point of no return was not passed: ${messageOf(fence.lost.reason)} What was written since has not been drained.`,
    );
  await fence.commit();
}

/**
 * Stops every writer to every table of the application by locks that one session holds, while reading goes on: whoever
 * writes waits. The locks vanish with the session, so that a runner that dies leaves the old side as it was.
 * SHARE ROW EXCLUSIVE is the weakest lock that stops writers, and the one that CREATE TRIGGER needs at `commit`.
 *
 * @throws ConfigurationError when the database is closed already, or a table is not this role's to lock
 * @throws Error naming the sessions in the way when the locks are not to be had within `giveUpAfterMs`
 */
export async function holdFence(source: PostgresAddress, options: FenceOptions): Promise<Fence> {
  const where = describeAddress(source);
  const client = await connect(source, {
    applicationName: applicationName(options.migrationId, options.epoch ?? 0),
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    await refuseClosed(client, where);
    await refuseForeignTables(client, where);
    const backend = await backendOf(client);
    const tables = await lockAll(client, options);
    options.log.info(`Holding ${tables.length} tables of ${where}: writers wait.`);
    return held(client, source, backend, tables, options);
  } catch (thrown) {
    await closeConnection(client);
    options.signal?.throwIfAborted();
    throw statementError(thrown, where);
  }
}

async function refuseClosed(client: pg.Client, where: string): Promise<void> {
  const marker = await readFenceMarker(client);
  if (marker !== undefined)
    throw new ConfigurationError(
      `${where} was already closed for good by the migration ${marker}: the point of no return has been passed.`,
    );
}

/** Says before the window what would fail at the point of no return: only a table's owner may close it for good. */
async function refuseForeignTables(client: pg.Client, where: string): Promise<void> {
  const { rows } = await client.query<{ name: string; owner: string }>(`
    SELECT n.nspname || '.' || c.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${isUserTable('c', 'n')} AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
     ORDER BY 1`);
  if (rows.length > 0)
    throw new ConfigurationError(
      `${rows.length} tables of ${where} belong to another role and cannot be closed: ${rows
        .slice(0, 5)
        .map((row) => `${row.name} (${row.owner})`)
        .join(', ')}. Give them to the role that migrates (ALTER TABLE … OWNER TO …), or drop them.`,
    );
}

const KEEP_ALIVE_MS = 2_000;

function held(
  client: pg.Client,
  source: PostgresAddress,
  backend: Backend,
  tables: LockedTable[],
  options: FenceOptions,
): Fence {
  const lost = new AbortController();
  const stopped = new AbortController();
  let state: 'held' | 'committed' | 'released' = 'held';
  client.once('end', () => {
    stopped.abort();
    if (state !== 'held') return;
    options.log.warning('The session that held the tables is gone: writers can write again.');
    lost.abort(
      new Error('The session that held the tables was lost; writers on the old side can write again.'),
    );
  });
  const keepAlive = async (): Promise<void> => {
    for (;;) {
      await options.clock.sleep(KEEP_ALIVE_MS, stopped.signal);
      await withinSeconds(10, client.query('SELECT 1'), client);
    }
  };
  // It ends by being stopped, or with the session, which `lost` tells.
  keepAlive().catch(() => undefined);

  return {
    tables: tables.length,
    lost: lost.signal,
    commit: async () => {
      if (state !== 'held') throw new FenceNotCommitted(`The fence is ${state}; it cannot be committed.`);
      stopped.abort();
      state = 'committed';
      await commit(client, source, backend, tables, options).finally(() => closeConnection(client));
      options.log.info(`${describeAddress(source)} is closed for good: every write is refused.`);
    },
    release: async () => {
      if (state !== 'held') return;
      state = 'released';
      stopped.abort();
      await client.query('ROLLBACK').catch(() => undefined);
      await closeConnection(client);
    },
  };
}

/** A server that answers no more is treated like a closed connection. */
async function withinSeconds(seconds: number, query: Promise<unknown>, client: pg.Client): Promise<void> {
  const cut = setTimeout(() => {
    client.connection.stream.destroy();
  }, seconds * 1000);
  try {
    await query;
  } finally {
    clearTimeout(cut);
  }
}
