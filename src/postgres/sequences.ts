import type pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import { holdEpochStatement, refuseEpoch, type Run } from './stamp.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/** Where the answer is kept between two statements of one batch: a setting that lasts as long as the transaction. */
const ANSWER = `${OUR_SCHEMA}.sequences`;

/**
 * Sets every sequence of the application on the target to where it stands on the source, called or not. One round trip
 * on each side, however many there are. `target` is a session of a role that may update them.
 *
 * @param run whose copy this is; positions that a newer one has set, or the application since, are not set back
 * @returns how many there are
 * @throws SupersededError when a newer run has claimed the target; nothing was set
 * @throws ConfigurationError naming sequences that the target lacks; the others are set
 */
export async function copySequences(source: pg.Client, target: pg.Client, run?: Run): Promise<number> {
  const sequences = await readSequences(source);
  if (sequences.length === 0) return 0;
  // The epoch is held and looked at by the very statement that sets them.
  const held = run === undefined ? `SELECT '0' AS epoch` : holdEpochStatement(run.migrationId, 'shared');
  const { rows } = await target.query<{ name: string; epoch: string; value: string | null }>(
    `WITH held AS MATERIALIZED (${held})
     SELECT held.epoch, name, CASE WHEN there.oid IS NOT NULL AND held.epoch = $4
                       THEN pg_catalog.setval(there.oid, value::bigint, called)::text END AS value
       FROM held
      CROSS JOIN unnest($1::text[], $2::text[], $3::boolean[]) AS sequence(name, value, called)
      CROSS JOIN LATERAL (SELECT pg_catalog.to_regclass(name) AS oid) there`,
    [
      sequences.map(({ name }) => name),
      sequences.map(({ value }) => value),
      sequences.map(({ called }) => called),
      String(run?.epoch ?? 0),
    ],
  );
  if (run !== undefined) refuseEpoch(rows[0]?.epoch, run);
  const missing = rows.filter(({ value }) => value === null).map(({ name }) => name);
  if (missing.length > 0)
    throw new ConfigurationError(
      `${missing.length} sequences of the source are not on the target: ${missing.slice(0, 5).join(', ')}. They were made since the schema was copied; copy it again.`,
    );
  return sequences.length;
}

interface SequencePosition {
  /** Quoted. */
  name: string;
  value: string;
  called: boolean;
}

/**
 * `pg_sequences` says nothing of one that was set and not called yet, so each is read by itself, by a block that leaves
 * its answer in a setting. Also fine in a transaction that only reads.
 */
async function readSequences(client: pg.Client): Promise<SequencePosition[]> {
  const results = (await client.query(`
    DO $sequences$
    DECLARE
      sequence record;
      position json;
      positions json[] := '{}';
    BEGIN
      FOR sequence IN
        SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'S' AND c.relpersistence <> 't'
           AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
         ORDER BY c.oid
      LOOP
        EXECUTE pg_catalog.format(
          'SELECT pg_catalog.json_build_object(''name'', %L, ''value'', last_value::text, ''called'', is_called) FROM %s',
          sequence.name, sequence.name) INTO position;
        positions := positions || position;
      END LOOP;
      PERFORM pg_catalog.set_config('${ANSWER}', pg_catalog.array_to_json(positions)::text, false);
    END
    $sequences$;
    SELECT pg_catalog.current_setting('${ANSWER}') AS answer;
    RESET ${ANSWER}`)) as unknown as pg.QueryResult<{ answer: string }>[];
  return JSON.parse(results[1]?.rows[0]?.answer ?? '[]') as SequencePosition[];
}
