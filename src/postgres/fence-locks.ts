import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { asSentence, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { codeOf } from './errors.ts';
import { quoteQualified } from './names.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

export interface LockOptions {
  log: Log;
  clock: Clock;
  /**
   * Longest time that one attempt to lock may hold up writers, in milliseconds; default 400. It stays below
   * Postgres's deadlock_timeout (1 s), so that a deadlock between us and a writer costs us an attempt and never
   * costs the application a transaction.
   */
  lockTimeoutMs?: number;
  /** When to give up altogether, in milliseconds; default 60,000. */
  giveUpAfterMs?: number;
  signal?: AbortSignal;
}

export interface LockedTable {
  oid: number;
  schema: string;
  name: string;
}

/** The session's locks go when nothing has been heard from it for this long, also when the network just fell silent. */
const IDLE_LIMIT_MS = 30_000;

const LIST_TABLES = `
    SELECT c.oid::integer AS oid, n.nspname AS schema, c.relname AS name
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${isUserTable('c', 'n')}
     ORDER BY c.oid`;

/** All tables in one order for everybody: parents and partitions alike, since both can be written to by name. */
export async function listTables(client: pg.Client): Promise<LockedTable[]> {
  const { rows } = await client.query<LockedTable>(LIST_TABLES);
  return rows;
}

export function isUserTable(relation: string, schema: string): string {
  return `${relation}.relkind IN ('r', 'p') AND ${relation}.relpersistence <> 't'
       AND ${isUserSchema(`${schema}.nspname`)} AND ${isNoExtensionMember('pg_class', `${relation}.oid`)}`;
}

/** The first attempt, and how much longer each next one may take. */
const FIRST_ATTEMPT_MS = 40;
const GROWTH = 1.3;
/** Postgres ends an autovacuum that somebody has waited for longer than deadlock_timeout (1 s); a shorter wait never does. */
const AUTOVACUUM_ATTEMPT_MS = 1_500;

/**
 * Takes the locks in short attempts that grow with their pauses: a lock request that waits makes every later writer of
 * that table wait behind it, and transactions that write to several tables wait for us while we wait for them, so many
 * short attempts are sooner through than few long ones. Tables made meanwhile are found by listing again.
 */
export async function lockAll(client: pg.Client, options: LockOptions): Promise<LockedTable[]> {
  const longestMs = options.lockTimeoutMs ?? 400;
  const deadline = options.clock.now().getTime() + (options.giveUpAfterMs ?? 60_000);
  let vacuum = false;
  for (let attempt = 0; ; attempt += 1) {
    const grown = GROWTH ** Math.min(attempt, 30);
    const attemptMs = vacuum
      ? AUTOVACUUM_ATTEMPT_MS
      : Math.min(Math.round(FIRST_ATTEMPT_MS * grown), longestMs);
    const outcome = await tryToLock(client, attemptMs);
    if (Array.isArray(outcome)) return outcome;
    if (options.clock.now().getTime() > deadline)
      throw new Error(
        `The tables could not be locked in ${attempt + 1} attempts: ${asSentence(outcome.reason)} Nothing is held. ${await blockers(client, outcome.tables)}`,
      );
    options.log.debug(`Attempt ${attempt + 1} to lock the tables (${attemptMs} ms): ${outcome.reason}`);
    // Every other attempt, so that writers that wait for us get through in between.
    vacuum = !vacuum && attempt > 4 && (await isAutovacuumInTheWay(client, outcome.tables));
    await options.clock.sleep(Math.min(10 * grown, 3_000) * (0.5 + Math.random() / 2), options.signal);
  }
}

async function tryToLock(
  client: pg.Client,
  attemptMs: number,
): Promise<LockedTable[] | { reason: string; tables: LockedTable[] }> {
  const tables = await listTables(client);
  // ONLY, or LOCK TABLE would walk to the partitions in an order of its own.
  const names = tables.map((table) => `ONLY ${quoteQualified(table.schema, table.name)}`).join(', ');
  try {
    // One round trip: what is locked already holds up writers while the next statement is on its way.
    const answers = (await client.query(`
      BEGIN ISOLATION LEVEL READ COMMITTED;
      SET LOCAL lock_timeout = '${attemptMs}ms';
      SET LOCAL statement_timeout = '${attemptMs}ms';
      SET LOCAL idle_in_transaction_session_timeout = '${IDLE_LIMIT_MS}ms';
      ${tables.length === 0 ? '' : `LOCK TABLE ${names} IN SHARE ROW EXCLUSIVE MODE;`}
      SET LOCAL statement_timeout = '0';
      ${LIST_TABLES}`)) as unknown as pg.QueryResult<LockedTable>[];
    const now = answers.at(-1)?.rows ?? [];
    if (sameTables(tables, now)) return now;
    await client.query('ROLLBACK');
    return { reason: 'tables were created or dropped meanwhile', tables: now };
  } catch (thrown) {
    await client.query('ROLLBACK');
    // lock_not_available, query_canceled (our statement_timeout), deadlock_detected, undefined_table (dropped meanwhile)
    if (!['55P03', '57014', '40P01', '42P01', '3F000'].includes(codeOf(thrown))) throw thrown;
    return { reason: messageOf(thrown), tables };
  }
}

async function isAutovacuumInTheWay(client: pg.Client, tables: LockedTable[]): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM pg_catalog.pg_locks l
       JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
      WHERE l.relation = ANY ($1::oid[]) AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
        AND a.backend_type = 'autovacuum worker' LIMIT 1`,
    [tables.map((table) => table.oid)],
  );
  return rows.length > 0;
}

export function sameTables(one: LockedTable[], other: LockedTable[]): boolean {
  const names = (tables: LockedTable[]): string =>
    tables.map((t) => `${t.oid} ${t.schema}.${t.name}`).join('\n');
  return names(one) === names(other);
}

/** Who writes to the tables for so long, without the text of the statement, which may hold data. */
async function blockers(client: pg.Client, tables: LockedTable[]): Promise<string> {
  const { rows } = await client.query<{ who: string }>(
    `SELECT DISTINCT pg_catalog.format('%s (pid %s, %s for %s)',
              a.label, a.pid, a.state, pg_catalog.date_trunc('second', pg_catalog.now() - a.xact_start)) AS who
       FROM pg_catalog.pg_locks l
       JOIN (SELECT *, COALESCE(NULLIF(application_name, ''), usename::text, 'a session') AS label
               FROM pg_catalog.pg_stat_activity) a ON a.pid = l.pid
      WHERE l.relation = ANY ($1::oid[]) AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
        AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                       'ExclusiveLock', 'AccessExclusiveLock')
      LIMIT 5`,
    [tables.map((table) => table.oid)],
  );
  if (rows.length === 0) return 'Whoever held them is gone by now: run again.';
  return `In the way: ${rows.map((row) => row.who).join('; ')}. End them, or wait, and run again.`;
}
