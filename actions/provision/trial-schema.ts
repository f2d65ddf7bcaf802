import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { readSource } from '../../src/migration/source.ts';
import type { Target } from '../../src/migration/target.ts';
import { withPrivateDirectory } from '../../src/postgres/child.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { readPreparationFacts, type PreparationFacts } from '../../src/postgres/facts.ts';
import { MIGRATION_LEDGERS } from '../../src/postgres/migration-ledgers.ts';
import { quoteQualified } from '../../src/postgres/names.ts';
import { readDump, titleOf, writeDump } from '../../src/postgres/schema-archive.ts';
import { applySettings } from '../../src/postgres/settings.ts';
import { extensionSchemas, prepareExtensions } from '../../src/postgres/target.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { herokuOf } from '../parties.ts';
import type { Provisioning } from './provision.ts';
import { sessionOf } from './trial-servers.ts';

/** Heroku's schema as it is at this moment: no row of it, but those that say which migrations were run. */
export interface SourceSchema {
  facts: PreparationFacts;
  /** Statements by object, in the order in which they can be made. */
  entries: { title: string; sql: string }[];
  /** Rows as JSON, by the table's schema and name. */
  ledgers: { schema: string; table: string; rows: string }[];
}

/** Where migrations are noted, and what Rails and Django note beside them. */
const LEDGERS = [
  ...MIGRATION_LEDGERS.map(({ table }) => table),
  'ar_internal_metadata',
  'django_content_type',
];

/**
 * Reads the schema of Heroku's database. Takes as long as pg_dump needs for it, and locks nothing against writers.
 *
 * @throws ConfigurationError when it cannot be read, with what to do instead
 */
export async function readSourceSchema(p: Provisioning): Promise<SourceSchema | undefined> {
  const { edge, plan } = p;
  const { postgres } = await readSource(herokuOf(edge), plan.herokuApp, edge);
  if (postgres === undefined) return undefined;
  try {
    return await withPrivateDirectory(edge.environment.temporaryDirectory, (directory) =>
      dumped(p, postgres, directory),
    );
  } catch (error) {
    edge.signal.throwIfAborted();
    throw new ConfigurationError(
      `The schema of ${plan.herokuApp} could not be read for trying the image: ${messageOf(error)} Mend that, or give the command ` +
        'that makes the schema in the input `try-schema-command` (`bin/rails db:schema:load`). Nothing was changed.',
      { cause: error },
    );
  }
}

async function dumped(
  { edge }: Provisioning,
  source: PostgresAddress,
  directory: string,
): Promise<SourceSchema> {
  const session = { applicationName: 'h2d try image', log: edge.log, signal: edge.signal };
  const { facts, ledgers } = await withConnection(source, session, async (client) => {
    const { rows } = await client.query<{ schema: string; table: string }>(
      `SELECT n.nspname AS schema, c.relname AS table
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relname = ANY ($1::text[])
          AND pg_catalog.has_table_privilege(c.oid, 'SELECT')`,
      [LEDGERS],
    );
    const found: SourceSchema['ledgers'] = [];
    for (const { schema, table } of rows) {
      const { rows: contents } = await client.query<{ rows: string | null }>(
        `SELECT pg_catalog.json_agg(pg_catalog.row_to_json(one))::text AS rows FROM ${quoteQualified(schema, table)} AS one`,
      );
      if (contents[0]?.rows != null) found.push({ schema, table, rows: contents[0].rows });
    }
    return { facts: await readPreparationFacts(client), ledgers: found };
  });
  const tools = await findPostgresTools(
    facts.major,
    edge.environment.onHostedRunner ? { install: { log: edge.log } } : {},
  );
  const dump = { source, tools, directory, applicationName: session.applicationName, signal: edge.signal };
  const { entries } = await readDump(await writeDump(dump), {
    ...dump,
    extensionSchemas: extensionSchemas(facts),
    // What the copy leaves out is told when it is copied.
    log: { ...edge.log, info: () => undefined, warning: () => undefined },
  });
  return { facts, ledgers, entries: entries.map((entry) => ({ title: titleOf(entry), sql: entry.sql })) };
}

const TOLD = 5;

/**
 * Makes the schema in a throw-away database. What that server does not have (an extension of DigitalOcean's) is told and
 * left out with what needs it: whether the image boots is what counts here, and the copy itself leaves nothing out.
 */
export async function makeSchema(p: Provisioning, target: Target, schema: SourceSchema): Promise<void> {
  const { log } = p.edge;
  const { loader } = target;
  const owner: PostgresAddress = { ...target.owner, tls: loader.tls };
  const facts = await withConnection(loader, sessionOf(p), async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT name FROM pg_catalog.pg_available_extensions',
    );
    const available = new Set(rows.map(({ name }) => name));
    const missing = schema.facts.extensions.filter(({ name }) => !available.has(name));
    if (missing.length > 0)
      log.warning(
        `The throw-away PostgreSQL has no ${missing.map(({ name }) => name).join(', ')}: what needs it is left out of this trial. ` +
          'The input `try-postgres-image` takes an image that has it.',
      );
    const fitting = {
      ...schema.facts,
      extensions: schema.facts.extensions.filter(({ name }) => available.has(name)),
    };
    await prepareExtensions(client, fitting, owner, log);
    return fitting;
  });
  await applySettings(loader, owner, facts, { ...sessionOf(p), tell: () => false });
  const failed = await withConnection(owner, sessionOf(p), async (client) => {
    const left: string[] = [];
    const attempt = async (title: string, sql: string, values: unknown[] = []): Promise<void> => {
      try {
        await client.query(sql, values);
      } catch (error) {
        p.edge.signal.throwIfAborted();
        left.push(`${title} (${messageOf(error)})`);
      }
    };
    for (const { title, sql } of schema.entries) await attempt(title, sql);
    for (const { schema: place, table, rows } of schema.ledgers) {
      const name = quoteQualified(place, table);
      await attempt(
        `rows of ${table}`,
        `INSERT INTO ${name} SELECT * FROM pg_catalog.json_populate_recordset(NULL::${name}, $1::json)`,
        [rows],
      );
    }
    return left;
  });
  log.info(`Schema of ${p.plan.herokuApp}: ${schema.entries.length - failed.length} objects, no rows.`);
  if (failed.length > 0) {
    const rest = failed.length - TOLD;
    log.warning(
      `Left out of the throw-away database: ${failed.slice(0, TOLD).join('; ')}${rest > 0 ? ` and ${rest} more` : ''}.`,
    );
  }
}
