import type pg from 'pg';
import { systemClock, type Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from './connect.ts';
import { statementError } from './errors.ts';
import { chooseHashes, compareContents, type Hashes, type TableParity } from './parity-contents.ts';
import { differingRows, type FetchedRow } from './parity-differences.ts';
import { hashOfRow, textsOfKey, type HashFunction, type HashedTable } from './parity-hash.ts';
import { lookUp, readLookups, type Lookup } from './parity-lookup.ts';
import { clearTouched, relationOf } from './parity-proof.ts';
import { quoteLiteral } from './names.ts';
import { both, closeSide, openSide, openSides, type Side } from './parity-side.ts';
import { commonTable, nameOf, readParityTables, type ParityTable } from './parity-tables.ts';
import { OUR_SCHEMA } from './user-objects.ts';

export interface TouchedOptions {
  /** The stamp that the target must carry: keys of another migration prove nothing. */
  migrationId: string;
  source: PostgresAddress;
  /** A role that may read every table and our state: the owner. */
  target: PostgresAddress;
  /** Exported snapshots to read at, held by the caller meanwhile; without them each side is read as it is now. */
  snapshots?: { source: string; target: string };
  /** Tables to hash fully beside the touched keys: those that were copied whole. `schema.table`, or quoted. */
  whole?: string[];
  /** Tables that wait to be copied whole again, quoted: not compared, and they stay on the list. */
  waiting?: readonly string[];
  /** When all is equal, the keys compared are taken out of the list, by this role that may write to our schema. */
  writer?: PostgresAddress;
  log: Log;
  clock?: Clock;
  signal?: AbortSignal;
  /** Connections per side; default 1: opening more takes longer than a few thousand keys do. */
  jobs?: number;
  applicationName?: string;
}

export interface TouchedParity {
  equal: boolean;
  /** Keys that were looked up on both sides, and rows of the tables that were hashed fully. */
  compared: { keys: number; rows: number };
  different: number;
  /** Tables in which keys were touched, with those that differ, up to five each. */
  tables: { name: string; keys: number; differingKeys: string[] }[];
  whole: TableParity[];
  milliseconds: number;
}

/** Keys in one question to each side. */
const CHUNK = 5_000;

/** A table with touched keys, as both sides have it. */
interface TouchedTable {
  name: string;
  table: HashedTable & { key: string[] };
  source: Lookup;
  target: Lookup;
}

/** Keys of one table, in one question. */
interface Unit {
  of: TouchedTable;
  keys: string[][];
}

/**
 * Compares what drains have written since the last proof: the rows with the keys of the target's table `touched`, looked
 * up by their index on both sides, and whole tables by their content. A key that neither side has is equal. Together with
 * a proof of all tables and a list of touched keys that drains keep complete, this proves the whole.
 *
 * @throws ConfigurationError when the target does not belong to the migration
 */
export async function compareTouched(options: TouchedOptions): Promise<TouchedParity> {
  const { log, signal, clock = systemClock } = options;
  const started = clock.now().getTime();
  const common = { applicationName: options.applicationName ?? 'h2d parity', log, signal };
  const side = { ...common, connections: options.jobs ?? 1 };
  let sides: { source: Side; target: Side } | undefined;
  try {
    const { source, target } = (sides = await openSides(
      openSide(options.source, { ...side, which: 'source', snapshot: options.snapshots?.source }),
      openSide(options.target, { ...side, which: 'target', snapshot: options.snapshots?.target }),
    ));
    const hashes = await chooseHashes(source, target, 'auto');
    const relations = await readTouchedRelations(target, options.migrationId);
    for (const relation of options.waiting ?? []) relations.delete(relation);
    const plan = await planTouched(source, target, relations, options.whole ?? []);
    const keyed = await compareKeys(source, target, plan.keyed, hashes.differences);
    const whole = await compareWhole(source, target, plan.whole, hashes, { log, clock });
    const different = keyed.different + whole.different;
    const result: TouchedParity = {
      equal: different === 0,
      compared: { keys: keyed.keys, rows: whole.tables.reduce((sum, { rows }) => sum + rows.source, 0) },
      different,
      tables: keyed.tables,
      whole: whole.tables,
      milliseconds: clock.now().getTime() - started,
    };
    if (result.equal && options.writer !== undefined)
      await clearTouched(options.writer, target, { ...common, relations: [...relations.keys()] });
    tell(log, result);
    return result;
  } catch (thrown) {
    signal?.throwIfAborted();
    throw statementError(thrown, 'Comparing what was drained');
  } finally {
    if (sides !== undefined) await Promise.all([closeSide(sides.source), closeSide(sides.target)]);
  }
}

/** Each relation with touched keys, and whether it was written whole (a row without a key says so). */
async function readTouchedRelations(target: Side, migrationId: string): Promise<Map<string, boolean>> {
  const { rows: there } = await target.clients[0].query<{ there: boolean }>(
    `SELECT pg_catalog.to_regclass('${OUR_SCHEMA}.touched') IS NOT NULL
        AND pg_catalog.to_regclass('${OUR_SCHEMA}.stamp') IS NOT NULL AS there`,
  );
  const { rows } =
    there[0]?.there === true
      ? await target.clients[0].query<{ stamp: string | null; relation: string | null; whole: boolean }>(
          `SELECT (SELECT migration_id FROM ${OUR_SCHEMA}.stamp WHERE migration_id = $1) AS stamp,
                  t.relation, pg_catalog.bool_or(t.key IS NULL) AS whole
             FROM (VALUES (1)) AS one(row) LEFT JOIN ${OUR_SCHEMA}.touched t ON true
            GROUP BY t.relation`,
          [migrationId],
        )
      : { rows: [] };
  if (rows[0]?.stamp !== migrationId)
    throw new ConfigurationError(
      `The target does not belong to the migration ${migrationId}: its stamp is missing, so nothing is known of what was written to it.`,
    );
  return new Map(rows.flatMap(({ relation, whole }) => (relation === null ? [] : [[relation, whole]])));
}

/**
 * What is looked up by key, and what is hashed whole: tables that the caller names, that were written whole, or of which a
 * side has no key any more.
 */
async function planTouched(
  source: Side,
  target: Side,
  relations: Map<string, boolean>,
  named: string[],
): Promise<{ keyed: Map<string, TouchedTable>; whole: Set<string> }> {
  const keyed = new Map<string, TouchedTable>();
  const whole = new Set<string>();
  if (relations.size + named.length === 0) return { keyed, whole };
  const [left, right] = await both(readParityTables(source.clients[0]), readParityTables(target.clients[0]));
  const byRelation = new Map<string, string>();
  for (const table of [...left.values(), ...right.values()]) {
    byRelation.set(relationOf(table), nameOf(table));
    if (named.includes(nameOf(table)) || named.includes(relationOf(table))) whole.add(nameOf(table));
  }
  const keys = await readCapturedKeys(source);
  const candidates: { relation: string; table: HashedTable & { key: string[] } }[] = [];
  for (const [relation, writtenWhole] of relations) {
    const name = byRelation.get(relation);
    // A table that both sides have lost.
    if (name === undefined) continue;
    const table = touchedTable(left.get(name), right.get(name), keys.get(relation));
    if (writtenWhole || table === undefined) whole.add(name);
    else if (!whole.has(name)) candidates.push({ relation, table });
  }
  const tables = candidates.map(({ table }) => table);
  const [ours, theirs] = await both(readLookups(source, tables), readLookups(target, tables));
  for (const { relation, table } of candidates) {
    const name = nameOf(table);
    const [one, other] = [ours.get(name), theirs.get(name)];
    if (one !== undefined && other !== undefined)
      keyed.set(relation, { name, table, source: one, target: other });
    else whole.add(name);
  }
  return { keyed, whole };
}

/** The keys are those of the capture; where it is gone, the one that both engines would choose. */
function touchedTable(
  source: ParityTable | undefined,
  target: ParityTable | undefined,
  captured: string[] | undefined,
): (HashedTable & { key: string[] }) | undefined {
  if (source === undefined || target === undefined) return undefined;
  const table = commonTable(source, target);
  const key = captured ?? table.key;
  const columns = new Set(table.columns.map(({ name }) => name));
  return key?.every((column) => columns.has(column)) === true ? { ...table, key } : undefined;
}

async function readCapturedKeys(source: Side): Promise<Map<string, string[]>> {
  const client = source.clients[0];
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT pg_catalog.to_regclass('${OUR_SCHEMA}.captured') IS NOT NULL AS there`,
  );
  if (there[0]?.there !== true) return new Map();
  const { rows } = await client.query<{ schema: string; name: string; key: string[] }>(
    `SELECT schema, name, key FROM ${OUR_SCHEMA}.captured WHERE key IS NOT NULL`,
  );
  return new Map(rows.map((row) => [relationOf(row), row.key]));
}

interface KeysCompared {
  keys: number;
  different: number;
  tables: TouchedParity['tables'];
}

/** Each worker takes the next keys from the target's list, so that one compares while another waits for keys. */
async function compareKeys(
  source: Side,
  target: Side,
  tables: Map<string, TouchedTable>,
  hash: HashFunction,
): Promise<KeysCompared> {
  const result: KeysCompared = { keys: 0, different: 0, tables: [] };
  if (tables.size === 0) return result;
  const byName = new Map(
    [...tables.values()].map(({ name }) => [name, { name, keys: 0, differingKeys: [] as string[] }]),
  );
  await target.clients[0].query(
    `DECLARE touched_keys NO SCROLL CURSOR FOR
      SELECT DISTINCT relation, key FROM ${OUR_SCHEMA}.touched
       WHERE key IS NOT NULL AND relation IN (${[...tables.keys()].map(quoteLiteral).join(', ')})
       ORDER BY relation`,
  );
  await Promise.all([...source.clients, ...target.clients].map(preferIndexes));
  const nextUnits = async (): Promise<Unit[]> => {
    const { rows } = await target.clients[0].query<{ relation: string; key: string[] }>(
      `FETCH ${CHUNK} FROM touched_keys`,
    );
    return unitsOf(rows, tables);
  };
  const worker = async (one: pg.Client, other: pg.Client): Promise<void> => {
    for (let units = await nextUnits(); units.length > 0; units = await nextUnits())
      for (const [index, { count, named }] of (await compareUnits(one, other, units, hash)).entries()) {
        const unit = units[index];
        const table = unit === undefined ? undefined : byName.get(unit.of.name);
        if (unit === undefined || table === undefined) continue;
        result.keys += unit.keys.length;
        result.different += count;
        table.keys += unit.keys.length;
        table.differingKeys = [...table.differingKeys, ...named].slice(0, 5);
      }
  };
  const workers = await Promise.allSettled(
    source.clients.map((client, index) => worker(client, target.clients[index] ?? target.clients[0])),
  );
  const failed = workers.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { ...result, tables: [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/**
 * A few thousand keys are looked up one by one: whatever the statistics of a fresh copy say, no big table is read whole.
 * Without an index a hash join reads it once.
 */
async function preferIndexes(client: pg.Client): Promise<void> {
  await client.query('SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off');
}

function unitsOf(rows: { relation: string; key: string[] }[], tables: Map<string, TouchedTable>): Unit[] {
  const units = new Map<string, Unit>();
  for (const { relation, key } of rows) {
    const of = tables.get(relation);
    if (of === undefined) continue;
    const unit = units.get(relation) ?? { of, keys: [] };
    units.set(relation, unit);
    unit.keys.push(key);
  }
  return [...units.values()];
}

/** One sum a unit on both sides; only where these differ are the rows told apart. In the order of the units. */
async function compareUnits(
  source: pg.Client,
  target: pg.Client,
  units: Unit[],
  hash: HashFunction,
): Promise<{ count: number; named: string[] }[]> {
  const [left, right] = await both(
    sumUnits(source, units, 'source', hash),
    sumUnits(target, units, 'target', hash),
  );
  const results: { count: number; named: string[] }[] = [];
  for (const [index, unit] of units.entries()) {
    const [one, other] = [left.get(index), right.get(index)];
    if (one !== undefined && one === other) {
      results.push({ count: 0, named: [] });
      continue;
    }
    const [ours, theirs] = await both(
      fetchUnit(source, unit, 'source', hash),
      fetchUnit(target, unit, 'target', hash),
    );
    const found = differingRows(unit.of.table.key, ours, theirs);
    // Sums that differ are a difference, also where no row tells which.
    results.push({ named: found.named, count: Math.max(1, found.count) });
  }
  return results;
}

/** Rows and hash of each unit, as one text. */
async function sumUnits(
  client: pg.Client,
  units: Unit[],
  which: 'source' | 'target',
  hash: HashFunction,
): Promise<Map<number, string>> {
  const values: string[][] = [];
  const questions = units.map(({ of, keys }, index) => {
    const from = lookUp(of.table, of[which], keys, values);
    return `SELECT ${index} AS unit, pg_catalog.count(*) || ' ' || COALESCE(pg_catalog.sum(${hashOfRow(of.table.columns, hash)}), 0) AS sum
              FROM ${from}`;
  });
  const { rows } = await client.query<{ unit: number; sum: string }>(questions.join('\nUNION ALL\n'), values);
  return new Map(rows.map(({ unit, sum }) => [unit, sum]));
}

async function fetchUnit(
  client: pg.Client,
  { of, keys }: Unit,
  which: 'source' | 'target',
  hash: HashFunction,
): Promise<FetchedRow[]> {
  const values: string[][] = [];
  const from = lookUp(of.table, of[which], keys, values);
  const { rows } = await client.query<FetchedRow>(
    `SELECT ${textsOfKey(of.table.key)} AS key, ${hashOfRow(of.table.columns, hash)}::text AS h, '1' AS times FROM ${from}`,
    values,
  );
  return rows;
}

async function compareWhole(
  source: Side,
  target: Side,
  names: Set<string>,
  hashes: Hashes,
  tools: { log: Log; clock: Clock },
): Promise<{ tables: TableParity[]; different: number }> {
  if (names.size === 0) return { tables: [], different: 0 };
  await Promise.all(
    [...source.clients, ...target.clients].map((client) =>
      client.query('SET LOCAL enable_seqscan = on; SET LOCAL enable_mergejoin = on'),
    ),
  );
  const compared = await compareContents(source, target, { ...tools, hashes, only: names });
  return {
    tables: compared.map(({ parity }) => parity),
    different: compared.reduce(
      (sum, { parity, different }) => sum + (parity.equal ? 0 : Math.max(1, different)),
      0,
    ),
  };
}

function tell(log: Log, result: TouchedParity): void {
  for (const { name, differingKeys } of result.tables)
    if (differingKeys.length > 0) log.warning(`Different: ${name}: ${differingKeys.join('; ')}`);
  const { keys, rows } = result.compared;
  const whole =
    result.whole.length === 0
      ? ''
      : ` and ${rows.toLocaleString('en')} rows of ${result.whole.length} whole tables`;
  log.info(
    `${keys.toLocaleString('en')} touched keys of ${result.tables.length} tables${whole} compared in ${result.milliseconds} ms: ` +
      (result.equal ? 'equal' : `${result.different} differ`),
  );
}
