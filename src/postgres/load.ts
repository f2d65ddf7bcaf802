import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { buildEntries } from './build.ts';
import type { TableToCopy } from './chunks.ts';
import { copyTables, type CopiedTables } from './copy-tables.ts';
import type { SchemaEntry } from './schema-archive.ts';
import { applicationName } from './settle.ts';
import type { Others } from './shared-copy.ts';
import type { Sides } from './sides.ts';
import type { Snapshot } from './snapshot.ts';
import type { Run } from './stamp.ts';
import { together } from '../together.ts';

export interface LoadOptions extends Run {
  snapshot: Snapshot;
  /** Largest first. */
  tables: TableToCopy[];
  /** All of the archive's: what stands on rows is made as soon as they are there. */
  entries: SchemaEntry[];
  /** The source goes on writing, and so do we: what would check or change our writes is left for the end. */
  isFollowed: boolean;
  /** Chunks copied at the same time. */
  pairs: number;
  /** The application's, for functions in indexes that do not name the schema of what they use. */
  searchPath: string | null;
  /** Whether chunks of an earlier snapshot may stay; see `copyTables`. */
  resume: boolean;
  /** Tables (numbers on the source) without a usable key. */
  keyless: ReadonlySet<number>;
  /** Runners that copy a part of the chunks beside this one. */
  others?: Others;
  /** For a table whose chunks come from several snapshots: takes away what would be there twice, before its keys are built. */
  untangle: (table: TableToCopy) => Promise<void>;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** A new cluster's own processors are the limit; more builders only take memory from each other. */
const BUILDERS = 2;

/** Materialized views are filled now, since readers need them at the switch, and once more after it. */
const NEEDED_AT_ONCE = ['MATERIALIZED VIEW DATA', 'ACL', 'DEFAULT ACL'];

/** Copies rows and builds what stands on them side by side; the first failure of either ends both. */
export async function loadTables({ source, target }: Sides, options: LoadOptions): Promise<CopiedTables> {
  const ready = new Map(options.tables.map(({ oid }) => [oid, Promise.withResolvers<undefined>()]));
  const [copied] = await together(options.signal, [
    async (signal) => {
      const untangled: Promise<void>[] = [];
      const rows = await copyTables({
        ...{ source, loader: target.loader, ...options, signal },
        onTable: (table, { mixed }) => {
          const done = mixed ? options.untangle(table) : Promise.resolve();
          untangled.push(done);
          // What failed is thrown below.
          done.then(() => ready.get(table.oid)?.resolve(undefined)).catch(() => undefined);
        },
      });
      await Promise.all(untangled);
      return rows;
    },
    (signal) =>
      buildEntries(options.isFollowed ? whatCanStay(options.entries) : options.entries, {
        owner: target.owner,
        connections: BUILDERS,
        tableReady: async (oid) => ready.get(oid)?.promise,
        tableBytes: new Map(options.tables.map(({ oid, bytes }) => [oid, bytes])),
        sections: options.isFollowed ? ['build'] : ['build', 'last'],
        resume: options.resume,
        searchPath: options.searchPath,
        applicationName: applicationName(options.migrationId, options.epoch),
        log: options.log,
        clock: options.clock,
        signal,
      }),
  ]);
  return copied;
}

function whatCanStay(entries: SchemaEntry[]): SchemaEntry[] {
  return entries.map((entry) =>
    NEEDED_AT_ONCE.includes(entry.kind) && entry.section === 'last' ? { ...entry, section: 'build' } : entry,
  );
}
