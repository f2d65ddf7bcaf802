import type pg from 'pg';
import { quoteIdentifier } from './names.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** A statement of the application as pg_stat_statements keeps it: without its constants. */
export interface ExpensiveRead {
  /** Of the server: the same statement has the same number until the next major version. */
  id: string;
  /** Constants and parameters are `$1`, `$2` … */
  text: string;
  calls: number;
  /** On average, rows of one call and milliseconds in the server. */
  rows: number;
  meanMs: number;
  /** Of the time of all reads that the server remembers, from 0 to 1. */
  share: number;
}

/** Longer ones are made by programs for one use. */
const LONGEST_TEXT = 20_000;

/**
 * The reads on which the application's role spends most time, by total time; `undefined` when the server does not keep
 * statements. Reads of Postgres's catalogues and of sequences are left out: those of libraries that look at the schema, of
 * pg_dump, and ours, which always name `pg_catalog`.
 */
export async function readExpensiveReads(
  client: pg.Client,
  most: number,
): Promise<ExpensiveRead[] | undefined> {
  const { rows: found } = await client.query<{ schema: string }>(`
    SELECT n.nspname AS schema
      FROM pg_catalog.pg_extension e
      JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements'`);
  const schema = found[0]?.schema;
  if (schema === undefined) return undefined;
  const { rows } = await client.query<{
    id: string;
    text: string;
    calls: number;
    rows: number;
    mean: number;
    share: number;
  }>(
    `
    WITH own AS (
      SELECT s.queryid, pg_catalog.min(s.query) AS text, pg_catalog.sum(s.calls)::float8 AS calls,
             pg_catalog.sum(s.rows)::float8 AS rows, pg_catalog.sum(s.total_exec_time)::float8 AS total
        FROM ${quoteIdentifier(schema)}.pg_stat_statements s
        JOIN pg_catalog.pg_database d ON d.oid = s.dbid
        JOIN pg_catalog.pg_roles r ON r.oid = s.userid
       WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user
         AND s.calls > 0 AND s.queryid IS NOT NULL
       GROUP BY s.queryid
    )
    SELECT queryid::text AS id, text, calls, rows / calls AS rows, total / calls AS mean,
           total / NULLIF(pg_catalog.sum(total) OVER (), 0) AS share
      FROM own
     -- Comments may stand in front: tags that libraries add.
     WHERE text ~* '^(\\s|\\(|--[^\\n]*\\n|/\\*([^*]|\\*+[^*/])*\\*+/)*(select|with|values|table)\\M'
       AND text !~* '(pg_catalog|information_schema|${OUR_SCHEMA}|\\m(from|join)\\s+(only\\s+)?\\(*pg_[a-z]|\\mis_called\\M)'
       -- What writes or locks is no read, however it begins.
       AND text !~* '\\m(insert\\s+into|update|delete\\s+from|merge\\s+into|for\\s+(key\\s+)?share)\\M'
       AND text ~* '\\mfrom\\M' AND pg_catalog.length(text) <= ${LONGEST_TEXT}
     ORDER BY total DESC, queryid
     LIMIT $1`,
    [most],
  );
  return rows.map(({ id, text, calls, rows: each, mean, share }) => ({
    id,
    text,
    calls,
    rows: each,
    meanMs: mean,
    share,
  }));
}
