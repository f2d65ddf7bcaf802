import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { readCapture, type CapturedTable } from './capture.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { quoteIdentifier, quoteQualified } from './names.ts';
import { commonTable, nameOf, readParityTables } from './parity-tables.ts';
import { keyText, notWrittenSince, type KeyedCapture } from './written-since.ts';

export interface UnexplainedOptions {
  migrationId: string;
  /** Names (`schema.table`) of those that differ. */
  tables: readonly string[];
  /** Rows of each side of a table that are looked at; 20 000 unless given. */
  sample?: number;
  clock: Clock;
  signal: AbortSignal;
}

export interface Unexplained {
  /** Rows of either side that were compared by content. */
  looked: number;
  /** One line a table: rows that differ although the new side has not written them since the switch. */
  lines: string[];
  /** Tables whose rows could not be explained one by one, and why. */
  notLooked: string[];
}

const SAMPLE = 20_000;
/** A drain of the way back may run at this moment: what it explains is explained after it. */
const AGAIN_MS = 2_000;

/** A row of the sample: its key, and a hash of its content; null where a side has no such row. */
interface Pair {
  key: string;
  old: string | null;
  now: string | null;
}

/**
 * After the switch the new side writes and Heroku, fenced, follows it by the capture of the way back. So each row that
 * differs must stand in that capture's log: it was written since. One that does not is another row than the one that was
 * moved: missing, doubled, or changed by nobody. A sample of the rows is compared by content; where a table is no larger
 * than that, all of them are. Undefined when no way back is captured.
 *
 * Reads only, in transactions that cannot write.
 *
 * @throws CaptureBroken when the log is not complete
 */
export async function unexplainedRows(
  old: PostgresAddress,
  now: PostgresAddress,
  options: UnexplainedOptions,
): Promise<Unexplained | undefined> {
  const session = { applicationName: 'h2d verify rows', signal: options.signal };
  return withConnection(old, session, (heroku) =>
    withConnection(now, session, async (target) => {
      const captured = await readCapture(target, options.migrationId);
      if (captured === undefined) return undefined;
      const [left, right] = [await readParityTables(heroku), await readParityTables(target)];
      const result: Unexplained = { looked: 0, lines: [], notLooked: [] };
      for (const name of options.tables) {
        const [one, other] = [left.get(name), right.get(name)];
        const capture = captured.find((table) => nameOf(table) === name);
        if (one === undefined || other === undefined || capture === undefined) {
          result.notLooked.push(`${name} (not on both sides, or not captured)`);
          continue;
        }
        const columns = commonTable(one, other).columns.map((column) => column.name);
        await explainTable(heroku, target, { name, capture, columns }, options, result);
      }
      return result;
    }),
  );
}

interface Table {
  name: string;
  capture: CapturedTable;
  columns: string[];
}

async function explainTable(
  heroku: pg.Client,
  target: pg.Client,
  { name, capture, columns }: Table,
  options: UnexplainedOptions,
  result: Unexplained,
): Promise<void> {
  const { key } = capture;
  if (key === null) {
    // Its log only tells that something was written.
    if (await isEmpty(target, capture.log))
      result.lines.push(`table ${name} differs, and nothing was written to it since the switch`);
    else result.notLooked.push(`${name} (it has no key)`);
    return;
  }
  const table: KeyedTable = { capture: { ...capture, key }, columns };
  const most = options.sample ?? SAMPLE;
  // Heroku's rows first: a drain that comes between makes rows look newer, and is waited for below.
  const keys = [
    ...new Set([...(await someKeys(heroku, table, most)), ...(await someKeys(target, table, most))]),
  ];
  result.looked += keys.length;
  let suspects = await unexplained(heroku, target, table, keys);
  if (suspects.length > 0) {
    await options.clock.sleep(AGAIN_MS, options.signal);
    suspects = await unexplained(
      heroku,
      target,
      table,
      suspects.map((pair) => pair.key),
    );
  }
  if (suspects.length === 0) return;
  const count = (what: (pair: Pair) => boolean, words: string): string[] => {
    const found = suspects.filter(what);
    return found.length === 0
      ? []
      : [
          `${found.length} ${words}, for example ${found
            .slice(0, 3)
            .map((pair) => pair.key)
            .join(', ')}`,
        ];
  };
  result.lines.push(
    `table ${name}: ${[
      ...count((pair) => pair.now === null, 'rows are missing'),
      ...count((pair) => pair.old === null, 'rows are there that nobody has written since the switch'),
      ...count((pair) => pair.old !== null && pair.now !== null, 'rows have other content'),
    ].join('; ')}`,
  );
}

interface KeyedTable {
  capture: KeyedCapture;
  columns: string[];
}

async function someKeys(client: pg.Client, { capture }: KeyedTable, most: number): Promise<string[]> {
  const table = quoteQualified(capture.schema, capture.name);
  const { rows: size } = await client.query<{ rows: number }>(
    `SELECT reltuples::float8 AS rows FROM pg_catalog.pg_class WHERE oid = $1::pg_catalog.regclass`,
    [table],
  );
  const about = size[0]?.rows ?? 0;
  // Blocks by chance: other ones each time, so that samples add up.
  const sample = about > most ? `TABLESAMPLE SYSTEM (${((100 * most) / about).toFixed(6)})` : '';
  const { rows } = await client.query<{ key: string }>(
    `SELECT ${keyText(capture.key, 't')} AS key FROM ${table} AS t ${sample} LIMIT ${most}`,
  );
  return rows.map((row) => row.key);
}

/** Those of the keys whose rows differ and that do not stand in the log. */
async function unexplained(
  heroku: pg.Client,
  target: pg.Client,
  table: KeyedTable,
  keys: readonly string[],
): Promise<Pair[]> {
  const before = await hashes(heroku, table, keys);
  await target.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const after = await hashes(target, table, keys);
    const different = keys.filter((key) => before.get(key) !== after.get(key));
    if (different.length === 0) return [];
    return (await notWrittenSince(target, table.capture, different)).map((key) => ({
      key,
      old: before.get(key) ?? null,
      now: after.get(key) ?? null,
    }));
  } finally {
    await target.query('ROLLBACK');
  }
}

async function hashes(
  client: pg.Client,
  { capture, columns }: KeyedTable,
  keys: readonly string[],
): Promise<Map<string, string>> {
  const content = columns.map((column) => `t.${quoteIdentifier(column)}`).join(', ');
  const { rows } = await client.query<{ key: string; hash: string }>(
    `SELECT k.key, pg_catalog.md5(ROW(${content})::text) AS hash
       FROM unnest($1::text[]) AS k (key)
       JOIN ${quoteQualified(capture.schema, capture.name)} AS t ON ${keyText(capture.key, 't')} = k.key`,
    [keys],
  );
  // A key that stands there twice has two rows, and both count.
  const found = new Map<string, string>();
  for (const { key, hash } of rows) found.set(key, `${found.get(key) ?? ''}${hash}`);
  return found;
}

async function isEmpty(client: pg.Client, log: string): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT FROM ${log} LIMIT 1`);
  return rowCount === 0;
}
