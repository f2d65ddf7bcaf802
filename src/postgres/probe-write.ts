import { withConnection, type PostgresAddress } from './connect.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

export interface ProbedWrites {
  tables: number;
  /** Tables that took the write; nothing was changed there either. */
  writable: string[];
}

/** So long a probe waits for a lock: it is not to be had, and visitors wait. */
const LOCK_MS = 1;
/** More than these are asked for the lock only, without waiting. */
const WRITTEN_TO = 20;

/**
 * Tries to write to every table of the application, as the role that is given, and counts what was refused: by a lock
 * that another session holds, by triggers that raise, or for want of rights. It deletes no row (`WHERE false`), and all
 * of it is rolled back. Whatever else fails is thrown.
 */
export async function probeWrites(
  address: PostgresAddress,
  options: { signal?: AbortSignal } = {},
): Promise<ProbedWrites> {
  return withConnection(address, { applicationName: 'h2d probe', ...options }, async (client) => {
    try {
      const answers = (await client.query(PROBE)) as unknown as { rows: { probed: string }[] }[];
      return JSON.parse(answers.at(-1)?.rows[0]?.probed ?? '') as ProbedWrites;
    } finally {
      await client.query('ROLLBACK').catch(() => undefined);
    }
  });
}

const PROBE = `
  BEGIN;
  SET LOCAL lock_timeout = '${LOCK_MS}ms';
  DO $probe$
  DECLARE
    one record;
    tables integer := 0;
    writable text[] := '{}';
  BEGIN
    FOR one IN
      SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
         AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
       ORDER BY c.oid
    LOOP
      tables := tables + 1;
      BEGIN
        IF tables > ${WRITTEN_TO} THEN
          EXECUTE 'LOCK TABLE ONLY ' || one.name || ' IN ROW EXCLUSIVE MODE NOWAIT';
        END IF;
        EXECUTE 'DELETE FROM ONLY ' || one.name || ' WHERE false';
        writable := writable || one.name;
      EXCEPTION WHEN lock_not_available OR read_only_sql_transaction OR insufficient_privilege THEN
        NULL;
      END;
    END LOOP;
    PERFORM pg_catalog.set_config('heroku_to_digitalocean.probed',
      pg_catalog.jsonb_build_object('tables', tables, 'writable', writable)::text, true);
  END
  $probe$;
  SELECT pg_catalog.current_setting('heroku_to_digitalocean.probed') AS probed`;
