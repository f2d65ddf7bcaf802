import type pg from 'pg';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/** A sequence that has used up a good part of its numbers. */
export interface SequenceNearEnd {
  /** `schema.name` */
  name: string;
  /** The column that it feeds, `schema.table.column`; null: none that Postgres knows of. */
  column: string | null;
  columnType: string | null;
  lastValue: string;
  /** The last number that both the sequence and the column can take. */
  limit: string;
  /** 0 to 1. */
  used: number;
}

export interface SequenceFacts {
  total: number;
  nearEnd: SequenceNearEnd[];
  /** Names of those that could not be read: locked by another session, or without the right. */
  unread: string[];
}

/** Told from here on: at a steady rate three quarters used means a third of the time so far is left. */
const NEAR = 0.75;

const ANSWER = `${OUR_SCHEMA}.assessed_sequences`;

/**
 * How far each sequence is. `pg_sequences` would lock each with ROW EXCLUSIVE; to select from one takes ACCESS SHARE. A
 * block reads them one by one in one round trip and leaves its answer in a setting; one that cannot be read is named.
 */
export async function readSequenceFacts(
  client: pg.Client,
  locked: readonly number[] = [],
): Promise<SequenceFacts> {
  const results = (await client.query(`
    DO $sequences$
    DECLARE
      sequence record;
      at bigint;
      total integer := 0;
      near json[] := '{}';
      unread text[] := '{}';
    BEGIN
      FOR sequence IN ${SEQUENCES}
      LOOP
        total := total + 1;
        IF NOT sequence.readable OR sequence.oid = ANY ('{${locked.join(',')}}'::oid[]) THEN
          unread := unread || sequence.name;
          CONTINUE;
        END IF;
        BEGIN
          EXECUTE pg_catalog.format('SELECT last_value FROM %s', sequence.quoted) INTO at;
          IF sequence.share_per_step > 0 AND (at - sequence.first)::float8 / sequence.span >= ${NEAR} THEN
            near := near || pg_catalog.json_build_object('name', sequence.name, 'column', sequence.column_name,
              'columnType', sequence.column_type, 'lastValue', at::text, 'limit', sequence.last::text,
              'used', LEAST((at - sequence.first)::float8 / sequence.span, 1));
          END IF;
        EXCEPTION WHEN lock_not_available OR undefined_table OR insufficient_privilege THEN
          unread := unread || sequence.name;
        END;
      END LOOP;
      PERFORM pg_catalog.set_config('${ANSWER}', pg_catalog.json_build_object('total', total,
        'nearEnd', pg_catalog.array_to_json(near), 'unread', pg_catalog.array_to_json(unread))::text, false);
    END
    $sequences$;
    SELECT pg_catalog.current_setting('${ANSWER}')::json AS answer`)) as unknown as pg.QueryResult<{
    answer: SequenceFacts;
  }>[];
  const answer = results.at(-1)?.rows[0]?.answer;
  if (answer === undefined)
    throw new Error('Postgres answered a question about its sequences without a row.');
  return answer;
}

/**
 * Each sequence with the column that it feeds: the one that owns it, or whose default calls it. A sequence of bigint may
 * feed a column of integer (tables made before PostgreSQL 10). Those that start over or count down never end here.
 */
const SEQUENCES = `
        SELECT c.oid, n.nspname || '.' || c.relname AS name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
               pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AS readable,
               CASE WHEN s.seqcycle OR s.seqincrement < 0 THEN 0 ELSE 1 END AS share_per_step,
               s.seqmin AS first, fed.column_name, fed.column_type,
               LEAST(s.seqmax, COALESCE(fed.most, s.seqmax)) AS last,
               GREATEST(LEAST(s.seqmax, COALESCE(fed.most, s.seqmax))::float8 - s.seqmin, 1) AS span
          FROM pg_catalog.pg_sequence s
          JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN LATERAL (
               SELECT tn.nspname || '.' || t.relname || '.' || a.attname AS column_name,
                      pg_catalog.format_type(a.atttypid, NULL) AS column_type,
                      CASE a.atttypid WHEN 'int2'::pg_catalog.regtype THEN 32767
                           WHEN 'int4'::pg_catalog.regtype THEN 2147483647 END::bigint AS most
                 FROM (SELECT d.refobjid AS relation, d.refobjsubid AS attnum
                         FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
                          AND d.deptype IN ('a', 'i')
                       UNION ALL
                       SELECT def.adrelid, def.adnum
                         FROM pg_catalog.pg_depend d
                         JOIN pg_catalog.pg_attrdef def ON def.oid = d.objid
                        WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid) feeds
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = feeds.relation AND a.attnum = feeds.attnum
                 JOIN pg_catalog.pg_class t ON t.oid = a.attrelid
                 JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
                ORDER BY most NULLS LAST LIMIT 1) fed ON true
         WHERE c.relpersistence <> 't'
           AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
         ORDER BY n.nspname, c.relname`;
