import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { CapturedTable } from './capture.ts';
import { SUSPENDED_WHILE_LIVE } from './catalogue.ts';
import { withPrivateDirectory } from './child.ts';
import { planTables, type TableToCopy } from './chunks.ts';
import { missingObjects, refuseIncomplete } from './complete.ts';
import {
  closeConnection,
  connect,
  describeAddress,
  withConnection,
  type PostgresAddress,
} from './connect.ts';
import { statementError } from './errors.ts';
import { readDatabaseFacts, type DatabaseFacts } from './facts.ts';
import { readRoles, type TargetRoles } from './grants.ts';
import type { CopiedTables } from './copy-tables.ts';
import type { TakenOver } from './elsewhere.ts';
import { copyLargeObjects } from './large-objects.ts';
import { measureLink, type Link } from './link.ts';
import { loadTables } from './load.ts';
import { formatBytes } from './progress.ts';
import type { RemovedEntry } from './restore-list.ts';
import { preDataSql, readDump, writeDump, type SchemaArchive } from './schema-archive.ts';
import { noteEntries } from './schema-parts.ts';
import { copySequences } from './sequences.ts';
import { applySettings } from './settings.ts';
import { applicationName } from './settle.ts';
import type { Others } from './shared-copy.ts';
import type { Sides } from './sides.ts';
import { exportSnapshot, SnapshotLostError, withSnapshot, type Snapshot } from './snapshot.ts';
import {
  claimEpoch,
  completeStamp,
  forgetCopy,
  noteBasis,
  readBasis,
  stampTarget,
  type Run,
} from './stamp.ts';
import { deferEntries } from './suspend.ts';
import { revokeLoader, swapSchema } from './swap.ts';
import {
  extensionSchemas,
  isOpenTarget,
  lockTarget,
  openTarget,
  prepareExtensions,
  refuseForeignTarget,
  refuseMissingExtensions,
} from './target.ts';
import { together } from '../together.ts';
import type { PostgresTools } from './tools.ts';
import { untangle } from './untangle.ts';

export interface CopyOptions {
  source: PostgresAddress;
  /** The application's role on the target, which owns what is created. */
  owner: PostgresAddress;
  /** The role that may create extensions and loads the data (`doadmin`); same database as `owner`. */
  loader: PostgresAddress;
  migrationId: string;
  /** The lease's epoch: a later one ends this copy's sessions, and nothing of it can be committed any more. */
  epoch?: number;
  tools: PostgresTools;
  /** A directory for the schema's dump; what is put there is removed again. */
  directory: string;
  /** Chunks copied at the same time; default: by the round trip and the free connections of both sides. */
  jobs?: number;
  /** About as much goes into one chunk; default: by the round trip. */
  chunkBytes?: number;
  /**
   * What the source's capture logs since before this call. With it the copy can be resumed after an interruption, and it
   * stays writable for the drains that follow: what would get in their way is left for the end.
   */
  captured?: { tables: CapturedTable[]; since: string };
  /** Runners that copy a part of the rows beside this one, which does all else and answers for the whole. */
  others?: Others;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step that changes the target: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
  /**
   * Called with the copy's snapshot when everything is there, before it is let go: what is compared under it is exactly
   * what was copied, whatever the source wrote since. Its time is none of the copy's.
   */
  whenCopied?: (snapshot: string) => Promise<void>;
}

export interface CopyResult {
  /** Tables that hold rows, partitions counted one by one. */
  tables: number;
  /** Copied by this call. */
  rows: number;
  /** The source database's size. */
  bytes: number;
  /** What the target does without, each with its reason. */
  removed: RemovedEntry[];
  /** Whole tables, and chunks of others, that an interrupted run had left. */
  reused: { tables: number; chunks: number };
  /** What other runners should have copied and did not. */
  takenOver: TakenOver[];
  milliseconds: number;
}

/** How often a copy whose changes are captured goes on with a new snapshot after the old one was lost. */
const SNAPSHOTS = 5;

