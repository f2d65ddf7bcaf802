import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { Log } from '../log.ts';
import { silentLog } from '../log.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { codeOf } from './errors.ts';
import { FENCE_TRIGGERS, readFence } from './fence-marker.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import { OUR_SCHEMA } from './user-objects.ts';

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
    [FENCE_TRIGGERS.write, FENCE_TRIGGERS.truncate],
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
    [FENCE_TRIGGERS.write],
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
