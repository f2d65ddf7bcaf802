import { readFile, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { ConfigurationError, NotSupportedError } from '../errors.ts';
import type { Log } from '../log.ts';
import { databaseArgument, runTool, toolEnvironment, withPrivateDirectory } from './child.ts';
import {
  closeConnection,
  connect,
  describeAddress,
  withConnection,
  type PostgresAddress,
} from './connect.ts';
import { statementError } from './errors.ts';
import { readDatabaseFacts, type DatabaseFacts } from './facts.ts';
import { quoteQualified } from './names.ts';
import { formatBytes, startProgress } from './progress.ts';
import { rewriteRestoreList, type RemovedEntry } from './restore-list.ts';
import { applicationName } from './settle.ts';
import { completeStamp, stampTarget } from './stamp.ts';
import { revokeLoader, swapScript } from './swap.ts';
import {
  applySettings,
  extensionSchemas,
  isOpenTarget,
  lockTarget,
  openTarget,
  prepareExtensions,
  refuseForeignTarget,
  refuseMissingExtensions,
} from './target.ts';
import type { PostgresTools } from './tools.ts';

export interface CopyOptions {
  source: PostgresAddress;
  /** The application's role on the target, which owns what is created. */
  owner: PostgresAddress;
  /** The role that may create extensions and loads the data (`doadmin`); same database as `owner`. */
  loader: PostgresAddress;
  migrationId: string;
  /** The lease's epoch, part of the sessions' application name, so that a later epoch can end them. */
  epoch?: number;
  tools: PostgresTools;
  /** A directory for the dump; what is put there is removed again. */
  directory: string;
  /** Tables loaded and indexes built at the same time. */
  jobs: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step that changes the target: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
}

export interface CopyResult {
  /** Tables that hold rows, partitions counted one by one. */
  tables: number;
  /** The source database's size. */
  bytes: number;
  /** What the target does without, each with its reason. */
  removed: RemovedEntry[];
  milliseconds: number;
}

/** What the steps of one copy share. */
interface Copy extends CopyOptions {
  name: string;
  facts: DatabaseFacts;
  dump: string;
  list: string;
  /** Entries of `list` that load rows, by pg_restore's number. */
  tableData: Map<string, number>;
  sourceEnvironment: Record<string, string>;
  ownerEnvironment: Record<string, string>;
  loaderEnvironment: Record<string, string>;
}

/**
 * Copies a whole database by pg_dump and pg_restore: complete, or failed with the reason. The target is closed from
 * the first moment (its owner may read and not write); only `openWrites` opens it. What an earlier copy of the same
 * migration left is replaced in one transaction; anything else on the target is refused untouched.
 *
 * @throws ConfigurationError for a target that is not ours, versions that do not fit, missing extensions
 * @throws NotSupportedError, before anything is changed, for objects that cannot be carried over
 */
export async function copyDatabase(options: CopyOptions): Promise<CopyResult> {
  const started = options.clock.now().getTime();
  if (options.owner.user === options.loader.user)
    throw new ConfigurationError('A copy needs two roles on the target: one that owns and one that loads.');
  const name = applicationName(options.migrationId, options.epoch ?? 0);
  const session = { applicationName: name, log: options.log, ...signalOf(options) };
  const facts = await withConnection(options.source, session, readDatabaseFacts);
  refuseLargeObjects(facts);

  const loader = await connect(options.loader, session);
  try {
    await refuseUnfitTarget(loader, facts, options);
    await lockTarget(loader, options.owner);
    const removed = await withPrivateDirectory(options.directory, async (directory) => {
      const copy = await prepare(options, name, facts, directory);
      await dumpSource(copy);
      const removedEntries = await rewriteList(copy);

      await options.beforeChange?.();
      await stampTarget(loader, options.migrationId, options.owner.user);
      await prepareExtensions(loader, facts, options.owner, options.log);
      await options.beforeChange?.();
      await swapSchema(copy);
      await options.beforeChange?.();
      await loadData(copy);
      await options.beforeChange?.();
      await finishSchema(copy);
      return removedEntries;
    });
    await withConnection(options.owner, session, async (owner) => {
      await owner.query(revokeLoader(options.loader.user));
      const tables = facts.tables.map((table) => quoteQualified(table.schema, table.name));
      if (tables.length > 0) await owner.query(`ANALYZE ${tables.join(', ')}`);
    });
    await applySettings(options.loader, options.owner, facts, session);
    await options.beforeChange?.();
    await completeStamp(loader, options.migrationId);
    const milliseconds = options.clock.now().getTime() - started;
    options.log.info(
      `Copied ${facts.tables.length} tables (${formatBytes(facts.sizeBytes)}) to ${describeAddress(options.owner)} in ${(milliseconds / 1000).toFixed(1)} s.`,
    );
    return { tables: facts.tables.length, bytes: facts.sizeBytes, removed, milliseconds };
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw isOpenTarget(thrown)
      ? openTarget(options.owner)
      : statementError(thrown, describeAddress(options.owner));
  } finally {
    await closeConnection(loader);
  }
}

function signalOf(options: CopyOptions): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}

