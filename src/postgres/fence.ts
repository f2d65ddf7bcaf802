import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { asSentence, ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { silentLog } from '../log.ts';
import { APPLYING } from './capture-sql.ts';
import {
  closeConnection,
  connect,
  describeAddress,
  withConnection,
  type PostgresAddress,
} from './connect.ts';
import { codeOf, statementError } from './errors.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import { applicationName } from './settle.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

export interface FenceOptions {
  migrationId: string;
  epoch?: number;
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

/** The point of no return was not passed: the old side still takes writes. */
export class FenceNotCommitted extends Error {
  override readonly name = 'FenceNotCommitted';
}

/** Whether the point of no return was passed could not be found out: `readFence` tells it when the server answers. */
export class FenceUnknown extends Error {
  override readonly name = 'FenceUnknown';
}

interface Table {
  oid: number;
  schema: string;
  name: string;
}

/** What tells one server process from another that later gets the same number. */
interface Backend {
  pid: number;
  started: string;
}

/** The session's locks go when nothing has been heard from it for this long, also when the network just fell silent. */
const IDLE_LIMIT_MS = 30_000;
const KEEP_ALIVE_MS = 2_000;
/** How long an unknown commit is looked into before it is reported as unknown. */
const RESOLVE_LIMIT_MS = 120_000;

const TRIGGER = `${OUR_SCHEMA}_moved`;
const TRUNCATE_TRIGGER = `${OUR_SCHEMA}_moved_truncate`;

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

async function backendOf(client: pg.Client): Promise<Backend> {
  const { rows } = await client.query<Backend>(`
    SELECT pid, backend_start::text AS started
      FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()`);
  const backend = rows[0];
  if (backend === undefined) throw new Error('The server does not list our own session.');
  return backend;
}

const LIST_TABLES = `
    SELECT c.oid::integer AS oid, n.nspname AS schema, c.relname AS name
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${isUserTable('c', 'n')}
     ORDER BY c.oid`;

/** All tables in one order for everybody: parents and partitions alike, since both can be written to by name. */
async function listTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(LIST_TABLES);
  return rows;
}

function isUserTable(relation: string, schema: string): string {
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
async function lockAll(client: pg.Client, options: FenceOptions): Promise<Table[]> {
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
): Promise<Table[] | { reason: string; tables: Table[] }> {
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
      ${LIST_TABLES}`)) as unknown as pg.QueryResult<Table>[];
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

async function isAutovacuumInTheWay(client: pg.Client, tables: Table[]): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM pg_catalog.pg_locks l
       JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
      WHERE l.relation = ANY ($1::oid[]) AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
        AND a.backend_type = 'autovacuum worker' LIMIT 1`,
    [tables.map((table) => table.oid)],
  );
  return rows.length > 0;
}

function sameTables(one: Table[], other: Table[]): boolean {
  const names = (tables: Table[]): string => tables.map((t) => `${t.oid} ${t.schema}.${t.name}`).join('\n');
  return names(one) === names(other);
}

/** Who writes to the tables for so long, without the text of the statement, which may hold data. */
async function blockers(client: pg.Client, tables: Table[]): Promise<string> {
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

function held(
  client: pg.Client,
  source: PostgresAddress,
  backend: Backend,
  tables: Table[],
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

async function commit(
  client: pg.Client,
  source: PostgresAddress,
  backend: Backend,
  tables: Table[],
  options: FenceOptions,
): Promise<void> {
  try {
    const now = await listTables(client);
    if (!sameTables(tables, now))
      throw new Error(
        'tables were created or dropped while the fence was held; what they hold was not copied',
      );
    await client.query(closingStatements(options.migrationId, tables));
  } catch (thrown) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new FenceNotCommitted(
      `The point of no return was not passed: ${asSentence(messageOf(thrown))} The old side takes writes as before.`,
    );
  }
  try {
    await client.query('COMMIT');
  } catch (thrown) {
    options.log.warning(`The answer to COMMIT did not come (${messageOf(thrown)}); reading the marker.`);
    await resolveCommit(source, backend, options);
  }
}

/**
 * Everything that closes the old side, as one batch: the price of the point of no return is one round trip. The triggers
 * let our own writes of the way back pass, by a setting of their transaction that holds this migration's id.
 */
function closingStatements(migrationId: string, tables: Table[]): string {
  const message = `heroku-to-digitalocean: this database was moved to DigitalOcean (migration ${migrationId}); writes here are refused`;
  const body = `
    BEGIN
      IF pg_catalog.current_setting('${APPLYING}', true) IS DISTINCT FROM ${quoteLiteral(migrationId)} THEN
        RAISE EXCEPTION ${quoteLiteral(message)} USING ERRCODE = 'read_only_sql_transaction';
      END IF;
      RETURN NULL;
    END`;
  const triggers = tables.map((table) => {
    const on = quoteQualified(table.schema, table.name);
    return [
      `CREATE TRIGGER ${TRIGGER} BEFORE INSERT OR UPDATE OR DELETE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION ${OUR_SCHEMA}.refuse_write();`,
      `CREATE TRIGGER ${TRUNCATE_TRIGGER} BEFORE TRUNCATE ON ${on} FOR EACH STATEMENT EXECUTE FUNCTION ${OUR_SCHEMA}.refuse_write();`,
      // ALWAYS: also in sessions that run as a replica, where ordinary triggers stay silent.
      `ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${TRIGGER};`,
      `ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${TRUNCATE_TRIGGER};`,
    ].join('\n');
  });
  return `
    CREATE SCHEMA IF NOT EXISTS ${OUR_SCHEMA};
    CREATE TABLE ${OUR_SCHEMA}.fence (
      migration_id text PRIMARY KEY,
      closed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
    );
    CREATE FUNCTION ${OUR_SCHEMA}.refuse_write() RETURNS trigger
      LANGUAGE plpgsql SET search_path = '' AS ${quoteLiteral(body)};
    ${triggers.join('\n')}
    INSERT INTO ${OUR_SCHEMA}.fence (migration_id) VALUES (${quoteLiteral(migrationId)});`;
}

/**
 * Finds out what became of a COMMIT whose answer was lost. The marker alone is not enough: the old session may still
 * be about to commit. So it is ended first, and only when it is gone does the marker count.
 */
async function resolveCommit(
  source: PostgresAddress,
  backend: Backend,
  options: FenceOptions,
): Promise<void> {
  const deadline = options.clock.now().getTime() + RESOLVE_LIMIT_MS;
  const session = { applicationName: applicationName(options.migrationId, options.epoch ?? 0) };
  for (let last = ''; ;) {
    let closed: boolean | undefined;
    try {
      closed = await withConnection(source, session, async (client) => {
        if (!(await isGone(client, backend))) return undefined;
        return (await readFenceMarker(client)) === options.migrationId;
      });
    } catch (thrown) {
      last = messageOf(thrown);
    }
    if (closed === true) return;
    if (closed === false)
      throw new FenceNotCommitted(
        'The point of no return was not passed: the connection was lost before the server committed. The old side takes writes as before.',
      );
    if (options.clock.now().getTime() > deadline)
      throw new FenceUnknown(
        `Whether the point of no return was passed is not known: the answer to COMMIT was lost and the server could not be asked (${last}). Nothing was undone. Run again: the marker in ${describeAddress(source)} decides.`,
      );
    await options.clock.sleep(250);
  }
}

async function isGone(client: pg.Client, backend: Backend): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT pg_catalog.pg_terminate_backend(pid)
       FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND backend_start::text = $2`,
    [backend.pid, backend.started],
  );
  return rows.length === 0;
}

export async function readFenceMarker(client: pg.Client): Promise<string | undefined> {
  const { rows: found } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${OUR_SCHEMA}.fence`],
  );
  if (found[0]?.found !== true) return undefined;
  const { rows } = await client.query<{ migration_id: string }>(
    `SELECT migration_id FROM ${OUR_SCHEMA}.fence LIMIT 1`,
  );
  return rows[0]?.migration_id;
}

