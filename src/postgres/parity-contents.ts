import { formatBytes, formatSeconds, startProgress } from './progress.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { findDifferences, type Differences } from './parity-differences.ts';
import { PROBE_OF_FAST_HASH, type HashFunction } from './parity-hash.ts';
import {
  findLargeObjects,
  LARGE_OBJECTS,
  readLargeObjects,
  tasksOfLargeObjects,
} from './parity-large-objects.ts';
import { relationOf, type ProofKeeper } from './parity-proof.ts';
import { both, type Side } from './parity-side.ts';
import {
  hashText,
  NOTHING,
  sameSum,
  tasksOfSums,
  type Sample,
  type Sum,
  type TableToSum,
} from './parity-sums.ts';
import { commonTable, readParityTables, type ParityTable } from './parity-tables.ts';
import { work, type Done, type Task } from './parity-work.ts';

export interface TableParity {
  /** `schema.table`, or `large objects`. */
  name: string;
  rows: { source: number; target: number };
  hash: { source: string; target: string };
  equal: boolean;
  /** Up to five keys whose rows differ, or the number of rows where the table has no key. */
  differingKeys?: string[];
  /** Rows whose content was compared, where that was a sample. */
  sampled?: number;
  /** Proven by the comparison that this one continues; not looked at again. */
  provenBefore?: true;
}

/** What is known of one table, and how many of its rows differ. */
export interface Compared {
  parity: TableParity;
  different: number;
}

/** Which function hashes the sums, and which one the differences, where a false alarm would show itself. */
export interface Hashes {
  sums: HashFunction;
  differences: HashFunction;
}

export interface ContentsOptions {
  hashes: Hashes;
  /** Only these tables (`schema.table`), and no large objects; without it everything. */
  only?: Set<string>;
  sample?: Sample & { fromBytes: number };
  proof?: ProofKeeper;
  log: Log;
  clock: Clock;
}

/**
 * The fast function is the same within a major version. Across versions a probe tells whether it is: were it not the same
 * for some text after all, equal rows would be called different, never the other way round, and the second look, by the
 * portable function, finds them equal.
 */
export async function chooseHashes(source: Side, target: Side, wanted: 'auto' | 'portable'): Promise<Hashes> {
  if (wanted === 'portable' || source.encoding !== target.encoding)
    return { sums: 'portable', differences: 'portable' };
  if (source.major === target.major) return { sums: 'fast', differences: 'fast' };
  const probe = async (side: Side): Promise<string | undefined> =>
    (await side.clients[0].query<{ probe: string }>(PROBE_OF_FAST_HASH)).rows[0]?.probe;
  const [one, other] = await both(probe(source), probe(target));
  return { sums: one === other ? 'fast' : 'portable', differences: 'portable' };
}

/** One table under way: what each side answered so far. */
interface Pending {
  name: string;
  source: ParityTable | undefined;
  target: ParityTable | undefined;
  sample: Sample | undefined;
  left?: Sum;
  right?: Sum;
}

/**
 * Compares tables by content: one sum for each side, both sides at once; only where the sums differ are the rows looked
 * for. A table that one side lacks counts each row of the other.
 */
export async function compareContents(
  source: Side,
  target: Side,
  options: ContentsOptions,
): Promise<Compared[]> {
  const [left, right] = await both(readParityTables(source.clients[0]), readParityTables(target.clients[0]));
  const results: Compared[] = [];
  const pending = new Map<string, Pending>();
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    if (options.only?.has(name) === false) continue;
    const table = { name, source: left.get(name), target: right.get(name), sample: undefined };
    const before = provenBefore(table, options.proof);
    if (before === undefined) pending.set(name, { ...table, sample: sampleFor(table, options.sample) });
    else results.push({ parity: before, different: 0 });
  }
  if (results.length > 0)
    options.log.info(`${results.length} tables were proven equal before and are not looked at again.`);

  const differing: Pending[] = [];
  const settle = (table: Pending): void => {
    if (table.left === undefined || table.right === undefined) return;
    if (!isEqual(table)) {
      differing.push(table);
      return;
    }
    results.push({ parity: parityOf(table, true), different: 0 });
    if (table.sample === undefined && table.source !== undefined)
      options.proof?.note(relationOf(table.source), { rows: table.left.rows, hash: hashText(table.left) });
  };
  await sumUp(source, target, pending, settle, options);
  for (const table of differing) results.push(await examine(source, target, table, options));
  return results.sort((one, other) => (one.parity.name < other.parity.name ? -1 : 1));
}

function provenBefore(
  { name, source, target }: Pick<Pending, 'name' | 'source' | 'target'>,
  proof: ProofKeeper | undefined,
): TableParity | undefined {
  const proven = source && target ? proof?.proven.get(relationOf(source)) : undefined;
  if (proven === undefined) return undefined;
  const { rows, hash } = proven;
  return {
    name,
    rows: { source: rows, target: rows },
    hash: { source: hash, target: hash },
    equal: true,
    provenBefore: true,
  };
}

/** Small tables and those without a key, by which rows could be chosen, are compared whole. */
function sampleFor(
  { source, target }: Pick<Pending, 'source' | 'target'>,
  sample: ContentsOptions['sample'],
): Sample | undefined {
  if (sample === undefined || source === undefined || target === undefined) return undefined;
  if (commonTable(source, target).key === null) return undefined;
  return Math.max(source.bytes, target.bytes) >= sample.fromBytes ? sample : undefined;
}

