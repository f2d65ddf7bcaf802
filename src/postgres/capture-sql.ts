import type { KeyColumn, TableToCapture } from './capture-tables.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/*
 * What the capture puts into a database. Its functions run inside the application's transactions, with the rights of
 * the role that owns the tables, so these rules hold for every line of them:
 * - every function, operator and table is named with its schema: the caller's search_path decides nothing;
 * - nothing is raised: what cannot be logged is marked in `broken`, in the very transaction that was not logged;
 * - nothing that the application could notice is touched: no sequence, not its random(), no setting it reads;
 * - no subtransaction where a row is written: they would use up transaction ids.
 */

/** The setting under which our own writes are not logged: it holds the migration's id, for the transaction only. */
export const APPLYING = `${OUR_SCHEMA}.applying`;

export const CAPTURE_TRIGGER = `${OUR_SCHEMA}_capture`;
export const CAPTURE_TRUNCATE_TRIGGER = `${OUR_SCHEMA}_capture_truncate`;

/** The log of one captured table, quoted. */
export function logName(number: number): string {
  return `${OUR_SCHEMA}.log_${number}`;
}

/** `at`, or with underscores where the key has a column of that name. */
export function timeColumn(key: readonly { name: string }[]): string {
  let name = 'at';
  while (key.some((column) => column.name === name)) name += '_';
  return name;
}

/** SQL condition: there is a relation of this number; asked of the session's caches alone. */
function isThere(oid: string): string {
  return `pg_catalog.pg_table_is_visible(${oid}) IS NOT NULL`;
}

/** The schema with its tables and the functions that all captured tables share. Running it again changes nothing. */
export const createHome = `
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.capture (
    migration_id text PRIMARY KEY,
    installed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    completed_at timestamptz,
    lease_until timestamptz NOT NULL,
    limit_bytes bigint NOT NULL,
    shape jsonb
  );
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.captured (
    number integer PRIMARY KEY,
    relation oid NOT NULL UNIQUE,
    schema text NOT NULL,
    name text NOT NULL,
    key text[],
    -- The transaction that made the triggers: one that was touched since has another xmin, whatever it looks like.
    made bigint NOT NULL DEFAULT pg_catalog.txid_current()
  );
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.broken (
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    reason text NOT NULL
  );

  -- Nobody reads it. While it is there, the capture is whole: when it is dropped, every session hears of it and plans
  -- anew what names it, whatever its snapshot. A view, since a dump would lock a table for hours.
  CREATE OR REPLACE VIEW ${OUR_SCHEMA}.unbroken AS SELECT true AS unbroken;

  -- The mark is set by every transaction that logs no more; the view is dropped by the one that gets to it.
  -- One mark is enough: a table of a million marks would be what the limits are there to prevent.
  CREATE OR REPLACE FUNCTION ${OUR_SCHEMA}.mark_broken(reason text) RETURNS void LANGUAGE plpgsql
    SET lock_timeout = '1ms' AS $body$
  BEGIN
    INSERT INTO ${OUR_SCHEMA}.broken (reason)
      SELECT $1 WHERE NOT EXISTS (SELECT FROM ${OUR_SCHEMA}.broken);
    BEGIN
      DROP VIEW IF EXISTS ${OUR_SCHEMA}.unbroken;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END $body$;

  -- The dead-man: marks the capture broken when the logs or the time without a drain outgrow their limits.
  CREATE OR REPLACE FUNCTION ${OUR_SCHEMA}.watch() RETURNS void LANGUAGE plpgsql AS $body$
  BEGIN
    PERFORM ${OUR_SCHEMA}.mark_broken(
              CASE WHEN size.bytes OPERATOR(pg_catalog.>) c.limit_bytes
                   THEN pg_catalog.format('the logs grew to %s bytes, above their limit of %s', size.bytes, c.limit_bytes)
                   ELSE pg_catalog.format('nobody drained before %s', c.lease_until) END)
       FROM ${OUR_SCHEMA}.capture c
      CROSS JOIN (SELECT pg_catalog.sum(pg_catalog.pg_table_size(l.oid))::pg_catalog.int8 AS bytes
                    FROM pg_catalog.pg_class l
                    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) l.relnamespace
                   WHERE n.nspname OPERATOR(pg_catalog.=) '${OUR_SCHEMA}'
                     AND l.relname OPERATOR(pg_catalog.>=) 'log_' AND l.relname OPERATOR(pg_catalog.<) 'log\`') size
      WHERE size.bytes OPERATOR(pg_catalog.>) c.limit_bytes
         OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) c.lease_until;
  END $body$;

  -- Whether a table still has the columns that its log was made for, the log is there, and the capture whole. Not really
  -- immutable: so it is worked out once, when a session plans the expression that calls it, and again whenever one of
  -- the three is altered or dropped, since a plan that names a relation by a constant is thrown away then. Between,
  -- asking costs nothing.
  CREATE OR REPLACE FUNCTION ${OUR_SCHEMA}.fits(relation regclass, log regclass, unbroken regclass, names text[], types oid[])
    RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $body$
  BEGIN
    RETURN pg_catalog.pg_relation_filenode($2) IS NOT NULL
       AND ${isThere('$3')}
       AND (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.=) pg_catalog.cardinality($4)
              FROM pg_catalog.generate_subscripts($4, 1) AS k(position)
              JOIN pg_catalog.pg_attribute a
                ON a.attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid
               AND a.attname OPERATOR(pg_catalog.=) $4[k.position]::pg_catalog.name
               AND a.atttypid OPERATOR(pg_catalog.=) $5[k.position]
               AND NOT a.attisdropped
             -- This one asks the caches, which know more than an old snapshot does, and fails for a name that is gone.
             WHERE pg_catalog.has_column_privilege($1::pg_catalog.oid, $4[k.position], 'SELECT') IS NOT NULL);
  EXCEPTION WHEN OTHERS THEN
    RETURN false;
  END $body$;

  -- A table that was emptied gets a row without a key into its log. Called with the migration's id and the log's name.
  CREATE OR REPLACE FUNCTION ${OUR_SCHEMA}.truncated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
  BEGIN
    IF pg_catalog.current_setting('${APPLYING}', true) OPERATOR(pg_catalog.=) TG_ARGV[0]
       OR pg_catalog.to_regclass('${OUR_SCHEMA}.unbroken') IS NULL THEN
      RETURN NULL;
    END IF;
    BEGIN
      EXECUTE 'INSERT INTO ' OPERATOR(pg_catalog.||) TG_ARGV[1] OPERATOR(pg_catalog.||) ' DEFAULT VALUES';
      PERFORM ${OUR_SCHEMA}.watch();
      RETURN NULL;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
    -- Where even this fails, our tables are gone, and that is a sign in itself.
    BEGIN
      PERFORM ${OUR_SCHEMA}.mark_broken(pg_catalog.format('that %s was truncated could not be logged', TG_RELID::pg_catalog.regclass));
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
    RETURN NULL;
  END $body$;

  REVOKE ALL ON FUNCTION ${OUR_SCHEMA}.truncated(), ${OUR_SCHEMA}.mark_broken(text), ${OUR_SCHEMA}.watch(),
    ${OUR_SCHEMA}.fits(regclass, regclass, regclass, text[], oid[]) FROM PUBLIC;`;

