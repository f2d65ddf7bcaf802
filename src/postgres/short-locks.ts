import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { codeOf } from './errors.ts';
import { quoteLiteral, quoteQualified } from './names.ts';

/** A change to one table, as statements without BEGIN and COMMIT; it begins with what takes the lock. */
export interface LockedChange {
  relation: string;
  oid: number;
  sql: string;
}

export interface ShortLockOptions {
  log: Log;
  clock: Clock;
  /**
   * Longest time that one attempt may hold up the application's sessions, in milliseconds; default 200. It stays below
   * Postgres's deadlock_timeout (1 s), so that a deadlock costs us an attempt and never the application a transaction.
   */
  lockTimeoutMs?: number;
  /** When to give up, in milliseconds; default 120,000. What was done until then stays done. */
  giveUpAfterMs?: number;
  signal?: AbortSignal;
}

/** lock_not_available, query_canceled (our statement_timeout), deadlock_detected */
const IN_THE_WAY = ['55P03', '57014', '40P01'];

/** undefined_table, invalid_schema_name */
const GONE = ['42P01', '3F000'];

/** A statement that ends a change when the table that was locked by its name is not the one that was meant. */
export function stillTheSame(table: { oid: number; schema: string; name: string }): string {
  const name = quoteLiteral(quoteQualified(table.schema, table.name));
  return `
      DO ${quoteLiteral(`
      BEGIN
        IF ${name}::pg_catalog.regclass <> ${table.oid}::pg_catalog.oid THEN
          RAISE undefined_table;
        END IF;
      END`)};`;
}

/**
 * Makes each change in a transaction of its own and in one round trip, so that a table is locked only while the server
 * works on it. A table that is gone, or has another name by now, is left out: the caller lists them again. A lock request that waits makes every later session wait behind it: no attempt waits long, and a table
 * that is busy is come back to after the others, with growing pauses.
 *
 * @throws Error naming the sessions in the way when some change could not be made within `giveUpAfterMs`
 */
export async function changeInShortAttempts(
  client: pg.Client,
  changes: readonly LockedChange[],
  what: string,
  options: ShortLockOptions,
): Promise<void> {
  const deadline = options.clock.now().getTime() + (options.giveUpAfterMs ?? 120_000);
  let left = [...changes];
  for (let pass = 1; ; pass += 1) {
    const busy: { change: LockedChange; reason: string }[] = [];
    for (const change of left) {
      options.signal?.throwIfAborted();
      const reason = await attempt(client, change, options.lockTimeoutMs ?? 200);
      if (reason !== undefined) busy.push({ change, reason });
    }
    const first = busy[0];
    if (first === undefined) return;
    if (options.clock.now().getTime() > deadline)
      throw new Error(
        `${what}: ${busy.length} of ${changes.length} tables could not be locked in ${pass} attempts (${first.change.relation}: ${first.reason}). ` +
          `The others are done; nothing is held. ${await blockers(client, busy)} Run again to go on.`,
      );
    options.log.debug(
      `${what}: ${busy.length} tables are in use, first ${first.change.relation}; trying again.`,
    );
    left = busy.map(({ change }) => change);
    const pause = Math.min(100 * 2 ** Math.min(pass, 6), 3_000) * (0.5 + Math.random() / 2);
    await options.clock.sleep(pause, options.signal);
  }
}

/** Says why it could not, or nothing when it is done. */
async function attempt(
  client: pg.Client,
  change: LockedChange,
  lockTimeoutMs: number,
): Promise<string | undefined> {
  try {
    await client.query(`
      BEGIN ISOLATION LEVEL READ COMMITTED;
      SET LOCAL lock_timeout = '${lockTimeoutMs}ms';
      ${change.sql};
      COMMIT;`);
    return undefined;
  } catch (thrown) {
    await client.query('ROLLBACK');
    if (GONE.includes(codeOf(thrown))) return undefined;
    if (!IN_THE_WAY.includes(codeOf(thrown))) throw thrown;
    return messageOf(thrown);
  }
}

/** Who uses the tables for so long, without the text of the statement, which may hold data. */
async function blockers(client: pg.Client, busy: readonly { change: LockedChange }[]): Promise<string> {
  const { rows } = await client.query<{ who: string }>(
    `SELECT DISTINCT pg_catalog.format('%s (pid %s%s) on %s',
              COALESCE(NULLIF(a.application_name, ''), a.usename::text, 'a session'), l.pid,
              ', ' || a.state || ' for ' || pg_catalog.date_trunc('second', pg_catalog.now() - a.xact_start),
              l.relation::pg_catalog.regclass) AS who
       FROM pg_catalog.pg_locks l
       LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
      WHERE l.relation = ANY ($1::oid[]) AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      LIMIT 5`,
    [busy.map(({ change }) => change.oid)],
  );
  if (rows.length === 0) return 'Whoever held them is gone by now.';
  return `In the way: ${rows.map((row) => row.who).join('; ')}. End them, or wait.`;
}
