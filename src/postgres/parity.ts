import { systemClock, type Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import {
  compareCatalogues,
  readCatalogue,
  readGrants,
  splitAnnounced,
  type Announced,
  type Difference,
} from './catalogue.ts';
import type { PostgresAddress } from './connect.ts';
import { statementError } from './errors.ts';
import { chooseHashes, compareContents, type Compared, type TableParity } from './parity-contents.ts';
import { keepProof } from './parity-proof.ts';
import { confidenceOf, type Confidence } from './parity-sample.ts';
import { compareSequences } from './parity-sequences.ts';
import { compareSettings } from './parity-settings.ts';
import { both, closeSide, openSide, openSides, type Side } from './parity-side.ts';

export type { TableParity } from './parity-contents.ts';

export interface DatabaseParity {
  equal: boolean;
  /** `different`: rows that are missing, additional or other; at least, when very many differ. */
  rows: { compared: number; different: number };
  tables: TableParity[];
  /** Objects and settings that are missing, additional or defined differently, one line each, and were not announced. */
  catalogue: string[];
  /** Differences of the catalogue that the caller announced, one line each. */
  announced: string[];
  /** Sequences that stand elsewhere, one line each. */
  sequences: string[];
  /** In mode `sampled`: what the comparison is worth. */
  confidence?: Confidence;
}

export interface ParityOptions {
  source: PostgresAddress;
  /** A role that may read every table: the owner. */
  target: PostgresAddress;
  /** Exported snapshots to read at, held by the caller meanwhile; a side without one is read as it is now. */
  snapshots?: { source: string; target?: string };
  /** `sampled`: of large tables only a share of the rows is compared by content; `confidence` tells what that is worth. */
  mode?: 'full' | 'sampled';
  /**
   * For mode `sampled`: the share of the rows of a table from `fromBytes` on (defaults: one sixteenth, 32 MB), and what
   * chooses them: the same seed chooses the same rows. Default: other ones each time, so that samples add up.
   */
  sample?: { share?: number; fromBytes?: number; seed?: number };
  /**
   * Keeps what is proven in the target's table `proof`, written by a role that loads; keys touched until then are taken
   * out of the list of touched keys. `resume`: tables proven before are left out; only right when the target was since
   * changed by nothing but drains, which note the keys that they write (see `compareTouched`).
   */
  proof?: { writer: PostgresAddress; resume: boolean };
  /** Differences of catalogue and settings that are there on purpose. */
  announced?: Announced[];
  /** Compares rights that were given to roles which exist on both sides, apart from these and from those that connect. */
  grants?: { except: string[] };
  /** False while the source still hands out numbers: sequences are no part of a snapshot. Default true. */
  sequences?: boolean;
  /** `portable`: hash by md5 although the servers' own function would do. */
  hash?: 'auto' | 'portable';
  log: Log;
  clock?: Clock;
  signal?: AbortSignal;
  /** Connections per side; default 2. */
  jobs?: number;
  applicationName?: string;
}

const SAMPLE = { share: 1 / 16, fromBytes: 32e6 };

/**
 * Proves that two databases hold the same: every row of every table and every large object by a content hash that does
 * not depend on the order of rows, every sequence, every object of the catalogue apart from owners, and the settings of
 * the database. Each side is read in one snapshot; nothing is written but the proof, where that is asked for.
 * Materialized views are compared by definition: their content is as old as their last refresh.
 *
 * @throws PostgresError when a side cannot be read completely
 */
export async function compareDatabases(options: ParityOptions): Promise<DatabaseParity> {
  const { proof: proofOptions, log, signal, clock = systemClock } = options;
  const common = { applicationName: options.applicationName ?? 'h2d parity', log, signal };
  let sides: { source: Side; target: Side } | undefined;
  let proof: Awaited<ReturnType<typeof keepProof>> | undefined;
  try {
    if (proofOptions !== undefined) proof = await keepProof({ ...common, ...proofOptions });
    const { source, target } = (sides = await openBoth(options, common));
    proof?.attach(target);
    const started = clock.now().getTime();
    const hashes = await chooseHashes(source, target, options.hash ?? 'auto');
    const sample = options.mode === 'sampled' ? sampleOf(options) : undefined;
    const tables = await compareContents(source, target, {
      ...{ hashes, log, clock },
      ...(sample === undefined ? {} : { sample }),
      ...(proof === undefined ? {} : { proof }),
    });
    await proof?.finish();
    const { announced, unexpected } = splitAnnounced(
      [...(await compareObjects(source, target, options)), ...(await compareSettings(source, target))],
      options.announced ?? [],
    );
    const sequences = options.sequences === false ? [] : await compareSequences(source, target);
    const result = verdict(tables, unexpected, announced, sequences, sample?.share);
    log.info(summary(result, (clock.now().getTime() - started) / 1000));
    return result;
  } catch (thrown) {
    signal?.throwIfAborted();
    throw statementError(thrown, 'Comparing the databases');
  } finally {
    await proof?.close();
    if (sides !== undefined) await Promise.all([closeSide(sides.source), closeSide(sides.target)]);
  }
}

function openBoth(
  { source, target, snapshots, jobs = 2 }: ParityOptions,
  common: { applicationName: string; log: Log; signal: AbortSignal | undefined },
): Promise<{ source: Side; target: Side }> {
  const side = { ...common, connections: jobs };
  return openSides(
    openSide(source, { ...side, which: 'source', snapshot: snapshots?.source }),
    openSide(target, { ...side, which: 'target', snapshot: snapshots?.target }),
  );
}

function sampleOf({ sample }: ParityOptions): { share: number; fromBytes: number; seed: number } {
  // Without a salt the sample would be the same each time; zero is no salt.
  const seed = sample?.seed ?? 1 + Math.floor(Math.random() * 1e9);
  return { share: sample?.share ?? SAMPLE.share, fromBytes: sample?.fromBytes ?? SAMPLE.fromBytes, seed };
}

async function compareObjects(source: Side, target: Side, options: ParityOptions): Promise<Difference[]> {
  const sameMajor = source.major === target.major;
  const [left, right] = await both(
    readCatalogue(source.clients[0], sameMajor),
    readCatalogue(target.clients[0], sameMajor),
  );
  const differences = compareCatalogues(left, right);
  if (options.grants === undefined) return differences;
  return [...differences, ...(await compareGrants(source, target, options.grants.except))];
}

async function compareGrants(source: Side, target: Side, except: string[]): Promise<Difference[]> {
  const rolesOf = async (side: Side): Promise<string[]> => {
    const { rows } = await side.clients[0].query<{ name: string }>(
      `SELECT rolname AS name FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'`,
    );
    return rows.map(({ name }) => name);
  };
  const [ours, theirs] = await both(rolesOf(source), rolesOf(target));
  const others = new Set([...except, source.address.user, target.address.user]);
  const shared = ours.filter((role) => theirs.includes(role) && !others.has(role));
  const [left, right] = await both(
    readGrants(source.clients[0], shared),
    readGrants(target.clients[0], shared),
  );
  return compareCatalogues(left, right);
}

function verdict(
  tables: Compared[],
  catalogue: string[],
  announced: string[],
  sequences: string[],
  share: number | undefined,
): DatabaseParity {
  const rows = {
    compared: tables.reduce((sum, { parity }) => sum + parity.rows.source, 0),
    different: tables.reduce((sum, { different }) => sum + different, 0),
  };
  const equal =
    rows.different === 0 &&
    tables.every(({ parity }) => parity.equal) &&
    catalogue.length + sequences.length === 0;
  const result = { equal, rows, tables: tables.map(({ parity }) => parity), catalogue, announced, sequences };
  if (share === undefined) return result;
  const looked = tables.reduce((sum, { parity }) => sum + (parity.sampled ?? parity.rows.source), 0);
  const sampled = tables.filter(({ parity }) => parity.sampled !== undefined).length;
  const confidence = confidenceOf({ compared: looked, of: rows.compared }, share, sampled);
  return { ...result, rows: { ...rows, compared: looked }, confidence };
}

function summary(result: DatabaseParity, seconds: number): string {
  const rows = `${result.rows.compared.toLocaleString('en')} rows of ${result.tables.length} tables compared in ${seconds.toFixed(1)} s`;
  const announced =
    result.announced.length === 0
      ? ''
      : `; ${result.announced.length} announced differences of the catalogue`;
  const verdictInWords = result.equal
    ? 'equal'
    : `NOT equal: ${result.rows.different} rows, ${result.catalogue.length} objects, ${result.sequences.length} sequences differ`;
  const confidence = result.confidence === undefined ? '' : `. ${result.confidence.words}`;
  return `${rows}: ${verdictInWords}${announced}${confidence}`;
}
