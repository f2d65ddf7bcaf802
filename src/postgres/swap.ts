import { quoteIdentifier, quoteLiteral } from './names.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** Begins the error with which the swap refuses a target that the application may already have written to. */
export const TARGET_IS_OPEN = 'the target is open for writes';

/**
 * The script that exchanges the schema in one transaction, run by psql as the owner: what an earlier copy left is
 * dropped, the new objects are created, and before anybody can see them the owner's own right to write is revoked and
 * the loader's granted. So the target is closed from the first moment, and a failure leaves the earlier copy whole.
 *
 * `preData` is what pg_restore made of the rewritten list.
 */
export function swapScript(preData: string, loader: string): string {
  return [
    // Sessions of the warm application may hold locks for a moment; one that holds them for ever is an error.
    "SET lock_timeout = '30s';",
    "SELECT pg_catalog.set_config('search_path', '', false);",
    dropEarlierCopy,
    preData,
    closeAndGrant(loader),
    '',
  ].join('\n');
}

/**
 * Drops everything that the role owns in this database. pg_shdepend lists it whatever its kind; DROP OWNED would also
 * take away the rights that the loader gave the role. The schema public and extensions stay.
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
       AND object.type NOT IN ('extension', 'default acl', 'event trigger', 'publication', 'subscription')
       AND NOT (object.type = 'schema' AND object.identity = 'public')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend member
                        WHERE member.classid = d.classid AND member.objid = d.objid AND member.deptype = 'e')
     ORDER BY CASE object.type WHEN 'schema' THEN 0 WHEN 'table' THEN 1 ELSE 2 END, d.objid
  LOOP
    EXECUTE command;
  END LOOP;
END
$swap$;`;

/** The owner keeps SELECT: building indexes, checking foreign keys and refreshing materialized views need no more. */
function closeAndGrant(loader: string): string {
  return perRelation({
    table: `REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLE %1$s FROM CURRENT_USER; GRANT SELECT, INSERT ON TABLE %1$s TO ${quoteIdentifier(loader)}`,
    sequence: `REVOKE USAGE, UPDATE ON SEQUENCE %1$s FROM CURRENT_USER; GRANT SELECT, UPDATE ON SEQUENCE %1$s TO ${quoteIdentifier(loader)}`,
    schema: `GRANT USAGE ON SCHEMA %1$I TO ${quoteIdentifier(loader)}`,
  });
}

/** Takes back what `swapScript` gave to the loader; run as the owner. */
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
