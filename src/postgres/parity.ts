import type pg from 'pg';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { compareCatalogues, readCatalogue } from './catalogue.ts';
import { closeConnection, connect, describeAddress, type PostgresAddress } from './connect.ts';
import { statementError } from './errors.ts';
import { readDatabaseFacts, type DatabaseFacts, type TableFacts } from './facts.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

export interface TableParity {
  /** `schema.table` */
  name: string;
  rows: { source: number; target: number };
  hash: { source: string; target: string };
  equal: boolean;
  /** Up to five keys whose rows differ, or the number of rows where the table has no key. */
  differingKeys?: string[];
}

export interface DatabaseParity {
  equal: boolean;
  /** `different`: rows that are missing, additional or other; at least, when very many differ. */
  rows: { compared: number; different: number };
  tables: TableParity[];
  /** Objects that are missing, additional or defined differently, one line each. */
  catalogue: string[];
  /** Sequences that stand elsewhere, one line each. */
  sequences: string[];
}

export interface ParityOptions {
  source: PostgresAddress;
  /** A role that may read every table: the owner. */
  target: PostgresAddress;
  log: Log;
  signal?: AbortSignal;
  /** Connections per side; default 2. */
  jobs?: number;
  applicationName?: string;
}

/** Rows in one bucket, about: few enough to be fetched when the bucket differs. */
const ROWS_PER_BUCKET = 4_096;
/** Buckets of one table that are looked into; in the others only the difference of the counts is counted. */
const EXAMINED_BUCKETS = 16;
const NAMED_KEYS = 5;

/** One side: a session whose snapshot the others share. */
interface Side {
  address: PostgresAddress;
  clients: pg.Client[];
  facts: DatabaseFacts;
  columns: Map<string, string[]>;
}

/** How one table is hashed, the same on both sides. */
interface Plan {
  table: TableFacts;
  row: string;
  bucket: string;
  key: string | undefined;
}

/** What is known of one table, and how many of its rows differ. */
interface Compared {
  parity: TableParity;
  different: number;
}

type Buckets = Map<number, { rows: number; hash: bigint }>;

/**
 * Proves that two databases hold the same: every row of every table by a content hash that does not depend on the
 * order of rows, every sequence, and every object of the catalogue apart from owners, grants and what a copy leaves
 * out on purpose. Each side is read in one snapshot; nothing is written. Materialized views are compared by definition:
 * their content is as old as their last refresh.
 */
export async function compareDatabases(options: ParityOptions): Promise<DatabaseParity> {
  const sides: Side[] = [];
  const jobs = options.jobs ?? 2;
  try {
    for (const address of [options.source, options.target])
      sides.push(await openSide(address, jobs, options));
    const [source, target] = sides;
    if (source === undefined || target === undefined) throw new Error('A side is missing.');
    const sameMajor = source.facts.major === target.facts.major;
    const tables = await compareTables(source, target, sameMajor, options);
    const catalogue = await compareObjects(source, target, sameMajor);
    const sequences = await compareSequences(source, target);
    const rows = {
      compared: tables.reduce((sum, table) => sum + table.parity.rows.source, 0),
      different: tables.reduce((sum, table) => sum + table.different, 0),
    };
    return {
      equal:
        rows.different === 0 &&
        tables.every(({ parity }) => parity.equal) &&
        catalogue.length + sequences.length === 0,
      rows,
      tables: tables.map((table) => table.parity),
      catalogue,
      sequences,
    };
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw statementError(thrown, 'Comparing the databases');
  } finally {
    await Promise.all(sides.flatMap((side) => side.clients).map(closeConnection));
  }
}

