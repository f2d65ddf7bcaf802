import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { installCapture } from '../../src/postgres/capture.ts';
import { parsePostgresUrl, withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { readShape, saveShape } from '../../src/postgres/drift.ts';
import { Drainer, type Drained, type DrainOptions, type PassOptions } from '../../src/postgres/drain.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { claimEpoch, stampTarget } from '../../src/postgres/stamp.ts';
import { suspend } from '../../src/postgres/suspend.ts';
import { freshDatabase, type FreshDatabase } from '../support/servers.ts';

/** A source whose changes are captured, and a target with the same schema, both empty but for `rows` on the source. */
export interface Draining {
  sides: Sides;
  source: FreshDatabase;
  target: FreshDatabase;
  options: DrainOptions;
  /** One pass with sessions of its own. */
  pass: (options?: Partial<PassOptions & DrainOptions>) => Promise<Drained>;
  /** The rows of every table, on both sides: equal, or the test says where they differ. */
  contents: (database: FreshDatabase) => Promise<Record<string, string[]>>;
}

export const off = { mode: 'off' } as const;

export function addressOf(database: FreshDatabase): PostgresAddress {
  return parsePostgresUrl(database.url, off);
}

export const shopSql = `
  CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE, code integer UNIQUE DEFERRABLE, note text);
  CREATE TABLE orders (id integer PRIMARY KEY, "the user" integer REFERENCES users ON DELETE CASCADE, amount numeric);
  CREATE TABLE lines (order_id integer REFERENCES orders ON DELETE SET NULL, n bigint GENERATED ALWAYS AS IDENTITY,
                      twice integer GENERATED ALWAYS AS (order_id * 2) STORED, PRIMARY KEY (n));
  CREATE TABLE plain (a text, b integer);
  CREATE TABLE places (region text, "Id" integer, name text, PRIMARY KEY (region, "Id")) PARTITION BY LIST (region);
  CREATE TABLE places_north PARTITION OF places FOR VALUES IN ('north');
  CREATE TABLE places_south PARTITION OF places FOR VALUES IN ('south');
  CREATE TABLE empty ();
`;

export const shopRows = `
  INSERT INTO users SELECT n, 'u' || n, n, 'x' FROM generate_series(1, 100) n;
  INSERT INTO orders SELECT n, 1 + n % 100, n / 7.0 FROM generate_series(1, 300) n;
  INSERT INTO lines (order_id) SELECT 1 + n % 300 FROM generate_series(1, 500) n;
  INSERT INTO plain VALUES ('a', 1), ('a', 1), (NULL, NULL), (NULL, NULL), ('\\N', 2);
  INSERT INTO places SELECT CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END, n, 'p' || n FROM generate_series(1, 50) n;
  INSERT INTO empty DEFAULT VALUES;
`;

export async function draining(sql: string, rows = ''): Promise<Draining> {
  const source = await freshDatabase({ name: 'from', sql });
  const target = await freshDatabase({ name: 'to', sql });
  const sides = {
    source: addressOf(source),
    target: { owner: addressOf(target), loader: addressOf(target) },
  };
  const run = { migrationId: 'shop-test', epoch: 1 };
  const common = { ...run, log: silentLog, clock: systemClock };
  await withConnection(sides.target.loader, { applicationName: 'test' }, async (client) => {
    await stampTarget(client, 'shop-test', sides.target.owner.user);
    await claimEpoch(client, run);
  });
  await suspend(sides.target, common);
  await installCapture(sides.source, { ...common, limits: { logBytes: 1e9, leaseMs: 3_600_000 } });
  await withConnection(sides.source, { applicationName: 'test' }, async (client) => {
    await saveShape(client, run.migrationId, await readShape(client));
  });
  if (rows !== '') await source.query(rows);
  const options = common;
  return {
    sides,
    source,
    target,
    options,
    pass: async (changed = {}) => {
      const drainer = new Drainer(sides, { ...options, ...changed });
      try {
        return await drainer.pass({ tables: 'all', ...changed });
      } finally {
        await drainer.close();
      }
    },
    contents,
  };
}

async function contents(database: FreshDatabase): Promise<Record<string, string[]>> {
  const tables = await database.query<{ name: string }>(`
    SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'heroku_to_digitalocean')
     ORDER BY 1`);
  const rows: Record<string, string[]> = {};
  for (const { name } of tables)
    rows[name] = (
      await database.query<{ row: string }>(`SELECT t::text AS row FROM ONLY ${name} t ORDER BY 1`)
    ).map(({ row }) => row);
  return rows;
}