function refuseLargeObjects(facts: DatabaseFacts): void {
  if (facts.largeObjects > 0)
    throw new NotSupportedError(
      `The source database holds ${facts.largeObjects} large objects, which cannot be copied yet; nothing was changed. Move them to bytea columns or object storage first (or remove orphans with vacuumlo).`,
    );
}

async function refuseUnfitTarget(
  loader: Awaited<ReturnType<typeof connect>>,
  source: DatabaseFacts,
  options: CopyOptions,
): Promise<void> {
  const target = await readDatabaseFacts(loader);
  if (target.major < source.major)
    throw new ConfigurationError(
      `The target's server is PostgreSQL ${target.major} and the source's ${source.major}; an older server cannot take a newer one's schema. Provision a cluster of version ${source.major} or newer.`,
    );
  if (options.tools.major < target.major || options.tools.major < source.major)
    throw new ConfigurationError(
      `pg_dump is of version ${options.tools.major}; the servers are ${source.major} and ${target.major}. Install postgresql-client-${Math.max(source.major, target.major)} and run again.`,
    );
  if (options.tools.major >= 17 && target.major < 17)
    throw new ConfigurationError(
      `pg_restore ${options.tools.major} writes a setting (transaction_timeout) that the target's PostgreSQL ${target.major} does not know. Install postgresql-client-${target.major} beside it and run again.`,
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

async function prepare(
  options: CopyOptions,
  name: string,
  facts: DatabaseFacts,
  directory: string,
): Promise<Copy> {
  const tool = { applicationName: name, directory };
  return {
    ...options,
    name,
    facts,
    dump: join(directory, 'source.dump'),
    list: join(directory, 'restore.list'),
    tableData: new Map(),
    sourceEnvironment: await toolEnvironment(options.source, tool),
    ownerEnvironment: await toolEnvironment(options.owner, tool),
    loaderEnvironment: await toolEnvironment(options.loader, tool),
  };
}

async function dumpSource(copy: Copy): Promise<void> {
  const started = copy.clock.now().getTime();
  const { bavail, bsize } = await statfs(copy.directory);
  // Compressing costs more than half of the time of a dump; it is only worth it when the disk is small.
  const compress = copy.facts.sizeBytes * 2 > bavail * bsize ? 6 : 0;
  const progress = startProgress(copy.log, copy.clock, async (seconds) => {
    const { size } = await stat(copy.dump);
    return `Dumping ${copy.source.database}: ${formatBytes(size)} written, ${formatBytes(size / seconds)}/s`;
  });
  try {
    await runTool(
      copy.tools.pgDump,
      [
        ...['--format=custom', `--compress=${compress}`, `--file=${copy.dump}`],
        // What cannot be locked within a minute is being changed: an error rather than a wait.
        '--lock-wait-timeout=60s',
        ...['--no-owner', '--no-privileges', '--no-tablespaces', '--no-security-labels'],
        ...['--exclude-schema=_heroku', '--exclude-schema=heroku_to_digitalocean'],
        databaseArgument(copy.source),
      ],
      { env: copy.sourceEnvironment, ...signalOf(copy) },
    );
  } finally {
    progress.stop();
  }
  const { size } = await stat(copy.dump);
  copy.log.info(
    `Dumped ${describeAddress(copy.source)}: ${formatBytes(size)} in ${seconds(copy, started)} s.`,
  );
}

async function rewriteList(copy: Copy): Promise<RemovedEntry[]> {
  const { stdout } = await runTool(copy.tools.pgRestore, ['--list', copy.dump], {
    env: copy.sourceEnvironment,
    ...signalOf(copy),
  });
  const { kept, removed } = rewriteRestoreList(stdout, { extensionSchemas: extensionSchemas(copy.facts) });
  const sizes = new Map(copy.facts.tables.map((table) => [`${table.schema} ${table.name}`, table.bytes]));
  for (const [, id, table] of kept.matchAll(/^(\d+); \d+ \d+ TABLE DATA (.*) \S+$/gm))
    if (id !== undefined && table !== undefined) copy.tableData.set(id, sizes.get(table) ?? 0);
  for (const { entry, reason } of removed) copy.log.info(`Left out: ${entry} (${reason})`);
  await writeFile(copy.list, kept);
  return removed;
}

async function swapSchema(copy: Copy): Promise<void> {
  const started = copy.clock.now().getTime();
  const preData = `${copy.dump}.pre.sql`;
  const script = `${copy.dump}.swap.sql`;
  await runTool(
    copy.tools.pgRestore,
    [...restoreArguments(copy, 'pre-data'), `--file=${preData}`, copy.dump],
    { env: copy.ownerEnvironment, ...signalOf(copy) },
  );
  await writeFile(script, swapScript(await readFile(preData, 'utf8'), copy.loader.user), { mode: 0o600 });
  await runTool(
    copy.tools.psql,
    [
      '-X',
      '--quiet',
      '--set=ON_ERROR_STOP=1',
      '--single-transaction',
      '--output=/dev/null',
      `--file=${script}`,
    ],
    { env: copy.ownerEnvironment, ...signalOf(copy) },
  );
  copy.log.info(`Created the schema on the target, closed for writes, in ${seconds(copy, started)} s.`);
}

async function loadData(copy: Copy): Promise<void> {
  const started = copy.clock.now().getTime();
  const total = [...copy.tableData.values()].reduce((sum, bytes) => sum + bytes, 0);
  const loaded = { tables: 0, bytes: 0 };
  const progress = startProgress(copy.log, copy.clock, (elapsed) => {
    const rate = loaded.bytes / elapsed;
    const left = rate === 0 ? '' : `, about ${Math.ceil((total - loaded.bytes) / rate)} s left`;
    return Promise.resolve(
      `Loading: ${loaded.tables} of ${copy.tableData.size} tables, ${formatBytes(loaded.bytes)} of ${formatBytes(total)}, ${formatBytes(rate)}/s${left}`,
    );
  });
  try {
    await runTool(
      copy.tools.pgRestore,
      [
        ...restoreArguments(copy, 'data'),
        ...['--verbose', '--exit-on-error', `--jobs=${Math.max(copy.jobs, 2)}`],
        databaseArgument(copy.loader),
        copy.dump,
      ],
      {
        env: copy.loaderEnvironment,
        ...signalOf(copy),
        isProgress: isRestoreProgress,
        onLine: (line) => {
          const id = /finished item (\d+) TABLE DATA /.exec(line)?.[1];
          if (id === undefined) return;
          loaded.tables += 1;
          loaded.bytes += copy.tableData.get(id) ?? 0;
        },
      },
    );
  } finally {
    progress.stop();
  }
  copy.log.info(
    `Loaded ${copy.tableData.size} tables (${formatBytes(total)}) in ${seconds(copy, started)} s.`,
  );
}

async function finishSchema(copy: Copy): Promise<void> {
  const started = copy.clock.now().getTime();
  const built = { items: 0 };
  const progress = startProgress(copy.log, copy.clock, () =>
    Promise.resolve(`Building indexes, keys and triggers: ${built.items} done`),
  );
  try {
    await runTool(
      copy.tools.pgRestore,
      [
        ...restoreArguments(copy, 'post-data'),
        ...['--verbose', '--exit-on-error', `--jobs=${Math.max(copy.jobs, 2)}`],
        databaseArgument(copy.owner),
        copy.dump,
      ],
      {
        env: copy.ownerEnvironment,
        ...signalOf(copy),
        isProgress: isRestoreProgress,
        onLine: (line) => {
          if (line.includes(' finished item ')) built.items += 1;
        },
      },
    );
  } finally {
    progress.stop();
  }
  copy.log.info(`Built ${built.items} indexes, keys, triggers and the like in ${seconds(copy, started)} s.`);
}

function restoreArguments(copy: Copy, section: 'pre-data' | 'data' | 'post-data'): string[] {
  return [
    `--section=${section}`,
    `--use-list=${copy.list}`,
    ...['--no-owner', '--no-privileges', '--no-tablespaces', '--no-security-labels'],
    ...['--no-publications', '--no-subscriptions'],
  ];
}

/** With --verbose pg_restore says what it does; errors and what belongs to them look different. */
function isRestoreProgress(line: string): boolean {
  return line.startsWith('pg_restore: ') && !/^pg_restore: (error|warning|hint|detail|from)\b/i.test(line);
}

function seconds(copy: Copy, started: number): string {
  return ((copy.clock.now().getTime() - started) / 1000).toFixed(1);
}
