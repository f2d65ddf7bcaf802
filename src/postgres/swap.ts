import type pg from 'pg';
import { messageOf } from '../errors.ts';
import { codeOf, PostgresError } from './errors.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import { entryAt } from './schema-archive.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** Begins the error with which the swap refuses a target that the application may already have written to. */
export const TARGET_IS_OPEN = 'the target is open for writes';

/**
 * Exchanges the schema in one transaction and one round trip, whatever its size: what an earlier copy left is dropped,
 * the new objects are created, and before anybody can see them the owner's own right to write is revoked and the
 * loader's granted. So the target is closed from the first moment, and a failure leaves the earlier copy whole.
 *
 * `client` is a session of the role that will own everything, `preData` is `preDataSql`'s, `loader` the role that
 * writes the rows. When that is the owner itself, nothing is revoked: then other means keep the side closed.
 *
 * @throws PostgresError naming the object that could not be made
 */
export async function swapSchema(client: pg.Client, preData: string, loader: string): Promise<void> {
  // Several statements sent as one are one transaction.
  const script = [
    settings,
    dropEarlierCopy,
    resetDefaultPrivileges,
    preData,
    client.user === loader ? '' : `${closeOwner()}\n${grantLoader(loader)}`,
  ].join('\n');
  let made = 0;
  const count = (message: { text?: string }): void => {
    if (message.text === 'SHOW') made += 1;
  };
  client.connection.on('commandComplete', count);
  try {
    await client.query(script);
  } catch (thrown) {
    const message = messageOf(thrown);
    const entry = entryAt(preData, made);
    if (entry === undefined || message.includes(TARGET_IS_OPEN)) throw thrown;
    throw new PostgresError(
      `Could not create ${entry} on the target, so nothing was changed there: ${message}`,
      codeOf(thrown),
    );
  } finally {
    client.connection.off('commandComplete', count);
  }
}

/** As pg_dump's own scripts begin, but only as long as the transaction. */
export const settings = `
SET LOCAL check_function_bodies = false;
SET LOCAL xmloption = content;
SET LOCAL client_min_messages = warning;
SET LOCAL default_tablespace = '';
SET LOCAL default_table_access_method = heap;
-- Sessions of the warm application may hold locks for a moment; one that holds them for ever is an error.
SET LOCAL lock_timeout = '30s';`;

/**
 * Drops everything that the role owns in this database. pg_shdepend lists it whatever its kind; DROP OWNED would also
 * take away the rights that the loader gave the role. The schema public and extensions stay; what is part of another
 * object (a range type's multirange) goes with that.
 */
const dropEarlierCopy = `
DO $swap$
DECLARE
  command text;
BEGIN
  IF EXISTS (
    SELECT FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND c.relowner = current_user::pg_catalog.regrole AND ${isUserSchema('n.nspname')}
       AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
  ) THEN
    RAISE EXCEPTION ${quoteLiteral(TARGET_IS_OPEN)};
  END IF;
  FOR command IN
    SELECT pg_catalog.format('DROP %s IF EXISTS %s CASCADE',
             CASE object.type
               WHEN 'function' THEN 'ROUTINE'
               WHEN 'procedure' THEN 'ROUTINE'
               WHEN 'aggregate' THEN 'ROUTINE'
               WHEN 'statistics object' THEN 'STATISTICS'
               ELSE pg_catalog.upper(object.type)
             END,
             object.identity)
      FROM pg_catalog.pg_shdepend d
      CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) AS object
     WHERE d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
       AND d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       AND d.refobjid = current_user::pg_catalog.regrole
       AND d.deptype = 'o'
       AND object.type NOT IN ('extension', 'default acl', 'event trigger', 'publication', 'subscription', 'large object')
       AND NOT (object.type = 'schema' AND object.identity = 'public')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend member
                        WHERE member.classid = d.classid AND member.objid = d.objid AND member.objsubid = 0
                          AND member.deptype IN ('e', 'i'))
     ORDER BY CASE object.type WHEN 'schema' THEN 0 WHEN 'table' THEN 1 ELSE 2 END, d.objid
  LOOP
    EXECUTE command;
  END LOOP;
END
$swap$;`;

