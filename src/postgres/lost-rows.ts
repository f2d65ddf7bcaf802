import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { readCapture } from './capture.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import { nameOf, readParityTables } from './parity-tables.ts';
import { keyText, notWrittenSince, type KeyedCapture } from './written-since.ts';

export interface LostRowsOptions {
  migrationId: string;
  /** Names (`schema.table`) of those that differ. */
  tables: readonly string[];
  clock: Clock;
  signal: AbortSignal;
}

export interface LostRows {
  /** Whether a capture tells which rows the new side has deleted; without one the lines are what is missing, for whatever reason. */
  captured: boolean;
  /** One line a table: rows of Heroku that the new side does not have. */
  lines: string[];
  /** Tables whose rows cannot be told apart, and why. */
  notLooked: string[];
}

const BATCH = 5000;
/** A drain of the way back may run at this moment: what it has deleted on Heroku is gone there after it. */
const AGAIN_MS = 2_000;

/**
 * After the switch Heroku, fenced, follows the new side by the capture of the way back: a row that stands on Heroku and not
 * on the new side was deleted there, which stands in the capture's log until Heroku has followed, or it was lost. Every key
 * of the tables that differ is looked up.
 *
 * Reads only.
 *
 * @throws CaptureBroken when the log is not complete
 */
export async function lostRows(
  old: PostgresAddress,
  now: PostgresAddress,
  { migrationId, tables, clock, signal }: LostRowsOptions,
): Promise<LostRows> {
  const result: LostRows = { captured: false, lines: [], notLooked: [] };
  if (tables.length === 0) return result;
  const session = { applicationName: 'h2d verify keys', signal };
  return withConnection(old, session, (heroku) =>
    withConnection(now, session, async (target) => {
      const captured = await readCapture(target, migrationId);
      result.captured = captured !== undefined;
      const [left, right] = [await readParityTables(heroku), await readParityTables(target)];
      for (const name of tables) {
        const [one, other] = [left.get(name), right.get(name)];
        if (one === undefined || other === undefined) {
          result.notLooked.push(`${name} (not on both sides)`);
          continue;
        }
        const capture = captured?.find((table) => nameOf(table) === name);
        const key = capture === undefined ? one.key : capture.key;
        if (key === null || ![one, other].every((side) => hasColumns(side.columns, key))) {
          result.notLooked.push(`${name} (it has no key)`);
          continue;
        }
        const table = quoteQualified(one.schema, one.name);
        const logged = capture === undefined ? undefined : { ...capture, key };
        let lost = await missing(target, { table, key, logged }, keysOf(heroku, table, key));
        if (lost.length > 0 && logged !== undefined) {
          await clock.sleep(AGAIN_MS, signal);
          lost = await missing(target, { table, key, logged }, stillThere(heroku, table, key, lost));
        }
        if (lost.length > 0)
          result.lines.push(
            `table ${name}: ${lost.length} rows of Heroku are not on DigitalOcean${captured !== undefined && logged === undefined ? ', whose writes are not captured' : ''}, for example ${lost.slice(0, 3).join(', ')}`,
          );
      }
      return result;
    }),
  );
}

function hasColumns(columns: readonly { name: string }[], key: readonly string[]): boolean {
  return key.every((name) => columns.some((column) => column.name === name));
}

interface Keyed {
  /** Quoted. */
  table: string;
  key: readonly string[];
  /** Where the new side's writes of this table are logged. */
  logged: KeyedCapture | undefined;
}

/** Those of the keys that the new side neither has nor has deleted. */
async function missing(
  target: pg.Client,
  { table, key, logged }: Keyed,
  keys: AsyncIterable<string[]>,
): Promise<string[]> {
  // By the columns' own types, so that an index finds them.
  const { rows: types } = await target.query<{ type: string }>(
    `SELECT pg_catalog.format_type(a.atttypid, -1) AS type
       FROM unnest($1::text[]) WITH ORDINALITY AS k (name, position)
       JOIN pg_catalog.pg_attribute a ON a.attname = k.name AND a.attrelid = ${quoteLiteral(table)}::pg_catalog.regclass
      ORDER BY k.position`,
    [key],
  );
  const same = key
    .map(
      (column, index) =>
        `t.${quoteIdentifier(column)} = (k.parts)[${index + 1}]::${types[index]?.type ?? 'text'}`,
    )
    .join(' AND ');
  const found: string[] = [];
  for await (const batch of keys) {
    const { rows } = await target.query<{ key: string }>(
      `SELECT k.key FROM (SELECT key, key::text[] AS parts FROM unnest($1::text[]) AS key) AS k
        WHERE NOT EXISTS (SELECT FROM ${table} AS t WHERE ${same})`,
      [batch],
    );
    const gone = rows.map((row) => row.key);
    found.push(
      ...(gone.length === 0 || logged === undefined ? gone : await notWrittenSince(target, logged, gone)),
    );
  }
  return found;
}

/** Every key of the table, at one moment, batch by batch. */
async function* keysOf(client: pg.Client, table: string, key: readonly string[]): AsyncGenerator<string[]> {
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query(
      `DECLARE old_keys NO SCROLL CURSOR FOR SELECT ${keyText(key, 't')} AS key FROM ${table} AS t`,
    );
    for (;;) {
      const { rows } = await client.query<{ key: string }>(`FETCH ${BATCH} FROM old_keys`);
      if (rows.length === 0) return;
      yield rows.map((row) => row.key);
    }
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Those of the keys that the table still has. */
async function* stillThere(
  client: pg.Client,
  table: string,
  key: readonly string[],
  keys: readonly string[],
): AsyncGenerator<string[]> {
  const { rows } = await client.query<{ key: string }>(
    `SELECT k.key FROM unnest($1::text[]) AS k (key)
      WHERE EXISTS (SELECT FROM ${table} AS t WHERE ${keyText(key, 't')} = k.key)`,
    [keys],
  );
  for (let from = 0; from < rows.length; from += BATCH)
    yield rows.slice(from, from + BATCH).map((row) => row.key);
}