async function openSide(address: PostgresAddress, jobs: number, options: ParityOptions): Promise<Side> {
  const session = {
    applicationName: options.applicationName ?? 'h2d parity',
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const clients: pg.Client[] = [];
  try {
    const first = await connect(address, session);
    clients.push(first);
    await first.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await first.query<{ snapshot: string }>(
      'SELECT pg_catalog.pg_export_snapshot() AS snapshot',
    );
    for (let index = 1; index < jobs; index += 1) {
      const client = await connect(address, session);
      clients.push(client);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SET TRANSACTION SNAPSHOT ${quoteLiteral(rows[0]?.snapshot ?? '')}`);
    }
    // A long comparison keeps its first session idle meanwhile.
    for (const client of clients) await client.query("SET idle_in_transaction_session_timeout = '0'");
    return { address, clients, facts: await readDatabaseFacts(first), columns: await readColumns(first) };
  } catch (thrown) {
    await Promise.all(clients.map(closeConnection));
    throw statementError(thrown, describeAddress(address));
  }
}

async function readColumns(client: pg.Client): Promise<Map<string, string[]>> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(`
    SELECT n.nspname || '.' || c.relname AS name,
           COALESCE(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '{}') AS columns
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind = 'r' AND ${isUserSchema('n.nspname')}
     GROUP BY 1`);
  return new Map(rows.map((row) => [row.name, row.columns]));
}

function nameOf(table: TableFacts): string {
  return `${table.schema}.${table.name}`;
}

async function compareTables(
  source: Side,
  target: Side,
  sameMajor: boolean,
  options: ParityOptions,
): Promise<Compared[]> {
  const onTarget = new Set(target.facts.tables.map(nameOf));
  const onSource = new Set(source.facts.tables.map(nameOf));
  const queue = source.facts.tables.filter((table) => onTarget.has(nameOf(table)));
  const results: Compared[] = [
    ...(await missingTables(source, onTarget, 'source')),
    ...(await missingTables(target, onSource, 'target')),
  ];
  const started = Date.now();
  // Largest first, so that no big one is left for the end; each worker has a connection on either side.
  const worker = async (index: number): Promise<void> => {
    const [one, other] = [source.clients[index], target.clients[index]];
    if (one === undefined || other === undefined) return;
    for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
      const result = await compareTable(one, other, table, source, target, sameMajor);
      results.push(result);
      const seconds = Math.round((Date.now() - started) / 1000);
      const { name, rows, equal } = result.parity;
      if (!equal) options.log.warning(`Different: ${name}: ${describe(result.parity)}`);
      else if (seconds > 10)
        options.log.info(`Equal: ${name}, ${rows.source} rows; ${queue.length} tables left`);
    }
  };
  await Promise.all(source.clients.map((_client, index) => worker(index)));
  return results.sort((a, b) => a.parity.name.localeCompare(b.parity.name));
}

function describe(table: TableParity): string {
  const counts = `${table.rows.source} rows on the source, ${table.rows.target} on the target`;
  return `${counts}; ${(table.differingKeys ?? []).join('; ')}`;
}

/** Tables that only one side has: every row of theirs is a difference. */
async function missingTables(
  side: Side,
  others: Set<string>,
  which: 'source' | 'target',
): Promise<Compared[]> {
  const results: Compared[] = [];
  for (const table of side.facts.tables.filter((candidate) => !others.has(nameOf(candidate)))) {
    const { rows } = (await side.clients[0]?.query<{ rows: string }>(
      `SELECT pg_catalog.count(*)::text AS rows FROM ONLY ${quoteQualified(table.schema, table.name)}`,
    )) ?? { rows: [] };
    const count = Number(rows[0]?.rows ?? 0);
    const parity = {
      name: nameOf(table),
      rows: { source: which === 'source' ? count : 0, target: which === 'target' ? count : 0 },
      hash: { source: '', target: '' },
      equal: false,
      differingKeys: [`the table is only on the ${which}`],
    };
    results.push({ parity, different: count });
  }
  return results;
}

async function compareTable(
  one: pg.Client,
  other: pg.Client,
  table: TableFacts,
  source: Side,
  target: Side,
  sameMajor: boolean,
): Promise<Compared> {
  const plan = planTable(table, commonColumns(table, source, target), sameMajor);
  const [left, right] = await both(hashTable(one, plan), hashTable(other, plan));
  const differing = [...new Set([...left.keys(), ...right.keys()])].filter(
    (bucket) => !sameBucket(left.get(bucket), right.get(bucket)),
  );
  const result = {
    name: nameOf(table),
    rows: { source: rowsOf(left), target: rowsOf(right) },
    hash: { source: hashOf(left), target: hashOf(right) },
  };
  if (differing.length === 0) return { parity: { ...result, equal: true }, different: 0 };
  const examined = differing.slice(0, EXAMINED_BUCKETS);
  const found = await findDifferences(one, other, plan, examined);
  const rest = differing
    .slice(EXAMINED_BUCKETS)
    .map((bucket) => Math.max(1, Math.abs((left.get(bucket)?.rows ?? 0) - (right.get(bucket)?.rows ?? 0))))
    .reduce((sum, rows) => sum + rows, 0);
  return {
    parity: { ...result, equal: false, differingKeys: found.named },
    different: Math.max(1, found.count) + rest,
  };
}

function commonColumns(table: TableFacts, source: Side, target: Side): string[] {
  const there = new Set(target.columns.get(nameOf(table)));
  return (source.columns.get(nameOf(table)) ?? []).filter((column) => there.has(column));
}

/**
 * Rows are hashed by their text, which the pinned settings make the same on both sides; `hash_record` would be faster
 * and is blind to numeric scale, −0 and the case of citext. hashtextextended gives the same number within one major
 * version only; across versions it is half of an md5.
 */
function planTable(table: TableFacts, columns: string[], sameMajor: boolean): Plan {
  const hash = (text: string): string =>
    sameMajor
      ? `pg_catalog.hashtextextended(${text}, 0)`
      : `('x' || pg_catalog.left(pg_catalog.md5(${text}), 16))::bit(64)::bigint`;
  const row = `ROW(${columns.map((column) => `t.${quoteIdentifier(column)}`).join(', ')})::text`;
  const usable = table.key?.every((column) => columns.includes(column)) === true ? table.key : null;
  const key = usable
    ?.map((column) => `${quoteLiteral(`${column}=`)} || t.${quoteIdentifier(column)}::text`)
    .join(` || ', ' || `);
  const buckets = bucketCount(table.estimatedRows);
  const bucketHash = key === undefined ? 'h' : 'k';
  return {
    table,
    row: `SELECT ${hash(row)} AS h${key === undefined ? '' : `, ${hash(key)} AS k, ${key} AS key`} FROM ONLY ${quoteQualified(table.schema, table.name)} AS t`,
    bucket: `(${bucketHash} & ${buckets - 1})::integer`,
    key,
  };
}

function bucketCount(rows: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(rows, 1) / ROWS_PER_BUCKET));
  return Math.min(Math.max(wanted, 64), 65_536);
}

async function hashTable(client: pg.Client, plan: Plan): Promise<Buckets> {
  const { rows } = await client.query<{ bucket: number; rows: string; hash: string }>(`
    SELECT ${plan.bucket} AS bucket, pg_catalog.count(*)::text AS rows, pg_catalog.sum(h)::text AS hash
      FROM (${plan.row}) AS hashed
     GROUP BY 1`);
  return new Map(rows.map((row) => [row.bucket, { rows: Number(row.rows), hash: BigInt(row.hash) }]));
}

type Bucket = { rows: number; hash: bigint } | undefined;

function sameBucket(one: Bucket, other: Bucket): boolean {
  return one?.rows === other?.rows && one?.hash === other?.hash;
}

function rowsOf(buckets: Buckets): number {
  return [...buckets.values()].reduce((sum, bucket) => sum + bucket.rows, 0);
}

function hashOf(buckets: Buckets): string {
  const sum = [...buckets.values()].reduce((total, bucket) => total + bucket.hash, 0n);
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
}

async function findDifferences(
  one: pg.Client,
  other: pg.Client,
  plan: Plan,
  buckets: number[],
): Promise<{ named: string[]; count: number }> {
  const [left, right] = await both(fetchBuckets(one, plan, buckets), fetchBuckets(other, plan, buckets));
  return plan.key === undefined ? differingMultisets(left, right) : differingRows(left, right);
}

/** Key (or row hash, where there is no key) to the row's hash (or how often the row is there). */
async function fetchBuckets(client: pg.Client, plan: Plan, buckets: number[]): Promise<Map<string, string>> {
  const what =
    plan.key === undefined
      ? `SELECT h::text AS name, pg_catalog.count(*)::text AS value FROM (${plan.row}) AS hashed`
      : `SELECT key AS name, h::text AS value FROM (${plan.row}) AS hashed`;
  const { rows } = await client.query<{ name: string; value: string }>(
    `${what} WHERE ${plan.bucket} = ANY ($1::integer[]) ${plan.key === undefined ? 'GROUP BY h' : ''}`,
    [buckets],
  );
  return new Map(rows.map((row) => [row.name, row.value]));
}

function differingRows(
  left: Map<string, string>,
  right: Map<string, string>,
): { named: string[]; count: number } {
  const found: string[] = [];
  for (const [key, hash] of left) {
    const there = right.get(key);
    if (there === undefined) found.push(`${key} (only on the source)`);
    else if (there !== hash) found.push(`${key} (content differs)`);
  }
  for (const key of right.keys()) if (!left.has(key)) found.push(`${key} (only on the target)`);
  return { named: found.sort().slice(0, NAMED_KEYS), count: found.length };
}

function differingMultisets(
  left: Map<string, string>,
  right: Map<string, string>,
): { named: string[]; count: number } {
  const surplus = (some: Map<string, string>, others: Map<string, string>): number =>
    [...some].reduce(
      (sum, [hash, count]) => sum + Math.max(0, Number(count) - Number(others.get(hash) ?? 0)),
      0,
    );
  const source = surplus(left, right);
  const target = surplus(right, left);
  return {
    named: [`no key; ${source} rows only on the source, ${target} only on the target`],
    count: Math.max(source, target),
  };
}

async function compareObjects(source: Side, target: Side, sameMajor: boolean): Promise<string[]> {
  const [one, other] = [source.clients[0], target.clients[0]];
  if (one === undefined || other === undefined) return [];
  const [left, right] = await both(readCatalogue(one, sameMajor), readCatalogue(other, sameMajor));
  const differences = compareCatalogues(left, right);
  const path = [source.facts.searchPath ?? 'the default', target.facts.searchPath ?? 'the default'];
  if (path[0] !== path[1])
    differences.push(`different: setting search_path: ${path.join(' on the source, ')} on the target`);
  return differences;
}

async function compareSequences(source: Side, target: Side): Promise<string[]> {
  const [one, other] = [source.clients[0], target.clients[0]];
  if (one === undefined || other === undefined) return [];
  const [left, right] = await both(readSequences(one), readSequences(other));
  const differences: string[] = [];
  for (const [name, value] of left) {
    const there = right.get(name);
    if (there !== value)
      differences.push(`${name}: ${value} on the source, ${there ?? 'missing'} on the target`);
  }
  for (const name of right.keys()) if (!left.has(name)) differences.push(`${name}: only on the target`);
  return differences;
}

async function readSequences(client: pg.Client): Promise<Map<string, string>> {
  const { rows: sequences } = await client.query<{ schema: string; name: string }>(`
    SELECT n.nspname AS schema, c.relname AS name
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'S' AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY 1, 2`);
  const values = new Map<string, string>();
  for (let start = 0; start < sequences.length; start += 200) {
    const { rows } = await client.query<{ name: string; value: string }>(
      sequences
        .slice(start, start + 200)
        .map(
          ({ schema, name }) =>
            `SELECT ${quoteLiteral(`${schema}.${name}`)} AS name,
                    last_value || CASE WHEN is_called THEN '' ELSE ' (not called)' END AS value
               FROM ${quoteQualified(schema, name)}`,
        )
        .join(' UNION ALL '),
    );
    for (const row of rows) values.set(row.name, row.value);
  }
  return values;
}

/** Waits for both sides also when one fails, so that no question is still under way when the sessions are closed. */
async function both<T>(one: Promise<T>, other: Promise<T>): Promise<[T, T]> {
  const [left, right] = await Promise.allSettled([one, other]);
  if (left.status === 'rejected') throw new Error(`on the source: ${messageOf(left.reason)}`);
  if (right.status === 'rejected') throw new Error(`on the target: ${messageOf(right.reason)}`);
  return [left.value, right.value];
}
