import type pg from 'pg';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/**
 * Rows that a unique index should not have let in. A damaged index does not see them, and on the target the same index
 * cannot be built. The usual cause is a text order that changed under the index (an upgrade of the operating system), so
 * only indexes over texts are looked at, and only on small tables: the whole table has to be read without the index.
 */
export interface DuplicateKeys {
  /** `schema.index` on `schema.table`. */
  found: { index: string; table: string }[];
  checked: number;
  /** Indexes over texts that were not looked at: too large, locked, or out of time. */
  unchecked: number;
  /** The first ten of them. */
  uncheckedExamples: { index: string; table: string }[];
}

/** Of one table, and of all together. */
const LARGEST_BYTES = 16 * 2 ** 20;
const ALL_BYTES = 128 * 2 ** 20;
/** For all together: while it looks, it keeps ACCESS SHARE on what it has looked at. */
const BUDGET_MS = 2_000;

const ANSWER = `${OUR_SCHEMA}.assessed_duplicates`;

export async function readDuplicateKeys(
  client: pg.Client,
  locked: readonly number[] = [],
): Promise<DuplicateKeys> {
  const results = (await client.query(`
    DO $duplicates$
    DECLARE
      candidate record;
      twice boolean;
      found json[] := '{}';
      unchecked json[] := '{}';
      checked integer := 0;
      began timestamptz := pg_catalog.clock_timestamp();
    BEGIN
      -- Through the index the doubled rows would not be seen.
      PERFORM pg_catalog.set_config(name, 'off', true)
         FROM (VALUES ('enable_indexscan'), ('enable_indexonlyscan'), ('enable_bitmapscan')) AS scan(name);
      FOR candidate IN ${candidates(`'{${locked.join(',')}}'::oid[]`)}
      LOOP
        IF NOT candidate.readable OR candidate.bytes > ${LARGEST_BYTES} OR candidate.until_here > ${ALL_BYTES}
           OR candidate.question IS NULL
           OR pg_catalog.clock_timestamp() > began + interval '${BUDGET_MS} ms' THEN
          unchecked := unchecked || pg_catalog.json_build_object('index', candidate.index, 'table', candidate.name);
          CONTINUE;
        END IF;
        BEGIN
          EXECUTE candidate.question INTO twice;
          checked := checked + 1;
          IF twice THEN
            found := found || pg_catalog.json_build_object('index', candidate.index, 'table', candidate.name);
          END IF;
        EXCEPTION WHEN OTHERS THEN
          unchecked := unchecked || pg_catalog.json_build_object('index', candidate.index, 'table', candidate.name);
        END;
      END LOOP;
      PERFORM pg_catalog.set_config('${ANSWER}', pg_catalog.json_build_object(
        'found', pg_catalog.array_to_json(found), 'checked', checked,
        'unchecked', pg_catalog.cardinality(unchecked),
        'uncheckedExamples', pg_catalog.array_to_json(unchecked[1:10]))::text, false);
    END
    $duplicates$;
    SELECT pg_catalog.current_setting('${ANSWER}')::json AS answer`)) as unknown as pg.QueryResult<{
    answer: DuplicateKeys;
  }>[];
  const answer = results.at(-1)?.rows[0]?.answer;
  if (answer === undefined) throw new Error('Postgres answered a question about its indexes without a row.');
  return answer;
}

/**
 * Unique indexes with a text that is not ordered by its bytes, smallest table first, with the question that finds doubles.
 * Measuring a locked table would wait, and so do pg_get_indexdef and (since PostgreSQL 17) pg_get_expr.
 */
const candidates = (locked: string): string => `
        SELECT t.oid AS relation, n.nspname || '.' || t.relname AS name, n.nspname || '.' || x.relname AS index,
               pg_catalog.has_table_privilege(t.oid, 'SELECT')
                 AND NOT (t.relrowsecurity AND (t.relforcerowsecurity OR NOT pg_catalog.pg_has_role(t.relowner, 'USAGE'))) AS readable,
               size.bytes, pg_catalog.sum(size.bytes) OVER (ORDER BY size.bytes, x.oid) AS until_here,
               CASE WHEN t.oid <> ALL (${locked}) THEN pg_catalog.format('SELECT EXISTS (SELECT FROM %I.%I WHERE %s GROUP BY %s HAVING pg_catalog.count(*) > 1)',
                 n.nspname, t.relname,
                 pg_catalog.concat_ws(' AND ', '(' || pg_catalog.pg_get_expr(i.indpred, i.indrelid) || ')',
                   CASE WHEN COALESCE((pg_catalog.to_jsonb(i)->>'indnullsnotdistinct')::boolean, false) THEN 'true'
                        ELSE keys.present END),
                 keys.list) END AS question
          FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
          JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relkind = 'r' AND t.relpersistence <> 't'
          JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
         CROSS JOIN LATERAL (SELECT CASE WHEN t.oid <> ALL (${locked}) THEN pg_catalog.pg_table_size(t.oid)
                                         ELSE 0 END AS bytes OFFSET 0) size
         CROSS JOIN LATERAL (
               SELECT pg_catalog.string_agg(part, ', ') AS list, pg_catalog.string_agg(part || ' IS NOT NULL', ' AND ') AS present
                 FROM (SELECT '(' || pg_catalog.pg_get_indexdef(i.indexrelid, k, true) || ')' AS part
                         FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k
                        WHERE t.oid <> ALL (${locked})) parts) keys
         WHERE i.indisunique AND i.indisvalid
           AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 't.oid')}
           AND EXISTS (
                 SELECT FROM pg_catalog.unnest(i.indcollation::oid[]) AS used(oid)
                   LEFT JOIN pg_catalog.pg_collation l ON l.oid = used.oid
                  WHERE used.oid <> 0
                    AND CASE WHEN l.collprovider = 'd'
                             THEN (SELECT d.datcollate NOT IN ('C', 'POSIX') FROM pg_catalog.pg_database d
                                    WHERE d.datname = pg_catalog.current_database())
                             ELSE l.collcollate IS NULL OR l.collcollate NOT IN ('C', 'POSIX') END)
         ORDER BY size.bytes, x.oid`;