/**
 * Whether this migration has closed the source for good.
 *
 * @throws ConfigurationError when another migration has
 */
export async function readFence(
  source: PostgresAddress,
  migrationId: string,
  options: { signal?: AbortSignal } = {},
): Promise<'open' | 'closed'> {
  return withConnection(source, { applicationName: 'h2d fence', ...options }, async (client) => {
    const marker = await readFenceMarker(client);
    if (marker === undefined) return 'open';
    if (marker === migrationId) return 'closed';
    throw new ConfigurationError(
      `${describeAddress(source)} was closed by another migration (${marker}), not by ${migrationId}.`,
    );
  });
}

export interface LiftOptions {
  log?: Log;
  clock?: Clock;
  /** How long sessions that read are waited for before they are ended, in milliseconds; default 10,000. */
  patienceMs?: number;
  /** When to give up, in milliseconds; default 60,000. */
  giveUpAfterMs?: number;
  signal?: AbortSignal;
}

/** Removing a trigger waits for everybody who so much as reads the table, and whoever comes later waits behind it. */
const LIFT_ATTEMPT_MS = 500;
const LIFT_PAUSE_MS = 250;

/**
 * Lets the source take writes again and removes everything that the fence put there: afterwards the schema is as it
 * was before. Does nothing when the source is open. Sessions that read its tables are in the way: they are named while
 * they are waited for and ended after `patienceMs`, since until then neither side serves.
 *
 * @throws Error naming the sessions that are still in the way after `giveUpAfterMs`; the source is closed as before then
 */
