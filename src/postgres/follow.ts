import type pg from 'pg';
import { installCapture, type CapturedTable, type CaptureOptions, type InstalledCapture } from './capture.ts';
import { readTablesToCapture } from './capture-tables.ts';
import { SUSPENDED_WHILE_LIVE } from './catalogue.ts';
import { withPrivateDirectory } from './child.ts';
import { planTables } from './chunks.ts';
import { missingObjects } from './complete.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { copyDatabase } from './copy.ts';
import { distrustTables, readShape, saveShape, type Shape } from './drift.ts';
import { readDatabaseFacts } from './facts.ts';
import { measureLink } from './link.ts';
import type { LiveOptions } from './live-options.ts';
import { readRoles } from './grants.ts';
import { loadTables } from './load.ts';
import { dumpSchema, preDataSql } from './schema-archive.ts';
import { noteEntries, planChange, readEntries, type SchemaChange } from './schema-parts.ts';
import { applicationName } from './settle.ts';
import type { Sides } from './sides.ts';
import { exportSnapshot, withSnapshot, type Snapshot } from './snapshot.ts';
import { holdEpoch } from './stamp.ts';
import { deferEntries, readSuspended } from './suspend.ts';
import { quoteQualified } from './names.ts';
import { closeOwner, grantLoader, settings } from './swap.ts';
import { extensionSchemas, prepareExtensions } from './target.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/**
 * Makes the target's schema the source's again after it changed, and copies again what has to be: a table of which any
 * part changed, with what depends on it. What no table contains (a type, a function that was replaced) has everything
 * copied again. The capture is put right first, so that nothing is missed in between; drains go on from there.
 *
 * @param rewritten quoted tables whose rows changed without a trace in the capture
 * @returns the tables that were copied, quoted
 */
export async function followSchema(
  sides: Sides,
  rewritten: readonly string[],
  options: LiveOptions,
): Promise<string[]> {
  const session = sessionOf(options);
  const { capture, shape } = await captureAndLook(sides.source, options);
  const gaps = capture.made.map(({ schema, name }) => quoteQualified(schema, name));
  const snapshot = await exportSnapshot(sides.source, { ...session, clock: options.clock });
  try {
    const change = await withPrivateDirectory(options.directory, (directory) =>
      followTables(sides, snapshot, [...rewritten, ...gaps], { ...options, directory }),
    );
    if (change !== undefined) {
      await withConnection(sides.source, session, (source) => saveShape(source, options.migrationId, shape));
      return change;
    }
  } finally {
    await snapshot.release();
  }
  options.log.warning('The change concerns more than tables: everything is copied again.');
  const since = await withConnection(sides.source, session, captureBegan);
  await copyDatabase({
    ...{ ...options, source: sides.source, ...sides.target },
    // Never gone on with: what is there is of another schema.
    captured: { tables: capture.tables, since: `${since} ${options.clock.now().toISOString()}` },
  });
  // Not before: what is there until then is a copy of what the earlier baseline describes.
  await withConnection(sides.source, session, (source) => saveShape(source, options.migrationId, shape));
  return capture.tables.map(({ schema, name }) => quoteQualified(schema, name));
}

/**
 * Installs the capture and looks at the source under it: every table that the shape knows is captured. One that is made
 * later is a difference from it.
 */
export async function captureAndLook(
  source: PostgresAddress,
  options: Omit<CaptureOptions, 'onlyTables'>,
): Promise<{ capture: InstalledCapture; shape: Shape }> {
  const made = new Map<number, CapturedTable>();
  for (;;) {
    const capture = await installCapture(source, options);
    for (const table of capture.made) made.set(table.number, table);
    const look = await withConnection(source, sessionOf(options), async (client) => {
      const shape = await readShape(client);
      return { shape, tables: await readTablesToCapture(client) };
    });
    // Made between the installation and the look: it would be no difference, and nobody would log its changes.
    if (look.tables.some(({ installed }) => installed === null)) continue;
    const ours = capture.tables.filter(({ number }) => made.has(number));
    return { capture: { ...capture, made: ours }, shape: look.shape };
  }
}

/** When the capture began that an interrupted copy may rely on. */
export async function captureBegan(source: pg.Client): Promise<string> {
  const { rows } = await source.query<{ since: string }>(
    `SELECT installed_at::text AS since FROM ${OUR_SCHEMA}.capture`,
  );
  return rows[0]?.since ?? '';
}

