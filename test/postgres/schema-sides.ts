import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readDatabaseFacts } from '../../src/postgres/facts.ts';
import { dumpSchema, type DumpSchemaOptions, type SchemaArchive } from '../../src/postgres/schema-archive.ts';
import { extensionSchemas, prepareExtensions } from '../../src/postgres/target.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { testPostgres } from '../support/servers.ts';
import type { TwoSides } from './two-sides.ts';

/** The schema of the source, as a copy reads it. */
export async function dumpOf(
  sides: TwoSides,
  options: Partial<DumpSchemaOptions> = {},
): Promise<SchemaArchive> {
  const server = await testPostgres();
  const session = { applicationName: 'h2d test 0' };
  const facts = await withConnection(sides.source, session, readDatabaseFacts);
  return dumpSchema({
    source: sides.source,
    tools: await findPostgresTools(15, { environmentPath: server.binaries.bin }),
    directory: temporaryDirectory('schema'),
    ...session,
    extensionSchemas: extensionSchemas(facts),
    log: silentLog,
    ...options,
  });
}

/** Creates on the target what exists there before the schema: extensions and their schemas. */
export async function prepareTarget(sides: TwoSides): Promise<void> {
  const session = { applicationName: 'h2d test 0' };
  const facts = await withConnection(sides.source, session, readDatabaseFacts);
  await withConnection(sides.loader, session, (client) =>
    prepareExtensions(client, facts, sides.owner, silentLog),
  );
}
