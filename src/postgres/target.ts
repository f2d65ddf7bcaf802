import type pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from './connect.ts';
import { PostgresError } from './errors.ts';
import type { DatabaseFacts } from './facts.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import { readOfferedExtensions } from './offered-extensions.ts';
import { readStamp } from './stamp.ts';
import { TARGET_IS_OPEN } from './swap.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/** Extensions that the source's provider puts into every database and the target's provider manages itself. */
const PROVIDERS_OWN = new Set(['plpgsql', 'pg_stat_statements']);

/** The extensions that the application's objects may need. */
export function neededExtensions(facts: Pick<DatabaseFacts, 'extensions'>): DatabaseFacts['extensions'] {
  return facts.extensions.filter((extension) => !PROVIDERS_OWN.has(extension.name));
}

/**
 * Refuses a target that is not this migration's to replace: one that holds objects and no stamp, another migration's
 * stamp, or that is open, so that the application may have written to it. Changes nothing.
 */
export async function refuseForeignTarget(
  client: pg.Client,
  owner: PostgresAddress,
  migrationId: string,
): Promise<void> {
  const stamp = (await readStamp(client))?.migrationId;
  if (stamp !== undefined && stamp !== migrationId)
    throw new ConfigurationError(
      `The database ${owner.database} on the target holds the copy of another migration (${stamp}), not of ${migrationId}; it was not touched. Use another database, or drop that one.`,
    );
  const objects = await countUserObjects(client);
  if (stamp === undefined && objects.count > 0)
    throw new ConfigurationError(
      `The database ${owner.database} on the target is not empty (${objects.count} objects, for example ${objects.example}) and was not made by this migration; it was not touched. Use an empty database, or empty this one yourself.`,
    );
  if (await isWritable(client, owner.user)) throw openTarget(owner);
}

/** The refusal of a target that may hold writes of its own. */
export function openTarget(owner: PostgresAddress): ConfigurationError {
  return new ConfigurationError(
    `The database ${owner.database} was not copied: ${TARGET_IS_OPEN}, so the application may have written to it and a copy would destroy that. If the cutover is over, there is nothing left to copy.`,
  );
}

async function countUserObjects(client: pg.Client): Promise<{ count: number; example: string }> {
  const { rows } = await client.query<{ count: number; example: string | null }>(`
    SELECT pg_catalog.count(*)::integer AS count, pg_catalog.min(name) AS example
      FROM (SELECT n.nspname || '.' || c.relname AS name
              FROM pg_catalog.pg_class c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
               AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
            UNION ALL
            SELECT n.nspname || '.' || p.proname
              FROM pg_catalog.pg_proc p
              JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_proc', 'p.oid')}
            UNION ALL
            SELECT n.nspname || '.' || t.typname
              FROM pg_catalog.pg_type t
              JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
             WHERE t.typtype IN ('d', 'e', 'r')
               AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_type', 't.oid')}) AS object`);
  return { count: rows[0]?.count ?? 0, example: rows[0]?.example ?? '' };
}

async function isWritable(client: pg.Client, owner: string): Promise<boolean> {
  const { rows } = await client.query<{ open: boolean }>(
    `SELECT EXISTS (
              SELECT FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND ${isUserSchema('n.nspname')}
                 AND pg_catalog.pg_get_userbyid(c.relowner) = $1
                 AND pg_catalog.has_table_privilege($1::name, c.oid, 'INSERT')) AS open`,
    [owner],
  );
  return rows[0]?.open === true;
}

/** Says before anything is changed which extensions the target's server cannot have. */
export async function refuseMissingExtensions(
  client: pg.Client,
  facts: Pick<DatabaseFacts, 'extensions'>,
): Promise<void> {
  const { extensions } = await readOfferedExtensions(client);
  const missing = neededExtensions(facts).filter(({ name }) => !Object.hasOwn(extensions, name));
  if (missing.length > 0)
    throw new ConfigurationError(
      `The target's server does not offer these extensions that the source uses: ${missing.map(({ name }) => name).join(', ')}. Nothing was changed. Remove them from the application, or choose a server version that has them.`,
    );
}

/**
 * Gives the owner the right to create (PostgreSQL 15 took it from the schema public) and creates the extensions where
 * the source has them, `heroku_ext` included. provision calls it before the copy; the copy calls it again for what the
 * source got since. What is there already is left alone. Returns what was made, for the log.
 *
 * @throws ConfigurationError when an extension lies in another schema than on the source
 */
export async function prepareExtensions(
  client: pg.Client,
  facts: Pick<DatabaseFacts, 'extensions' | 'schemas'>,
  owner: PostgresAddress,
  log: Log,
): Promise<string[]> {
  const made: string[] = [];
  const role = quoteIdentifier(owner.user);
  const run = async (what: string, sql: string): Promise<void> => {
    await client.query(sql);
    made.push(what);
  };
  const lacks = await readLack(client, facts, owner.user);
  if (lacks.database)
    await run(
      `the right to create in ${owner.database}`,
      `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${quoteIdentifier(owner.database)} TO ${role}`,
    );
  if (lacks.public)
    await run('the right to create in public', `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`);
  for (const schema of extensionSchemas(facts)) {
    const name = quoteIdentifier(schema);
    if (lacks.schemas.has(schema)) await run(`schema ${schema}`, `CREATE SCHEMA IF NOT EXISTS ${name}`);
    if (lacks.rights.has(schema))
      await run(`rights in ${schema}`, `GRANT USAGE, CREATE ON SCHEMA ${name} TO ${role}`);
  }
  for (const extension of neededExtensions(facts))
    if (await createExtension(client, extension, facts, log)) made.push(`extension ${extension.name}`);
  return made;
}