/** @returns the tables that were copied; undefined when that would not be enough */
async function followTables(
  sides: Sides,
  snapshot: Snapshot,
  rewritten: readonly string[],
  options: LiveOptions,
): Promise<string[] | undefined> {
  const { source, target } = sides;
  const session = sessionOf(options);
  const [facts, targetFacts] = await Promise.all([
    withConnection(source, session, readDatabaseFacts),
    withConnection(target.loader, session, readDatabaseFacts),
  ]);
  const archive = await dumpSchema({
    ...{ ...session, source, snapshot: snapshot.id, tools: options.tools },
    ...{ directory: options.directory, extensionSchemas: extensionSchemas(facts) },
    targetRoles: await withConnection(target.loader, session, (loader) =>
      readRoles(loader, target.owner.user),
    ),
  });
  const noted = await withConnection(target.loader, session, readEntries);
  const change = planChange(noted, archive, rewritten);
  for (const what of change.what) options.log.info(`Changed since the copy: ${what}`);
  if (change.everything) return undefined;
  const { restored, validated } = await withConnection(target.loader, session, readSuspended);
  // An attempt at the end, given up since, has made what a dump makes last: it would be made twice.
  if (restored + validated > 0) return undefined;

  await options.beforeChange?.();
  // When we are killed with these tables gone or empty, the next run has to copy them, even if the change is undone.
  await withConnection(source, session, (client) => distrustTables(client, options.migrationId, change.drop));
  await withConnection(target.loader, session, (loader) =>
    prepareExtensions(loader, facts, target.owner, options.log),
  );
  await exchangeTables(sides, change, options);
  const link = await measureLink(source, target.loader, session);
  const tables = await withSnapshot(source, snapshot, { ...session, clock: options.clock }, (client) =>
    planTables(client, { source: facts, target: targetFacts }, link.chunkBytes, [...change.copy]),
  );
  await loadTables(sides, {
    // A partition that is attached to a parent with indexes has got its own by that: they are left.
    ...{ ...options, snapshot, tables, resume: true, isFollowed: true },
    ...{ entries: change.make, searchPath: facts.searchPath, pairs: link.pairs, keyless: new Set<number>() },
    untangle: () => Promise.resolve(),
  });
  await deferEntries(
    target,
    archive.entries.filter(({ section }) => section === 'last'),
    options,
  );
  const missing = await missingObjects(sides, snapshot, {
    ...{ ...session, clock: options.clock, announced: SUSPENDED_WHILE_LIVE },
    sameMajor: facts.major === targetFacts.major,
  });
  if (missing.length > 0) {
    for (const line of missing.slice(0, 20)) options.log.info(`Still not the same: ${line}`);
    return undefined;
  }
  await withConnection(target.loader, session, (loader) => noteEntries(loader, archive));
  return tables.map(({ relation }) => relation);
}

/** Drops what changed and makes it anew, closed for the owner as everything is, in one transaction. */
async function exchangeTables(sides: Sides, change: SchemaChange, options: LiveOptions): Promise<void> {
  const { owner, loader } = sides.target;
  await withConnection(owner, sessionOf(options), async (client) => {
    await client.query('BEGIN');
    await holdEpoch(client, options, 'exclusive');
    await client.query(
      [
        settings,
        ...change.dropIndexes.map((index) => `DROP INDEX IF EXISTS ${index} CASCADE;`),
        ...(change.drop.length === 0 ? [] : [`DROP TABLE IF EXISTS ${change.drop.join(', ')} CASCADE;`]),
        preDataSql({ entries: change.make, removed: [] }),
        closeOwner(),
        grantLoader(loader.user),
      ].join('\n'),
    );
    await client.query('COMMIT');
  });
  // What drains had written to them is of no account any more: all of their rows are read anew.
  await withConnection(loader, sessionOf(options), async (client) => {
    await client.query(`DELETE FROM ${OUR_SCHEMA}.copied WHERE relation = ANY ($1::text[])`, [change.drop]);
    await client.query(
      `INSERT INTO ${OUR_SCHEMA}.touched (relation, key) SELECT relation, NULL FROM pg_catalog.unnest($1::text[]) AS relation
        WHERE pg_catalog.to_regclass(relation) IS NOT NULL`,
      [change.drop],
    );
  });
}

function sessionOf(options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'signal'>): {
  applicationName: string;
  log: LiveOptions['log'];
  signal?: AbortSignal;
} {
  return {
    applicationName: applicationName(options.migrationId, options.epoch),
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}
