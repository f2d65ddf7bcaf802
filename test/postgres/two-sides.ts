import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/clock.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { copyDatabase, type CopyOptions, type CopyResult } from '../../src/postgres/copy.ts';
import { parsePostgresUrl, type PostgresAddress } from '../../src/postgres/connect.ts';
import { findPostgresTools, type PostgresTools } from '../../src/postgres/tools.ts';
import type { PostgresServer } from '../../rehearsal/servers/postgres.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { freshDatabase, testPostgres, type FreshDatabase } from '../support/servers.ts';

/** A source as Heroku hands it out and an empty target as DigitalOcean does, on one server. */
export interface TwoSides {
  source: PostgresAddress;
  owner: PostgresAddress;
  loader: PostgresAddress;
  sourceDatabase: FreshDatabase;
  /** SQL as the superuser on either side. */
  onSource: <Row = Record<string, unknown>>(sql: string) => Promise<Row[]>;
  onTarget: <Row = Record<string, unknown>>(sql: string) => Promise<Row[]>;
  copy: (options?: Partial<CopyOptions>) => Promise<CopyResult>;
}

const off = { mode: 'off' } as const;

/** Servers of other versions than this test file's own, and tools that fit both. */
export interface SidesOptions {
  sourceServer?: PostgresServer;
  targetServer?: PostgresServer;
  tools?: PostgresTools;
}

/** `sql` is run as the application's role, which is no superuser and owns the source database. */
export async function twoSides(sql = '', options: SidesOptions = {}): Promise<TwoSides> {
  const server = options.targetServer ?? (await testPostgres());
  const sourceDatabase = await freshDatabase({
    name: 'heroku',
    ...(options.sourceServer === undefined ? {} : { server: options.sourceServer }),
  });
  await makeLikeHeroku(sourceDatabase);
  if (sql !== '')
    await sourceDatabase.query(
      `SET search_path = "$user", public, heroku_ext; SET SESSION AUTHORIZATION "${sourceDatabase.owner.user}"; ${sql}`,
    );

  const suffix = randomBytes(4).toString('hex');
  const database = `shop_${suffix}`;
  await server.query(
    'postgres',
    `CREATE ROLE doadmin_${suffix} LOGIN PASSWORD 'loader' CREATEDB CREATEROLE; CREATE ROLE shop_${suffix} LOGIN PASSWORD 'owner'`,
  );
  await server.query('postgres', `CREATE DATABASE ${database} OWNER doadmin_${suffix}`);
  const source = parsePostgresUrl(sourceDatabase.url, off);
  const owner = parsePostgresUrl(server.url(database, `shop_${suffix}`, 'owner'), off);
  const loader = parsePostgresUrl(server.url(database, `doadmin_${suffix}`, 'loader'), off);
  return {
    source,
    owner,
    loader,
    sourceDatabase,
    onSource: (statement) => sourceDatabase.query(statement),
    onTarget: (statement) => server.query(database, statement),
    copy: async (copyOptions = {}) =>
      copyDatabase({
        source,
        owner,
        loader,
        migrationId: 'shop-test',
        tools: options.tools ?? (await findPostgresTools(15, { environmentPath: server.binaries.bin })),
        directory: temporaryDirectory('copy'),
        jobs: 2,
        log: silentLog,
        clock: systemClock,
        ...copyOptions,
      }),
  };
}

/** What Heroku puts into every database (facts: event triggers of another role, two schemas, extensions there). */
async function makeLikeHeroku(database: FreshDatabase): Promise<void> {
  await database.query(`
    CREATE SCHEMA _heroku;
    CREATE FUNCTION _heroku.noop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER log_create_ext ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION _heroku.noop();
    CREATE SCHEMA heroku_ext AUTHORIZATION "${database.owner.user}";
    CREATE EXTENSION citext SCHEMA heroku_ext;
    CREATE EXTENSION pgcrypto SCHEMA public;
    REVOKE USAGE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO "${database.owner.user}";
    ALTER DATABASE "${database.database}" SET search_path = "$user", public, heroku_ext;
  `);
}