async function sumUp(
  source: Side,
  target: Side,
  pending: Map<string, Pending>,
  settle: (table: Pending) => void,
  options: ContentsOptions,
): Promise<void> {
  const [ours, theirs] = [tablesOf(pending, 'source'), tablesOf(pending, 'target')];
  const arrived = (which: 'left' | 'right') => (name: string, sum: Sum) => {
    const table = pending.get(name);
    if (table === undefined) return;
    table[which] = sum;
    settle(table);
  };
  for (const table of pending.values()) {
    if (table.source === undefined) table.left = NOTHING;
    if (table.target === undefined) table.right = NOTHING;
  }
  const tasks: [Task[], Task[]] = [
    tasksOfSums(source, ours, options.hashes.sums, arrived('left')),
    tasksOfSums(target, theirs, options.hashes.sums, arrived('right')),
  ];
  if (options.only === undefined) await addLargeObjects(source, target, pending, tasks, arrived, options);
  const done = { source: { bytes: 0, rows: 0 }, target: { bytes: 0, rows: 0 } };
  const total = tasks.flat().reduce((sum, { bytes }) => sum + bytes, 0);
  const progress = startProgress(options.log, options.clock, (seconds) =>
    Promise.resolve(progressLine(done, total, pending, seconds)),
  );
  try {
    await both(work(source, tasks[0], done.source), work(target, tasks[1], done.target));
  } finally {
    progress.stop();
  }
}

function tablesOf(pending: Map<string, Pending>, which: 'source' | 'target'): TableToSum[] {
  const tables: TableToSum[] = [];
  for (const { source, target, sample } of pending.values()) {
    const here = which === 'source' ? source : target;
    if (here === undefined) continue;
    // Of a table that one side lacks the rows are counted.
    const table =
      source === undefined || target === undefined
        ? { ...here, columns: [], key: null }
        : commonTable(source, target);
    tables.push({ table, bytes: here.bytes, pages: here.pages, sample });
  }
  return tables;
}

async function addLargeObjects(
  source: Side,
  target: Side,
  pending: Map<string, Pending>,
  tasks: [Task[], Task[]],
  arrived: (which: 'left' | 'right') => (name: string, sum: Sum) => void,
  options: ContentsOptions,
): Promise<void> {
  const [ours, theirs] = await both(readLargeObjects(source), readLargeObjects(target));
  if (ours.length + theirs.length === 0) return;
  pending.set(LARGE_OBJECTS, {
    name: LARGE_OBJECTS,
    source: undefined,
    target: undefined,
    sample: undefined,
  });
  const { sums } = options.hashes;
  tasks[0].push(...tasksOfLargeObjects(ours, sums, (sum) => arrived('left')(LARGE_OBJECTS, sum)));
  tasks[1].push(...tasksOfLargeObjects(theirs, sums, (sum) => arrived('right')(LARGE_OBJECTS, sum)));
}

function progressLine(
  done: { source: Done; target: Done },
  total: number,
  pending: Map<string, Pending>,
  seconds: number,
): string {
  const bytes = done.source.bytes + done.target.bytes;
  const rows = Math.min(done.source.rows, done.target.rows);
  const tablesLeft = [...pending.values()].filter(
    ({ left, right }) => left === undefined || right === undefined,
  ).length;
  const parts = [
    `${formatBytes(bytes)} of ${formatBytes(total)} on both sides`,
    `${rows.toLocaleString('en')} rows`,
    `${formatBytes(bytes / seconds)}/s`,
    `${tablesLeft} ${tablesLeft === 1 ? 'table' : 'tables'} left`,
    ...(bytes > 0 ? [`about ${formatSeconds((seconds / bytes) * (total - bytes))} left`] : []),
  ];
  return `Comparing: ${parts.join(', ')}`;
}

function isEqual({ name, source, target, left = NOTHING, right = NOTHING }: Pending): boolean {
  const isOnBoth = name === LARGE_OBJECTS || (source !== undefined && target !== undefined);
  return isOnBoth && sameSum(left, right);
}

function parityOf(table: Pending, equal: boolean): TableParity {
  const { left = NOTHING, right = NOTHING } = table;
  return {
    name: table.name,
    rows: { source: left.rows, target: right.rows },
    hash: { source: hashText(left), target: hashText(right) },
    equal,
    ...(table.sample === undefined ? {} : { sampled: left.looked }),
  };
}

async function examine(
  source: Side,
  target: Side,
  table: Pending,
  options: ContentsOptions,
): Promise<Compared> {
  const { left = NOTHING, right = NOTHING } = table;
  const found = await differencesOf(source, target, table, options.hashes.differences);
  const falseAlarm =
    found.count === 0 && left.rows === right.rows && options.hashes.sums !== options.hashes.differences;
  const parity = parityOf(table, falseAlarm);
  if (falseAlarm) return { parity, different: 0 };
  const counts = `${left.rows} rows on the source, ${right.rows} on the target`;
  options.log.warning(`Different: ${table.name}: ${counts}; ${found.named.join('; ')}`);
  return { parity: { ...parity, differingKeys: found.named }, different: Math.max(1, found.count) };
}

async function differencesOf(
  source: Side,
  target: Side,
  { name, source: ours, target: theirs, left = NOTHING, right = NOTHING }: Pending,
  hash: HashFunction,
): Promise<Differences> {
  if (name === LARGE_OBJECTS) return findLargeObjects(source, target, hash);
  const rows = Math.max(left.rows, right.rows);
  if (ours === undefined || theirs === undefined)
    return {
      named: [`the table is only on the ${ours === undefined ? 'target' : 'source'}`],
      count: rows,
    };
  const pages = { source: ours.pages, target: theirs.pages };
  return findDifferences(source, target, { table: commonTable(ours, theirs), rows, pages }, hash);
}
