import type pg from 'pg';
import {
  columnOf,
  hashOfKey,
  hashOfRow,
  rowsOfTable,
  textsOfKey,
  type HashFunction,
  type HashedTable,
} from './parity-hash.ts';
import { both, type Side } from './parity-side.ts';
import { inRange, NOTHING, rangesOf, sameSum, added, type Sum } from './parity-sums.ts';
import { work, type Task } from './parity-work.ts';

export interface Differences {
  /** Up to five rows in words. */
  named: string[];
  /** Rows that are missing, additional or other; at least, where very many are. */
  count: number;
}

/** A table known to differ, with how large it is on each side. */
export interface DifferingTable {
  table: HashedTable;
  /** Of the side that has more. */
  rows: number;
  pages: { source: number; target: number };
}

/** Rows in one bucket, about: few enough to be fetched when the bucket differs. */
const ROWS_PER_BUCKET = 1_024;
const MOST_BUCKETS = 65_536;
/** Rows whose keys are looked at in one table at most, whatever its size; of what differs beyond them, buckets are counted. */
const EXAMINED_ROWS = 32_768;
const NAMED_ROWS = 5;

/**
 * Finds the rows in which a table differs: sums by buckets of the key's hash, then the keys of the buckets that differ.
 * A table without a key is compared as a multiset of rows.
 */
export async function findDifferences(
  source: Side,
  target: Side,
  differing: DifferingTable,
  hash: HashFunction,
): Promise<Differences> {
  const buckets = bucketCount(differing.rows);
  const [left, right] =
    buckets === 1
      ? [new Map([[0, NOTHING]]), new Map<number, Sum>()]
      : await both(
          sumBuckets(source, differing, hash, buckets),
          sumBuckets(target, differing, hash, buckets),
        );
  const suspects = buckets === 1 ? [0] : differingBuckets(left, right);
  const { examined, rest } = split(suspects, left, right);
  const [rowsLeft, rowsRight] = await both(
    fetchRows(source, differing, hash, buckets, examined),
    fetchRows(target, differing, hash, buckets, examined),
  );
  const found =
    differing.table.key === null
      ? differingMultisets(rowsLeft, rowsRight)
      : differingRows(differing.table.key, rowsLeft, rowsRight);
  return { named: found.named, count: found.count + rest };
}

function bucketCount(rows: number): number {
  if (rows <= EXAMINED_ROWS / 4) return 1;
  return Math.min(2 ** Math.ceil(Math.log2(rows / ROWS_PER_BUCKET)), MOST_BUCKETS);
}

function differingBuckets(left: Map<number, Sum>, right: Map<number, Sum>): number[] {
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((bucket) => !sameSum(left.get(bucket) ?? NOTHING, right.get(bucket) ?? NOTHING))
    .sort((one, other) => one - other);
}

/** As many buckets as may be fetched, at least one; in each of the others one row differs at least. */
function split(
  suspects: number[],
  left: Map<number, Sum>,
  right: Map<number, Sum>,
): { examined: number[]; rest: number } {
  const rows = (side: Map<number, Sum>, bucket: number): number => side.get(bucket)?.rows ?? 0;
  let total = 0;
  const examined = suspects.filter((bucket, index) => {
    total += Math.max(rows(left, bucket), rows(right, bucket));
    return index === 0 || total <= EXAMINED_ROWS;
  });
  const rest = suspects
    .slice(examined.length)
    .map((bucket) => Math.max(1, Math.abs(rows(left, bucket) - rows(right, bucket))))
    .reduce((sum, count) => sum + count, 0);
  return { examined, rest };
}

/** Sums of one side by bucket, the table cut among all of its sessions. */
async function sumBuckets(
  side: Side,
  { table, pages }: DifferingTable,
  hash: HashFunction,
  buckets: number,
): Promise<Map<number, Sum>> {
  const sums = new Map<number, Sum>();
  const ranges = rangesOf(side, { pages: pages[side.which] }, side.clients.length);
  await work(
    side,
    ranges.map((range) => ({
      bytes: 0,
      run: async (client) => {
        const { rows } = await client.query<{ bucket: number; rows: string; hash: string }>(`
          SELECT ${bucketOf(table, hash, buckets)} AS bucket, pg_catalog.count(*)::text AS rows,
                 pg_catalog.sum(h)::text AS hash
            FROM (${hashedRows(table, hash, inRange(range))}) AS t
           GROUP BY 1`);
        for (const row of rows) {
          const sum = { rows: Number(row.rows), looked: Number(row.rows), hash: BigInt(row.hash) };
          sums.set(row.bucket, added(sums.get(row.bucket) ?? NOTHING, sum));
        }
        return 0;
      },
    })),
    { bytes: 0, rows: 0 },
  );
  return sums;
}