/**
 * Copies a whole database: complete, or failed with the reason. The schema is pg_dump's, the rows are piped from COPY to
 * COPY under one snapshot, indexes are built as soon as their table is there, and at the end both catalogues are compared
 * object by object. The target is closed from the first moment (its owner may read and not write); only `openWrites`
 * opens it. What an earlier copy of the same migration left is replaced in one transaction, or gone on with when every
 * change since then is captured; anything else on the target is refused untouched.
 *
 * @throws ConfigurationError for a target that is not ours, versions that do not fit, missing extensions
 * @throws NotSupportedError, before anything is changed, for objects that cannot be carried over
 */
export async function copyDatabase(options: CopyOptions): Promise<CopyResult> {
  const started = options.clock.now().getTime();
  if (options.owner.user === options.loader.user)
    throw new ConfigurationError('A copy needs two roles on the target: one that owns and one that loads.');
  const loader = await connect(options.loader, sessionOf(options));
  try {
    await lockTarget(loader, options.owner);
    const copied = await withPrivateDirectory(options.directory, (directory) =>
      underSnapshots(options, (snapshot) =>
        copyUnder(snapshot, {
          ...{ ...options, directory, loaderClient: loader },
          run: { migrationId: options.migrationId, epoch: options.epoch ?? 0 },
          sides: { source: options.source, target: { owner: options.owner, loader: options.loader } },
        }),
      ),
    );
    const { endedAt, ...result } = copied;
    const milliseconds = endedAt - started;
    options.log.info(
      `Copied ${copied.tables} tables (${formatBytes(copied.bytes)}) to ${describeAddress(options.owner)} in ${(milliseconds / 1000).toFixed(1)} s.`,
    );
    return { ...result, milliseconds };
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw isOpenTarget(thrown)
      ? openTarget(options.owner)
      : statementError(thrown, describeAddress(options.owner));
  } finally {
    await closeConnection(loader);
  }
}

/** What the steps of one copy share. */
interface Copy extends CopyOptions {
  /** Holds the lock that excludes a second copy. */
  loaderClient: pg.Client;
  run: Run;
  sides: Sides;
}

/** Runs `body` under a snapshot, and once more under a new one when it is lost and what changed meanwhile is captured. */
async function underSnapshots<T>(options: CopyOptions, body: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const snapshot = await exportSnapshot(options.source, {
      ...sessionOf(options),
      clock: options.clock,
    });
    try {
      return await body(snapshot);
    } catch (thrown) {
      if (!(thrown instanceof SnapshotLostError) || options.captured === undefined || attempt >= SNAPSHOTS)
        throw thrown;
      options.log.warning(`${thrown.message} Going on with a new one.`);
      await options.clock.sleep(1_000 * attempt, options.signal);
    } finally {
      await snapshot.release();
    }
  }
}

