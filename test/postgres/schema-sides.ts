import { join } from 'node:path';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { silentLog } from '../../src/log.ts';
import { databaseArgument, runTool, toolEnvironment } from '../../src/postgres/child.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readDatabaseFacts } from '../../src/postgres/facts.ts';
import {
  dumpSchema,
  preDataSql,
  type DumpSchemaOptions,
  type SchemaArchive,
} from '../../src/postgres/schema-archive.ts';
import { swapSchema } from '../../src/postgres/swap.ts';
import { applySettings } from '../../src/postgres/settings.ts';
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

/** Loads the source's rows into the tables of the target, which have no indexes yet; large objects are left out. */
export async function copyRows(sides: TwoSides): Promise<void> {
  const server = await testPostgres();
  const tools = await findPostgresTools(15, { environmentPath: server.binaries.bin });
  const directory = temporaryDirectory('rows');
  const file = join(directory, 'rows.dump');
  const tool = { applicationName: 'h2d test 0', directory };
  await runTool(
    tools.pgDump,
    ['--data-only', '--no-blobs', '--format=custom', `--file=${file}`, databaseArgument(sides.source)],
    { env: await toolEnvironment(sides.source, tool) },
  );
  await runTool(tools.pgRestore, ['--data-only', '--exit-on-error', databaseArgument(sides.loader), file], {
    env: await toolEnvironment(sides.loader, tool),
  });
}

/** Creates on the target what exists there before the schema: extensions, their schemas, and settings. */
export async function prepareTarget(sides: TwoSides): Promise<void> {
  const session = { applicationName: 'h2d test 0' };
  const facts = await withConnection(sides.source, session, readDatabaseFacts);
  await withConnection(sides.loader, session, (client) =>
    prepareExtensions(client, facts, sides.owner, silentLog),
  );
  await applySettings(sides.loader, sides.owner, facts, { ...session, log: silentLog });
}

/** The schema before the rows, and the rows: what a build begins with. */
export async function loadedTarget(sides: TwoSides): Promise<SchemaArchive> {
  const archive = await dumpOf(sides);
  await prepareTarget(sides);
  await withConnection(sides.owner, { applicationName: 'h2d test 0' }, (owner) =>
    swapSchema(owner, preDataSql(archive), sides.loader.user),
  );
  await copyRows(sides);
  return archive;
}