/** The columns of a table's log after the time, as `readTablesToCapture` reads them back. */
export function logColumns(key: readonly KeyColumn[]): string[] {
  return key.map((column) => `${column.name} ${column.logged}`);
}

/**
 * Makes the log of a table anew. What it held is gone: the table must be copied again. Dead rows are left by every
 * drain and read by the next one, so that a log is vacuumed early.
 */
export function createLog(number: number, key: readonly KeyColumn[]): string {
  const columns = [
    `${timeColumn(key)} timestamptz NOT NULL DEFAULT pg_catalog.now()`,
    ...key.map((column) => `${quoteIdentifier(column.name)} ${column.logged}`),
  ];
  return `
  DROP TABLE IF EXISTS ${logName(number)};
  CREATE TABLE ${logName(number)} (${columns.join(', ')})
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);`;
}

/**
 * The source of a table's capture function: mostly one expression, whose parts are found in the session's caches, and
 * one INSERT. A key's column that was renamed, dropped or given another type would make that INSERT fail, and the
 * application with it: this is what `fits` is asked for, before NEW is touched. The objects whose presence it looks for are numbers, or names that
 * `createFunction` puts numbers for.
 */
export function functionSource(
  migrationId: string,
  number: number,
  table: TableToCapture,
  objects: { log: string; unbroken: string },
): string {
  const columns = table.key?.columns ?? [];
  const applying = `pg_catalog.current_setting('${APPLYING}', true) OPERATOR(pg_catalog.=) ${quoteLiteral(migrationId)}`;
  const names = columns.map((column) => quoteLiteral(column.name)).join(', ');
  const types = columns.map((column) => column.typeOid).join(', ');
  const fits = `${OUR_SCHEMA}.fits('${table.oid}'::pg_catalog.regclass, '${objects.log}'::pg_catalog.regclass, '${objects.unbroken}'::pg_catalog.regclass, ARRAY[${names}]::pg_catalog.text[], ARRAY[${types}]::pg_catalog.oid[])`;
  const body = table.key === null ? wholeBody(number) : keyedBody(number, columns);
  return `
BEGIN
  IF ((${applying}) IS NOT TRUE AND ${fits} AND ${NOT_SAMPLED}) IS NOT TRUE THEN
    IF ${applying} OR NOT ${isThere(`${objects.unbroken}::pg_catalog.oid`)} THEN
      RETURN NULL;
    END IF;
    IF NOT ${fits} THEN
      -- Where even this fails, our tables are gone, and that is a sign in itself.
      BEGIN
        PERFORM ${OUR_SCHEMA}.mark_broken(pg_catalog.format('the key of %s or its log was changed', TG_RELID::pg_catalog.regclass));
      EXCEPTION WHEN OTHERS THEN
        NULL;
      END;
      RETURN NULL;
    END IF;
    BEGIN
      PERFORM ${OUR_SCHEMA}.watch();
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END IF;${body}
  -- Unlike NULL, this is no expression to be evaluated.
  RETURN NEW;
END`;
}