/** What `prepareExtensions` would make; empty when all of it is there. */
export async function missingPreparation(
  client: pg.Client,
  facts: Pick<DatabaseFacts, 'extensions' | 'schemas'>,
  owner: PostgresAddress,
): Promise<string[]> {
  const { database, public: inPublic, schemas, rights } = await readLack(client, facts, owner.user);
  const needed = neededExtensions(facts).map(({ name }) => name);
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM pg_catalog.unnest($1::text[]) AS needed(name)
      WHERE name NOT IN (SELECT e.extname FROM pg_catalog.pg_extension e)`,
    [needed],
  );
  return [
    ...(database ? [`the right to create in ${owner.database}`] : []),
    ...(inPublic ? ['the right to create in public'] : []),
    ...[...schemas].map((name) => `schema ${name}`),
    ...[...rights].map((name) => `rights in ${name}`),
    ...rows.map(({ name }) => `extension ${name}`),
  ];
}

/** Which rights and schemas are not there yet. */
async function readLack(
  client: pg.Client,
  facts: Pick<DatabaseFacts, 'extensions' | 'schemas'>,
  role: string,
): Promise<{ database: boolean; public: boolean; schemas: Set<string>; rights: Set<string> }> {
  const { rows } = await client.query<{
    database: boolean;
    public: boolean;
    schemas: string[];
    may: string[];
  }>(
    `SELECT pg_catalog.has_database_privilege($1::name, pg_catalog.current_database(), 'CREATE') AS database,
            pg_catalog.has_schema_privilege($1::name, 'public', 'CREATE') AS public,
            (SELECT COALESCE(pg_catalog.array_agg(n.nspname::text), '{}')
               FROM pg_catalog.pg_namespace n) AS schemas,
            (SELECT COALESCE(pg_catalog.array_agg(n.nspname::text), '{}')
               FROM pg_catalog.pg_namespace n
              WHERE pg_catalog.has_schema_privilege($1::name, n.oid, 'USAGE')
                AND pg_catalog.has_schema_privilege($1::name, n.oid, 'CREATE')) AS may`,
    [role],
  );
  const found = rows[0];
  const wanted = extensionSchemas(facts);
  return {
    database: found?.database !== true,
    public: found?.public !== true,
    schemas: new Set(wanted.filter((schema) => found?.schemas.includes(schema) !== true)),
    rights: new Set(wanted.filter((schema) => found?.may.includes(schema) !== true)),
  };
}

/** Schemas of the application's that are created before the restore because an extension lives in them. */
export function extensionSchemas(facts: Pick<DatabaseFacts, 'extensions' | 'schemas'>): string[] {
  const schemas = new Set(neededExtensions(facts).map((extension) => extension.schema));
  return facts.schemas.filter(
    (schema) => schema !== 'public' && (schemas.has(schema) || schema === 'heroku_ext'),
  );
}

/** Returns whether it had to be made. */
async function createExtension(
  client: pg.Client,
  extension: DatabaseFacts['extensions'][number],
  facts: Pick<DatabaseFacts, 'schemas'>,
  log: Log,
): Promise<boolean> {
  const { name, schema } = extension;
  const before = await readExtension(client, name);
  if (before === undefined) {
    // A schema that belongs to the extension itself (postgis_topology's) is made by it.
    const place = facts.schemas.includes(schema) ? ` SCHEMA ${quoteIdentifier(schema)}` : '';
    await client.query(`CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(name)}${place}`);
  }
  const made = before ?? (await readExtension(client, name));
  if (made === undefined)
    throw new Error(`The extension ${name} was created on the target and is not there.`);
  if (made.schema !== schema)
    throw new ConfigurationError(
      `The extension ${name} lives in the schema ${made.schema} on the target and in ${schema} on the source; objects that use it could not be restored. Drop it on the target (DROP EXTENSION ${quoteIdentifier(name)}) and run again.`,
    );
  if (before === undefined && made.version !== extension.version)
    log.info(`Extension ${name}: ${extension.version} on the source, ${made.version} on the target.`);
  return before === undefined;
}

async function readExtension(
  client: pg.Client,
  name: string,
): Promise<{ version: string; schema: string } | undefined> {
  const { rows } = await client.query<{ version: string; schema: string }>(
    `SELECT e.extversion AS version, n.nspname AS schema
       FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = $1`,
    [name],
  );
  return rows[0];
}

/** Any two copies into one database exclude each other by this lock, held as long as the session lives. */
export async function lockTarget(client: pg.Client, owner: PostgresAddress): Promise<void> {
  const { rows } = await client.query<{ locked: boolean; holder: string | null }>(`
    SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext(${quoteLiteral(`${OUR_SCHEMA}:copy`)})) AS locked,
           (SELECT a.application_name
              FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
             WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
             LIMIT 1) AS holder`);
  if (rows[0]?.locked !== true)
    throw new ConfigurationError(
      `Another copy into ${owner.database} is under way (session “${rows[0]?.holder ?? 'unknown'}”), so this one was not begun. Wait for it, or end it, and run again.`,
    );
}

/** True when an error is the swap's own refusal of an open target. */
export function isOpenTarget(thrown: unknown): boolean {
  return (
    (thrown instanceof PostgresError || thrown instanceof Error) && thrown.message.includes(TARGET_IS_OPEN)
  );
}
