import type pg from 'pg';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { closeConnection, connect, describeAddress, type PostgresAddress } from './connect.ts';
import { statementError } from './errors.ts';
import { quoteLiteral } from './names.ts';

/** One side of a comparison: sessions that all read the same state. */
export interface Side {
  which: 'source' | 'target';
  address: PostgresAddress;
  /** At least one. */
  clients: [pg.Client, ...pg.Client[]];
  /** Under which further sessions, a writer's too, see the same state. */
  snapshot: string;
  major: number;
  encoding: string;
}

export interface SideOptions {
  which: 'source' | 'target';
  connections: number;
  /** An exported snapshot to read at; without it the side is read as it is now. */
  snapshot: string | undefined;
  applicationName: string;
  log: Log;
  signal: AbortSignal | undefined;
}

/**
 * Beyond what `connect` pins: what changes how a name is written, and what would end a long comparison. We split the work
 * among sessions ourselves, so that a busy server is not asked for more workers; compiling each of our many short
 * questions costs more than it gives.
 */
const SETTINGS: Record<string, string> = {
  quote_all_identifiers: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  work_mem: '32MB',
  idle_in_transaction_session_timeout: '0',
  // Known since PostgreSQL 17.
  transaction_timeout: '0',
};

/** Opens the sessions of one side in parallel. Throws as `connect` does, and when the snapshot is no longer held. */
export async function openSide(address: PostgresAddress, options: SideOptions): Promise<Side> {
  const session = {
    applicationName: options.applicationName,
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const clients: pg.Client[] = [];
  try {
    const first = await connect(address, session);
    clients.push(first);
    if (options.snapshot !== undefined) await beginAt(first, options.snapshot);
    else await first.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const server = await readServer(first);
    const snapshot = options.snapshot ?? server.snapshot;
    const others = await Promise.allSettled(
      Array.from({ length: options.connections - 1 }, async () => {
        const client = await connect(address, session);
        clients.push(client);
        await beginAt(client, snapshot);
        await client.query(SET_SETTINGS, [Object.keys(SETTINGS), Object.values(SETTINGS)]);
      }),
    );
    const failed = others.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const { which } = options;
    return { which, address, clients: [first, ...clients.slice(1)], ...server, snapshot };
  } catch (thrown) {
    await Promise.all(clients.map(closeConnection));
    throw statementError(thrown, describeAddress(address));
  }
}

export async function closeSide(side: Side): Promise<void> {
  await Promise.all(side.clients.map(closeConnection));
}

/** Opens both sides at once; when one cannot be opened the other is closed again. */
export async function openSides(
  source: Promise<Side>,
  target: Promise<Side>,
): Promise<{ source: Side; target: Side }> {
  const [one, other] = await Promise.allSettled([source, target]);
  if (one.status === 'fulfilled' && other.status === 'fulfilled')
    return { source: one.value, target: other.value };
  for (const side of [one, other]) if (side.status === 'fulfilled') await closeSide(side.value);
  throw one.status === 'rejected' ? one.reason : (other as PromiseRejectedResult).reason;
}

async function beginAt(client: pg.Client, snapshot: string): Promise<void> {
  await client.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)}`,
  );
}

const SET_SETTINGS = `
  SELECT pg_catalog.set_config(s.name, wanted.value, false)
    FROM pg_catalog.pg_settings s
    JOIN ROWS FROM (unnest($1::text[]), unnest($2::text[])) AS wanted(name, value) ON wanted.name = s.name`;

async function readServer(client: pg.Client): Promise<{ major: number; encoding: string; snapshot: string }> {
  const { rows } = await client.query<{ major: number; encoding: string; snapshot: string }>(
    `WITH pinned AS MATERIALIZED (${SET_SETTINGS})
     SELECT pg_catalog.current_setting('server_version_num')::integer / 10000 AS major,
            pg_catalog.current_setting('server_encoding') AS encoding,
            pg_catalog.pg_export_snapshot() AS snapshot
       FROM (SELECT pg_catalog.count(*) FROM pinned) AS done`,
    [Object.keys(SETTINGS), Object.values(SETTINGS)],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('Postgres answered a question about itself without a row.');
  return row;
}

/** Waits for both sides also when one fails, so that no question is still under way when the sessions are closed. */
export async function both<T, U>(source: Promise<T>, target: Promise<U>): Promise<[T, U]> {
  const [left, right] = await Promise.allSettled([source, target]);
  if (left.status === 'rejected') throw onSide('source', left.reason);
  if (right.status === 'rejected') throw onSide('target', right.reason);
  return [left.value, right.value];
}

function onSide(which: 'source' | 'target', thrown: unknown): Error {
  const error = statementError(thrown, `on the ${which}`);
  return error.message.startsWith('on the ') ? error : new Error(`on the ${which}: ${messageOf(thrown)}`);
}
