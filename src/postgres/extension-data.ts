import type pg from 'pg';
import { OUR_SCHEMA } from './user-objects.ts';

/** Rows that the application put into a table of an extension's own: the copy takes no extension's tables along. */
export interface ExtensionData {
  extension: string;
  /** `schema.name` */
  table: string;
  /** Null: could not be read. */
  hasRows: boolean | null;
}

const ANSWER = `${OUR_SCHEMA}.assessed_extension_data`;

/**
 * Looks into the tables that extensions declare as holding configuration (`pg_extension_config_dump`), such as pg_cron's
 * jobs or one's own coordinate systems in PostGIS, for rows that did not come with the extension.
 */
export async function readExtensionData(client: pg.Client): Promise<ExtensionData[]> {
  const results = (await client.query(`
    DO $extensions$
    DECLARE
      kept record;
      found boolean;
      answer json[] := '{}';
    BEGIN
      FOR kept IN
        SELECT e.extname, n.nspname || '.' || c.relname AS name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
               COALESCE(e.extcondition[config.position], '') AS condition,
               pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
          FROM pg_catalog.pg_extension e
         CROSS JOIN LATERAL pg_catalog.unnest(e.extconfig) WITH ORDINALITY AS config(relation, position)
          JOIN pg_catalog.pg_class c ON c.oid = config.relation AND c.relkind IN ('r', 'p')
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         ORDER BY 1, 2
      LOOP
        found := NULL;
        IF kept.readable THEN
          BEGIN
            EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM %s %s)', kept.quoted, kept.condition) INTO found;
          EXCEPTION WHEN OTHERS THEN
            found := NULL;
          END;
        END IF;
        IF found IS DISTINCT FROM false THEN
          answer := answer || pg_catalog.json_build_object('extension', kept.extname, 'table', kept.name, 'hasRows', found);
        END IF;
      END LOOP;
      PERFORM pg_catalog.set_config('${ANSWER}', pg_catalog.array_to_json(answer)::text, false);
    END
    $extensions$;
    SELECT pg_catalog.current_setting('${ANSWER}')::json AS answer`)) as unknown as pg.QueryResult<{
    answer: ExtensionData[];
  }>[];
  return results.at(-1)?.rows[0]?.answer ?? [];
}