/** A log that keeps its lines. */
export function recordingLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
  };
  return { lines, info: keep, warning: keep, debug: keep, group: (_title, body) => body() };
}

/** A schema with most of what real applications have. */
export const everythingSql = `
  CREATE TYPE status AS ENUM ('new', 'paid', 'sent');
  CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
  CREATE TYPE address AS (street text, town text);
  CREATE SCHEMA "Odd Names";
  CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email heroku_ext.citext NOT NULL UNIQUE,
    home address,
    settings jsonb NOT NULL DEFAULT '{}',
    tags text[] DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    born interval, weight double precision, avatar bytea, balance numeric(12,3)
  );
  COMMENT ON COLUMN users.email IS 'as typed';
  CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    status status NOT NULL DEFAULT 'new',
    net cents NOT NULL, gross bigint GENERATED ALWAYS AS (net * 119 / 100) STORED,
    code text DEFAULT encode(gen_random_bytes(4), 'hex')
  );
  CREATE INDEX orders_open ON orders (user_id) INCLUDE (net) WHERE status <> 'sent';
  CREATE INDEX users_settings ON users USING gin (settings);
  CREATE STATISTICS orders_stats ON user_id, status FROM orders;
  CREATE TABLE events (at date NOT NULL, id bigint NOT NULL, body text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
  CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE no_key (a text, b integer);
  CREATE TABLE no_columns ();
  CREATE TABLE "Odd Names"."Grüße; DROP TABLE" ("the key" text PRIMARY KEY, "ein ""Wort""" text);
  CREATE TABLE chicken (id integer PRIMARY KEY, egg integer);
  CREATE TABLE egg (id integer PRIMARY KEY, chicken integer REFERENCES chicken DEFERRABLE INITIALLY DEFERRED);
  ALTER TABLE chicken ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
  CREATE VIEW paid AS SELECT id, net FROM orders WHERE status = 'paid';
  CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(net) AS net FROM orders GROUP BY user_id;
  CREATE UNIQUE INDEX ON totals (user_id);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.settings := NEW.settings || ''{"touched": true}''; RETURN NEW; END';
  CREATE AGGREGATE longest(text) (SFUNC = textcat, STYPE = text);
  CREATE SEQUENCE tickets START 1000 INCREMENT 5;
  ALTER TABLE users ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON users USING (true);

  INSERT INTO users (email, home, settings, tags, born, weight, avatar, balance)
    SELECT 'User' || n || '@example.com', ROW('Street ' || n, 'Town')::address, jsonb_build_object('n', n, 'x', 1.10), ARRAY['a', NULL, 'ü'],
           make_interval(days => n), CASE n % 3 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' ELSE 'Infinity' END::float8,
           decode(lpad(to_hex(n), 8, '0'), 'hex'), n / 7.0
      FROM generate_series(1, 300) n;
  INSERT INTO orders (user_id, status, net) SELECT 1 + n % 300, (ARRAY['new', 'paid', 'sent']::status[])[1 + n % 3], n FROM generate_series(1, 2000) n;
  INSERT INTO events SELECT date '2025-06-01' + n, n, repeat('x', n % 50) FROM generate_series(1, 500) n;
  INSERT INTO no_key VALUES ('a', 1), ('a', 1), (NULL, NULL), ('\\N', 2);
  INSERT INTO no_columns DEFAULT VALUES;
  INSERT INTO "Odd Names"."Grüße; DROP TABLE" VALUES ('k', 'line' || chr(10) || 'break');
  BEGIN; INSERT INTO chicken VALUES (1, 1); INSERT INTO egg VALUES (1, 1); COMMIT;
  SELECT nextval('tickets');
  REFRESH MATERIALIZED VIEW totals;
  CREATE TRIGGER users_touch BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
`;