export async function liftFence(
  source: PostgresAddress,
  migrationId: string,
  options: LiftOptions = {},
): Promise<void> {
  const { log = silentLog, clock = systemClock, signal } = options;
  const begun = clock.now().getTime();
  if ((await readFence(source, migrationId, options)) === 'open') return;
  await withConnection(source, { applicationName: 'h2d fence', ...options }, async (client) => {
    for (let told = ''; ;) {
      try {
        await client.query(`BEGIN; SET LOCAL lock_timeout = '${LIFT_ATTEMPT_MS}ms'`);
        await lift(client);
        return;
      } catch (thrown) {
        await client.query('ROLLBACK').catch(() => undefined);
        // lock_not_available, deadlock_detected
        if (!['55P03', '40P01'].includes(codeOf(thrown))) throw thrown;
        const waitedMs = clock.now().getTime() - begun;
        const inTheWay = await holdersOf(client);
        const names = inTheWay.map(({ who }) => who).join('; ') || 'sessions that are gone by now';
        if (waitedMs >= (options.giveUpAfterMs ?? 60_000))
          throw new Error(
            `The fence of ${describeAddress(source)} could not be lifted in ${Math.round(waitedMs / 1000)} s: its tables are in use by ${names}. ` +
              'End them and run this again.',
            { cause: thrown },
          );
        if (waitedMs >= (options.patienceMs ?? 10_000)) {
          const ended = await endSessions(client, inTheWay);
          if (ended.length > 0)
            log.warning(`Ended, since lifting the fence waited for them: ${ended.join('; ')}`);
        } else if (names !== told) log.info(`Lifting the fence waits for ${names}.`);
        told = names;
        await clock.sleep(LIFT_PAUSE_MS, signal);
      }
    }
  });
}

async function lift(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT pg_catalog.format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname) AS statement
       FROM pg_catalog.pg_trigger t
       JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgname IN ($1, $2) AND t.tgparentid = 0
      ORDER BY c.oid, t.tgname`,
    [TRIGGER, TRUNCATE_TRIGGER],
  );
  for (const { statement } of rows) await client.query(statement);
  await client.query(`DROP FUNCTION ${OUR_SCHEMA}.refuse_write()`);
  await client.query(`DROP TABLE ${OUR_SCHEMA}.fence`);
  const { rows: left } = await client.query(
    `SELECT FROM pg_catalog.pg_depend
      WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
        AND refobjid = ${quoteLiteral(OUR_SCHEMA)}::pg_catalog.regnamespace LIMIT 1`,
  );
  if (left.length === 0) await client.query(`DROP SCHEMA ${quoteIdentifier(OUR_SCHEMA)}`);
  await client.query('COMMIT');
}

interface Holder {
  pid: number;
  who: string;
}

/** Who holds any lock on a table that bears our triggers, without the text of the statement, which may hold data. */
async function holdersOf(client: pg.Client): Promise<Holder[]> {
  const { rows } = await client.query<Holder>(
    `SELECT DISTINCT a.pid, ${DESCRIBED} AS who
       FROM pg_catalog.pg_locks l
       JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
      WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid()
        AND l.relation IN (SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE t.tgname = $1)
      ORDER BY a.pid
      LIMIT 20`,
    [TRIGGER],
  );
  return rows;
}

/** SQL: a session in words. */
const DESCRIBED = `pg_catalog.format('%s (%s%s, pid %s, %s for %s)',
              COALESCE(NULLIF(a.application_name, ''), 'a session without a name'), a.usename,
              COALESCE(' from ' || pg_catalog.host(a.client_addr), ''), a.pid, COALESCE(a.state, 'at work'),
              pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - COALESCE(a.xact_start, a.backend_start)))`;

/** Those that could be asked to end; a superuser's may not be. */
async function endSessions(client: pg.Client, sessions: readonly Holder[]): Promise<string[]> {
  const ended: string[] = [];
  for (const { pid, who } of sessions) {
    const done = await client.query('SELECT pg_catalog.pg_terminate_backend($1)', [pid]).then(
      () => true,
      () => false,
    );
    if (done) ended.push(who);
  }
  return ended;
}
