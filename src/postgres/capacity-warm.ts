import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { codeOf } from './errors.ts';
import { quoteIdentifier, quoteQualified } from './names.ts';

/** What was brought into memory, and how. */
export interface Warmed {
  tables: number;
  bytes: number;
  /** `pg_prewarm` fills Postgres's own memory, with the indexes; reading fills the server's file cache. */
  how: 'pg_prewarm' | 'reading';
  /** Tables for which there was no time. */
  left: number;
}

/**
 * Brings tables and their indexes into memory, the ones that are read most first, until `deadline` (by `clock`). With
 * pg_prewarm where it is installed and the role may call it; otherwise by reading every page. Nothing is changed.
 */
export async function warmTables(
  client: pg.Client,
  tables: readonly { schema: string; name: string }[],
  { clock, deadline }: { clock: Pick<Clock, 'now'>; deadline: number },
): Promise<Warmed> {
  const prewarm = await prewarmFunction(client);
  const warmed: Warmed = {
    tables: 0,
    bytes: 0,
    how: prewarm === undefined ? 'reading' : 'pg_prewarm',
    left: 0,
  };
  for (const table of tables) {
    const left = deadline - clock.now().getTime();
    const bytes = left <= 0 ? undefined : await warmOne(client, table, prewarm, left);
    if (bytes === undefined) warmed.left += 1;
    else {
      warmed.tables += 1;
      warmed.bytes += bytes;
    }
  }
  return warmed;
}

async function prewarmFunction(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ schema: string }>(`
    SELECT n.nspname AS schema
      FROM pg_catalog.pg_extension e
      JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pg_prewarm'
     WHERE e.extname = 'pg_prewarm' AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
       AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')`);
  return rows[0] === undefined ? undefined : `${quoteIdentifier(rows[0].schema)}.pg_prewarm`;
}

/** Bytes of the table with its indexes; `undefined` when there was no time, or it is gone. */
async function warmOne(
  client: pg.Client,
  { schema, name }: { schema: string; name: string },
  prewarm: string | undefined,
  limitMs: number,
): Promise<number | undefined> {
  const relation = quoteQualified(schema, name);
  await client.query('BEGIN TRANSACTION READ ONLY');
  try {
    await client.query(
      `SELECT pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('lock_timeout', '1s', true)`,
      [`${Math.max(1, Math.round(limitMs))}ms`],
    );
    if (prewarm === undefined) await client.query(`SELECT pg_catalog.count(*) FROM ${relation}`);
    else {
      await client.query(
        `SELECT ${prewarm}(part.oid::pg_catalog.regclass)
           FROM (SELECT $1::pg_catalog.regclass::oid AS oid
                  UNION ALL
                 SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = $1::pg_catalog.regclass) part`,
        [relation],
      );
    }
    const { rows } = await client.query<{ bytes: number }>(
      `SELECT pg_catalog.pg_total_relation_size($1::pg_catalog.regclass)::float8 AS bytes`,
      [relation],
    );
    return rows[0]?.bytes ?? 0;
  } catch (thrown) {
    // Out of time, locked, gone, or not ours to read: it stays as cold as it is.
    if (codeOf(thrown) === '') throw thrown;
    return undefined;
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
  }
}