/** Key texts (or nothing, where there is no key), the row's hash, and how many rows have both. */
export interface FetchedRow {
  key: string[] | null;
  h: string;
  times: string;
}

async function fetchRows(
  side: Side,
  { table, pages }: DifferingTable,
  hash: HashFunction,
  buckets: number,
  wanted: number[],
): Promise<FetchedRow[]> {
  const found: FetchedRow[] = [];
  const ranges = rangesOf(side, { pages: pages[side.which] }, side.clients.length);
  const tasks = ranges.map((range): Task => {
    const isWanted = buckets === 1 ? 'true' : `${bucketOf(table, hash, buckets)} = ANY ($1::integer[])`;
    const question =
      table.key === null
        ? `SELECT NULL::text[] AS key, h::text, pg_catalog.count(*)::text AS times
             FROM (${hashedRows(table, hash, inRange(range))}) AS t WHERE ${isWanted} GROUP BY h`
        : // Only the rows of these buckets are hashed whole.
          `SELECT ${textsOfKey(table.key)} AS key, ${hashOfRow(table.columns, hash)}::text AS h, '1' AS times
             FROM ${rowsOfTable(table)} WHERE ${inRange(range)} AND ${isWanted}`;
    return { bytes: 0, run: (client) => fetchInto(client, question, buckets === 1 ? [] : [wanted], found) };
  });
  await work(side, tasks, { bytes: 0, rows: 0 });
  return found;
}

async function fetchInto(
  client: pg.Client,
  question: string,
  values: unknown[],
  found: FetchedRow[],
): Promise<number> {
  const { rows } = await client.query<FetchedRow>(question, values);
  for (const row of rows) found.push(row);
  return rows.length;
}

/** Each row's hash as `h`, beside the key's columns, computed once. */
function hashedRows(table: HashedTable, hash: HashFunction, where: string): string {
  const key = (table.key ?? []).map((column) => `${columnOf(column)}, `).join('');
  return `SELECT ${key}${hashOfRow(table.columns, hash)} AS h FROM ${rowsOfTable(table)} WHERE ${where} OFFSET 0`;
}

function bucketOf(table: HashedTable, hash: HashFunction, buckets: number): string {
  const number = table.key === null ? 't.h' : hashOfKey(table.key, hash);
  return `(${number} & ${buckets - 1})::integer`;
}

/**
 * Rows by key; a key that an index does not keep unique may be there several times.
 */
export function differingRows(key: string[], left: FetchedRow[], right: FetchedRow[]): Differences {
  const [source, target] = [byKey(left), byKey(right)];
  const found: string[] = [];
  for (const [identity, row] of source) {
    const other = target.get(identity);
    if (other === undefined) found.push(`${inWords(key, row.key)} (only on the source)`);
    else if (other.hashes.length !== row.hashes.length)
      found.push(
        `${inWords(key, row.key)} (${times(row.hashes)} on the source, ${times(other.hashes)} on the target)`,
      );
    else if (other.hashes.sort().join() !== row.hashes.sort().join())
      found.push(`${inWords(key, row.key)} (content differs)`);
  }
  for (const [identity, row] of target)
    if (!source.has(identity)) found.push(`${inWords(key, row.key)} (only on the target)`);
  return { named: found.sort().slice(0, NAMED_ROWS), count: found.length };
}

interface KeyedRows {
  key: (string | null)[];
  hashes: string[];
}

function byKey(rows: FetchedRow[]): Map<string, KeyedRows> {
  const map = new Map<string, KeyedRows>();
  for (const row of rows) {
    const identity = JSON.stringify(row.key);
    const there = map.get(identity);
    if (there === undefined) map.set(identity, { key: row.key ?? [], hashes: [row.h] });
    else there.hashes.push(row.h);
  }
  return map;
}

function times(hashes: string[]): string {
  return hashes.length === 1 ? 'once' : `${hashes.length} times`;
}

/** `id=7, at=2026-01-01`. */
export function inWords(columns: string[], values: (string | null)[]): string {
  return columns.map((column, index) => `${column}=${values[index] ?? 'NULL'}`).join(', ');
}

function differingMultisets(left: FetchedRow[], right: FetchedRow[]): Differences {
  const source = surplus(left, right);
  const target = surplus(right, left);
  return {
    named: [`no key; ${source} rows only on the source, ${target} only on the target`],
    count: Math.max(source, target),
  };
}

/** How many rows the first have that the others do not. */
function surplus(some: FetchedRow[], others: FetchedRow[]): number {
  const count = (rows: FetchedRow[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(row.h, (counts.get(row.h) ?? 0) + Number(row.times));
    return counts;
  };
  const there = count(others);
  return [...count(some)].reduce((sum, [h, n]) => sum + Math.max(0, n - (there.get(h) ?? 0)), 0);
}
