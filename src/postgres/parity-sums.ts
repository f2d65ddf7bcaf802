import { quoteLiteral } from './names.ts';
import { hashOfKey, hashOfRow, rowsOfTable, type HashFunction, type HashedTable } from './parity-hash.ts';
import type { Side } from './parity-side.ts';
import { nameOf } from './parity-tables.ts';
import type { Task } from './parity-work.ts';

/** The content of some rows, whatever their order: sums of parts add up to the sum of the whole. */
export interface Sum {
  rows: number;
  /** Rows that were hashed; fewer than `rows` in a sample. */
  looked: number;
  /** Of 64-bit numbers, not reduced. */
  hash: bigint;
}

/** Which rows are hashed: those whose key's own hash, salted with `seed`, is in the share. The same on both sides. */
export interface Sample {
  /** Between 0 and 1. */
  share: number;
  seed: number;
}

/** A table to be hashed, with where its rows are on this side. */
export interface TableToSum {
  table: HashedTable;
  bytes: number;
  pages: number;
  sample: Sample | undefined;
}

/** Physical addresses: pages from `first` on, before `end`; the last range is open. */
interface Range {
  first: number;
  end: number | null;
}

/** A question is about so much, so that sessions share a big table and progress is seen. */
const PART_BYTES = 64e6;
/** Small tables are asked about together: a link's round trips count more than their rows. */
const SMALL_BYTES = 1e6;
const BATCH = { tables: 40, bytes: 8e6 };
/** Ranges of physical addresses are read as ranges since this version; before it each would read the whole table. */
const RANGES_SINCE = 14;

export const NOTHING: Sum = { rows: 0, looked: 0, hash: 0n };

/** The tasks that sum up these tables on one side, largest first; `onTable` is told each one's sum when it is whole. */
export function tasksOfSums(
  side: Side,
  tables: TableToSum[],
  hash: HashFunction,
  onTable: (name: string, sum: Sum) => void,
): Task[] {
  const tasks: Task[] = [];
  let batch: TableToSum[] = [];
  for (const entry of [...tables].sort((one, other) => other.bytes - one.bytes)) {
    if (entry.bytes > SMALL_BYTES) tasks.push(...tasksOfTable(side, entry, hash, onTable));
    else batch.push(entry);
    if (batch.length >= BATCH.tables || bytesOf(batch) >= BATCH.bytes) {
      tasks.push(taskOfBatch(batch, hash, onTable));
      batch = [];
    }
  }
  if (batch.length > 0) tasks.push(taskOfBatch(batch, hash, onTable));
  return tasks;
}

function bytesOf(batch: TableToSum[]): number {
  return batch.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A big table is cut by this side's own pages: where a row lies does not matter to its hash. */
function tasksOfTable(
  side: Side,
  entry: TableToSum,
  hash: HashFunction,
  onTable: (name: string, sum: Sum) => void,
): Task[] {
  const ranges = rangesOf(side, entry, Math.ceil(entry.bytes / PART_BYTES));
  let whole = NOTHING;
  let left = ranges.length;
  return ranges.map((range) => ({
    bytes: entry.bytes / ranges.length,
    run: async (client) => {
      const { rows } = await client.query<SumRow>(questionOf(entry, hash, range, 0));
      const sum = sumOf(rows[0]);
      whole = added(whole, sum);
      left -= 1;
      if (left === 0) onTable(nameOf(entry.table), whole);
      return sum.rows;
    },
  }));
}

function taskOfBatch(
  batch: TableToSum[],
  hash: HashFunction,
  onTable: (name: string, sum: Sum) => void,
): Task {
  return {
    bytes: bytesOf(batch),
    run: async (client) => {
      const { rows } = await client.query<SumRow>(
        batch.map((entry, index) => questionOf(entry, hash, undefined, index)).join('\n UNION ALL\n'),
      );
      const answers = new Map(rows.map((row) => [row.unit, row]));
      let looked = 0;
      for (const [index, entry] of batch.entries()) {
        const sum = sumOf(answers.get(index));
        looked += sum.rows;
        onTable(nameOf(entry.table), sum);
      }
      return looked;
    },
  };
}

/** Cuts a side's table into ranges of about the same number of pages. */
export function rangesOf(
  side: Pick<Side, 'major'>,
  table: { pages: number },
  parts: number,
): (Range | undefined)[] {
  if (side.major < RANGES_SINCE || parts <= 1 || table.pages < parts) return [undefined];
  const starts = Array.from({ length: parts }, (_, part) => Math.floor((table.pages * part) / parts));
  return starts.map((first, part) => ({ first, end: starts[part + 1] ?? null }));
}

/** SQL: the rows of a table, or of a range of it, for a WHERE. */
export function inRange(range: Range | undefined): string {
  if (range === undefined) return 'true';
  const from = `t.ctid >= '(${range.first},0)'::pg_catalog.tid`;
  return range.end === null ? from : `${from} AND t.ctid < '(${range.end},0)'::pg_catalog.tid`;
}

interface SumRow {
  unit: number;
  rows: string;
  /** Null where every row was hashed. */
  looked: string | null;
  hash: string;
}

function questionOf(
  { table, sample }: TableToSum,
  hash: HashFunction,
  range: Range | undefined,
  unit: number,
): string {
  const content = hashOfRow(table.columns, hash);
  const chosen = sample === undefined || table.key === null ? undefined : isChosen(table.key, hash, sample);
  const filter = chosen === undefined ? '' : ` FILTER (WHERE ${chosen})`;
  return `SELECT ${unit} AS unit, pg_catalog.count(*)::text AS rows,
         ${chosen === undefined ? 'NULL' : `(pg_catalog.count(*)${filter})::text`} AS looked,
         COALESCE(pg_catalog.sum(${content})${filter}, 0)::text AS hash
    FROM ${rowsOfTable(table)} WHERE ${inRange(range)}`;
}

/** SQL: whether the row is in the sample. A row's bucket when differences are narrowed down comes from an unsalted hash. */
function isChosen(key: string[], hash: HashFunction, sample: Sample): string {
  const bits = 0x3fffffff;
  return `(${hashOfKey(key, hash, sample.seed)} & ${quoteLiteral(`${bits}`)}::bigint) < ${Math.round(sample.share * bits)}`;
}

function sumOf(row: SumRow | undefined): Sum {
  if (row === undefined) throw new Error('A sum came back without its row.');
  return { rows: Number(row.rows), looked: Number(row.looked ?? row.rows), hash: BigInt(row.hash) };
}

export function added(one: Sum, other: Sum): Sum {
  return { rows: one.rows + other.rows, looked: one.looked + other.looked, hash: one.hash + other.hash };
}

export function sameSum(one: Sum, other: Sum): boolean {
  return one.rows === other.rows && one.looked === other.looked && one.hash === other.hash;
}

/** The hash as it is shown and kept: 16 hexadecimal digits. */
export function hashText(sum: Sum): string {
  return BigInt.asUintN(64, sum.hash).toString(16).padStart(16, '0');
}