/**
 * One write in 512 looks at the limits, chosen by the clock: random() belongs to the application, which may seed it, and
 * random bytes cost more than all the rest. The number is the lowest 512th of what a hash can be.
 */
const NOT_SAMPLED =
  "pg_catalog.hashfloat8(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())) OPERATOR(pg_catalog.>) -2139095040";

/** A row that was inserted has no OLD, and one that was deleted no NEW: all columns are NULL there. */
function keyedBody(number: number, columns: readonly KeyColumn[]): string {
  const names = columns.map((column) => quoteIdentifier(column.name));
  const insert = (values: string[]): string =>
    `INSERT INTO ${logName(number)} (${names.join(', ')}) VALUES (${values.join(', ')});`;
  return `
  IF ${isOtherKey(columns)} THEN
    ${insert(names.map((name) => `OLD.${name}`))}
  END IF;
  ${insert(names.map((name) => `COALESCE(NEW.${name}, OLD.${name})`))}`;
}

/**
 * True for an UPDATE that changed the key. Bytes are compared where the type's own equality sees one key in two
 * spellings.
 */
function isOtherKey(columns: readonly KeyColumn[]): string {
  const names = columns.map((column) => quoteIdentifier(column.name));
  if (columns.every((column) => column.exact))
    return names.map((name) => `OLD.${name} OPERATOR(pg_catalog.<>) NEW.${name}`).join(' OR ');
  const row = (of: string): string =>
    `ROW(${names.map((name) => `${of}.${name}`).join(', ')})::pg_catalog.record`;
  const both = names.slice(0, 1).map((name) => `OLD.${name} IS NOT NULL AND NEW.${name} IS NOT NULL`);
  return [...both, `${row('OLD')} OPERATOR(pg_catalog.*<>) ${row('NEW')}`].join(' AND ');
}

/**
 * A table without a key is copied whole when anything in it changed, so that one mark a transaction is enough. Not a
 * statement trigger: that of a partition does not fire for a write through its parent. A savepoint that is rolled back
 * takes the setting with it as well as the mark.
 */
function wholeBody(number: number): string {
  const setting = `'${OUR_SCHEMA}.marked_${number}'`;
  return `
  IF pg_catalog.current_setting(${setting}, true) OPERATOR(pg_catalog.=) 'yes' THEN
    RETURN NULL;
  END IF;
  INSERT INTO ${logName(number)} DEFAULT VALUES;
  PERFORM pg_catalog.set_config(${setting}, 'yes', true);`;
}

/** Makes a table's capture function; the numbers of the objects that it looks for are put in where it is run. */
export function createFunction(migrationId: string, number: number, table: TableToCapture): string {
  const source = functionSource(migrationId, number, table, { log: '{the log}', unbroken: '{the sign}' });
  const name = `${OUR_SCHEMA}.capture_${number}()`;
  return `
  DO ${quoteLiteral(`
  BEGIN
    EXECUTE 'CREATE OR REPLACE FUNCTION ${name} RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS '
      || pg_catalog.quote_literal(pg_catalog.replace(pg_catalog.replace(${quoteLiteral(source)},
           '{the log}', '${logName(number)}'::pg_catalog.regclass::pg_catalog.oid::text),
           '{the sign}', '${OUR_SCHEMA}.unbroken'::pg_catalog.regclass::pg_catalog.oid::text));
  END`)};
  REVOKE ALL ON FUNCTION ${name} FROM PUBLIC;`;
}

/** ENABLE ALWAYS: also in sessions that run as a replica, where ordinary triggers stay silent. */
export function createTriggers(migrationId: string, number: number, table: TableToCapture): string {
  const on = quoteQualified(table.schema, table.name);
  const run = `EXECUTE FUNCTION ${OUR_SCHEMA}.capture_${number}()`;
  return `
  CREATE TRIGGER ${CAPTURE_TRIGGER} AFTER INSERT OR UPDATE OR DELETE ON ${on} FOR EACH ROW ${run};
  CREATE TRIGGER ${CAPTURE_TRUNCATE_TRIGGER} AFTER TRUNCATE ON ${on} FOR EACH STATEMENT
    EXECUTE FUNCTION ${OUR_SCHEMA}.truncated(${quoteLiteral(migrationId)}, ${quoteLiteral(logName(number))});
  ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${CAPTURE_TRIGGER};
  ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${CAPTURE_TRUNCATE_TRIGGER};`;
}

export function dropTriggers(table: { schema: string; name: string }): string {
  const on = quoteQualified(table.schema, table.name);
  return `
  DROP TRIGGER IF EXISTS ${CAPTURE_TRIGGER} ON ${on};
  DROP TRIGGER IF EXISTS ${CAPTURE_TRUNCATE_TRIGGER} ON ${on};`;
}