/** What an earlier copy had restored would be given to the new objects while they are made. */
const resetDefaultPrivileges = `
DO $swap$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT pg_catalog.format('ALTER DEFAULT PRIVILEGES%s REVOKE ALL ON %s FROM %s',
             ' IN SCHEMA ' || pg_catalog.quote_ident(n.nspname), kind.name,
             CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END)
      FROM pg_catalog.pg_default_acl d
      CROSS JOIN LATERAL (SELECT DISTINCT grantee FROM pg_catalog.aclexplode(d.defaclacl)) g
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
      CROSS JOIN LATERAL (SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                                   WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END) kind(name)
     WHERE d.defaclrole = current_user::pg_catalog.regrole AND d.defaclobjtype IN ('r', 'S', 'f', 'T', 'n')
    UNION ALL
    -- What PostgreSQL itself gives, where the application had replaced it for every schema.
    SELECT pg_catalog.format('ALTER DEFAULT PRIVILEGES GRANT %s TO %s', given.what, given.grantee)
      FROM pg_catalog.pg_default_acl d
      JOIN (VALUES ('r', 'ALL ON TABLES', 'CURRENT_USER'), ('S', 'ALL ON SEQUENCES', 'CURRENT_USER'),
                   ('f', 'ALL ON ROUTINES', 'CURRENT_USER'), ('f', 'EXECUTE ON ROUTINES', 'PUBLIC'),
                   ('T', 'ALL ON TYPES', 'CURRENT_USER'), ('T', 'USAGE ON TYPES', 'PUBLIC'),
                   ('n', 'ALL ON SCHEMAS', 'CURRENT_USER')) AS given(kind, what, grantee)
        ON given.kind = d.defaclobjtype::text
     WHERE d.defaclrole = current_user::pg_catalog.regrole AND d.defaclnamespace = 0
  LOOP
    EXECUTE command;
  END LOOP;
END
$swap$;`;

/** The owner keeps SELECT: building indexes, checking foreign keys and refreshing materialized views need no more. */
export function closeOwner(): string {
  return perRelation({
    table: 'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLE %1$s FROM CURRENT_USER',
    sequence: 'REVOKE USAGE, UPDATE ON SEQUENCE %1$s FROM CURRENT_USER',
  });
}

/** DELETE and TRUNCATE are for a drain, and for a table that is copied again. `revokeLoader` takes all of it back. */
export function grantLoader(loader: string): string {
  const role = quoteIdentifier(loader);
  return perRelation({
    table: `GRANT SELECT, INSERT, DELETE, TRUNCATE ON TABLE %1$s TO ${role}`,
    sequence: `GRANT SELECT, UPDATE ON SEQUENCE %1$s TO ${role}`,
    schema: `GRANT USAGE ON SCHEMA %1$I TO ${role}`,
  });
}

/** Takes back what `swapSchema` gave to the loader; run as the owner. */
export function revokeLoader(loader: string): string {
  return perRelation({
    table: `REVOKE ALL ON TABLE %1$s FROM ${quoteIdentifier(loader)}`,
    sequence: `REVOKE ALL ON SEQUENCE %1$s FROM ${quoteIdentifier(loader)}`,
    schema: `REVOKE USAGE ON SCHEMA %1$I FROM ${quoteIdentifier(loader)}`,
  });
}

/** Runs a statement for each table, sequence and schema that the current role owns; `%1$s` is its quoted name. */
export function perRelation(statements: { table: string; sequence: string; schema?: string }): string {
  const forSchemas =
    statements.schema === undefined
      ? ''
      : `
  FOR name IN
    SELECT n.nspname FROM pg_catalog.pg_namespace n
     WHERE n.nspowner = current_user::pg_catalog.regrole AND ${isUserSchema('n.nspname')} AND n.nspname <> 'public'
  LOOP
    EXECUTE pg_catalog.format(${quoteLiteral(statements.schema)}, name);
  END LOOP;`;
  return `
DO $rights$
DECLARE
  relation record;
  name text;
BEGIN
  FOR relation IN
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind AS kind
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
       AND c.relowner = current_user::pg_catalog.regrole
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY c.oid
  LOOP
    EXECUTE pg_catalog.format(
      CASE relation.kind WHEN 'S' THEN ${quoteLiteral(statements.sequence)} ELSE ${quoteLiteral(statements.table)} END,
      relation.name);
  END LOOP;${forSchemas}
END
$rights$;`;
}