async function copyUnder(
  snapshot: Snapshot,
  copy: Copy,
): Promise<Omit<CopyResult, 'milliseconds'> & { endedAt: number }> {
  const { run, sides } = copy;
  const { file, seen } = await lookAtBoth(snapshot, copy);
  const archive = await readDump(file, {
    ...{ ...sessionOf(copy), source: copy.source, tools: copy.tools, directory: copy.directory },
    ...{ extensionSchemas: extensionSchemas(seen.facts), targetRoles: seen.roles },
  });
  const basis = basisOf(archive, copy.captured?.since);
  const resume =
    copy.captured !== undefined && (await readBasis(copy.loaderClient, copy.migrationId)) === basis;
  await copy.beforeChange?.();
  if (resume) await claimEpoch(copy.loaderClient, run);
  else await createSchema(copy, seen, archive, basis);

  await copy.beforeChange?.();
  const copied = await loadTables(sides, {
    ...{ ...run, snapshot, tables: seen.tables, resume, log: copy.log, clock: copy.clock, ...signalOf(copy) },
    ...{ entries: archive.entries, isFollowed: copy.captured !== undefined },
    ...{ searchPath: seen.facts.searchPath, pairs: copy.jobs ?? seen.link.pairs },
    ...(copy.others === undefined ? {} : { others: copy.others }),
    keyless: new Set(copy.captured?.tables.filter(({ key }) => key === null).map(({ oid }) => oid)),
    untangle: (table) =>
      untangle(sides, table, {
        ...{ ...run, captured: copy.captured?.tables ?? [], log: copy.log, ...signalOf(copy) },
      }),
  });
  if (copy.captured === undefined) refuseRewritten(copied);
  await copy.beforeChange?.();
  if (seen.facts.largeObjects > 0)
    await copyLargeObjects({
      ...{ ...run, source: copy.source, target: copy.owner, snapshot },
      ...{ log: copy.log, clock: copy.clock, ...signalOf(copy) },
    });
  await finish(snapshot, seen, archive, copy);
  const endedAt = copy.clock.now().getTime();
  await copy.whenCopied?.(snapshot.id);
  return {
    endedAt,
    tables: copied.tables,
    rows: copied.rows,
    bytes: seen.facts.sizeBytes,
    removed: archive.removed,
    reused: copied.reused,
    takenOver: copied.takenOver,
  };
}

/** What is known of both sides before anything is changed. */
interface Seen {
  facts: DatabaseFacts;
  target: DatabaseFacts;
  roles: TargetRoles;
  link: Link;
  tables: TableToCopy[];
}

/** Everything that only reads, at once: over a long way pg_dump alone takes some hundred round trips. */
async function lookAtBoth(snapshot: Snapshot, copy: Copy): Promise<{ file: string; seen: Seen }> {
  const looking = look(snapshot, copy);
  const [file, seen] = await together(copy.signal, [
    (signal) =>
      writeDump({
        ...{ source: copy.source, snapshot: snapshot.id, tools: copy.tools, directory: copy.directory },
        ...{ ...sessionOf(copy), signal },
        // What is wrong with a side says more than that pg_dump failed.
      }).catch(async (thrown: unknown) => {
        await looking;
        throw thrown;
      }),
    () => looking,
  ]);
  return { file, seen };
}

async function look(snapshot: Snapshot, copy: Copy): Promise<Seen> {
  const { loaderClient: loader } = copy;
  const [facts, target, link] = await together(copy.signal, [
    () => withConnection(copy.source, sessionOf(copy), readDatabaseFacts),
    () => readDatabaseFacts(loader),
    () =>
      measureLink(copy.source, copy.loader, {
        ...sessionOf(copy),
        shards: copy.others?.shards ?? 1,
        serves: copy.captured !== undefined,
      }),
  ]);
  await refuseUnfitTarget(loader, facts, target, copy);
  const roles = await readRoles(loader, copy.owner.user);
  const session = { ...sessionOf(copy), clock: copy.clock };
  const tables = await withSnapshot(copy.source, snapshot, session, (client) =>
    planTables(client, { source: facts, target }, copy.chunkBytes ?? link.chunkBytes),
  );
  return { facts, target, roles, link, tables };
}

/**
 * A transaction with an older snapshot sees a table that was emptied or altered since without rows, and nothing tells
 * that from VACUUM FULL. Where changes are captured, a drain puts it right.
 */
function refuseRewritten({ rewritten }: CopiedTables): void {
  if (rewritten.length === 0) return;
  throw new Error(
    `The copy may lack rows: ${rewritten.map(({ relation }) => relation).join(', ')} got another file on the source meanwhile (TRUNCATE, ALTER TABLE, VACUUM FULL or CLUSTER). Run again when that is over.`,
  );
}

