/**
 * What counts as the application's own: everything but Postgres's own schemas, Heroku's (`_heroku`, facts of Heroku
 * §3.4) and ours. One definition, so that what is copied, compared, fenced and dropped is the same set.
 */

/** The schema that holds whatever we need beside the application's data, on either side. */
export const OUR_SCHEMA = 'heroku_to_digitalocean';

/** SQL condition: `column` names a schema of the application. */
export function isUserSchema(column: string): string {
  return `(${column} NOT IN ('information_schema', '_heroku', '${OUR_SCHEMA}') AND ${column} !~ '^pg_')`;
}

/** SQL condition: the object is not a member of an extension (those come with the extension). */
export function isNoExtensionMember(catalog: string, oidColumn: string): string {
  return `NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend member
             WHERE member.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass
               AND member.objid = ${oidColumn} AND member.deptype = 'e')`;
}