/** Stamps the target, exchanges its schema and notes what for. */
async function createSchema(
  copy: Copy,
  { facts }: Seen,
  archive: SchemaArchive,
  basis: string,
): Promise<void> {
  const { loaderClient, migrationId, log } = copy;
  const started = copy.clock.now().getTime();
  await stampTarget(loaderClient, migrationId, copy.owner.user);
  await claimEpoch(loaderClient, copy.run);
  await forgetCopy(loaderClient);
  await prepareExtensions(loaderClient, facts, copy.owner, log);
  await copy.beforeChange?.();
  await withConnection(copy.owner, sessionOf(copy), (owner) =>
    swapSchema(owner, preDataSql(archive), copy.loader.user),
  );
  await noteEntries(loaderClient, archive);
  await noteBasis(loaderClient, migrationId, basis);
  const seconds = (copy.clock.now().getTime() - started) / 1000;
  log.info(`Created the schema on the target, closed for writes, in ${seconds.toFixed(1)} s.`);
}

/** Sequences, rights, settings, what is left for the end, and the proof that every object is there: none needs another. */
async function finish(
  snapshot: Snapshot,
  { facts, target }: Seen,
  archive: SchemaArchive,
  copy: Copy,
): Promise<void> {
  const isFollowed = copy.captured !== undefined;
  const session = { ...sessionOf(copy), clock: copy.clock };
  await together(copy.signal, [
    async () => {
      await withConnection(copy.source, session, (source) =>
        copySequences(source, copy.loaderClient, copy.run),
      );
      // Drains go on writing as the loader.
      if (isFollowed) return;
      await withConnection(copy.owner, session, async (owner) => {
        await owner.query(revokeLoader(copy.loader.user));
      });
    },
    async () => {
      const last = archive.entries.filter(({ section }) => section === 'last');
      if (isFollowed) await deferEntries(copy.sides.target, last, { ...copy.run, ...session });
    },
    () => applySettings(copy.loader, copy.owner, facts, session),
    async () => {
      const announced = isFollowed ? SUSPENDED_WHILE_LIVE : [];
      const sameMajor = facts.major === target.major;
      refuseIncomplete(await missingObjects(copy.sides, snapshot, { ...session, sameMajor, announced }));
    },
  ]);
  await copy.beforeChange?.();
  await completeStamp(copy.loaderClient, copy.migrationId);
}

/** What an interrupted copy must have been made for, to be gone on with: this schema, under this capture. */
function basisOf(archive: SchemaArchive, since: string | undefined): string {
  const hash = createHash('sha256');
  for (const { kind, schema, name, section, sql } of archive.entries)
    hash.update(JSON.stringify([kind, schema, name, section, sql]));
  return `${hash.digest('hex')} ${since ?? 'not captured'}`;
}

function sessionOf(options: Pick<CopyOptions, 'migrationId' | 'epoch' | 'log' | 'signal'>): {
  applicationName: string;
  log: Log;
  signal?: AbortSignal;
} {
  return {
    applicationName: applicationName(options.migrationId, options.epoch ?? 0),
    log: options.log,
    ...signalOf(options),
  };
}

function signalOf({ signal }: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function refuseUnfitTarget(
  loader: pg.Client,
  source: DatabaseFacts,
  target: DatabaseFacts,
  options: CopyOptions,
): Promise<void> {
  if (target.major < source.major)
    throw new ConfigurationError(
      `The target's server is PostgreSQL ${target.major} and the source's ${source.major}; an older server cannot take a newer one's schema. Provision a cluster of version ${source.major} or newer.`,
    );
  if (options.tools.major < source.major)
    throw new ConfigurationError(
      `pg_dump is of version ${options.tools.major}; the source's server is ${source.major}. Install postgresql-client-${source.major} and run again.`,
    );
  if (target.encoding !== source.encoding)
    throw new ConfigurationError(
      `The source database is encoded in ${source.encoding}, the target's in ${target.encoding}. Create the target's database with the same encoding.`,
    );
  if (target.collation !== source.collation)
    options.log.warning(
      `Texts sort by ${source.collation} on the source and by ${target.collation} on the target: lists may come in another order.`,
    );
  await refuseForeignTarget(loader, options.owner, options.migrationId);
  await refuseMissingExtensions(loader, source);
}
