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

/** And what fewer of them have: everything that pg_dump lists and a role without superuser can make. */
export const rareSql = `${everythingSql}
  CREATE DOMAIN price AS cents CHECK (VALUE < 1000000000);
  CREATE DOMAIN code AS text COLLATE "C" DEFAULT 'none' NOT NULL;
  CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
  CREATE COLLATION numbered (provider = icu, locale = 'en-u-kn-true');
  CREATE TABLE items (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text COLLATE numbered, cost price, kind code, during tstzrange,
    over span, homes address[], words tsvector GENERATED ALWAYS AS (to_tsvector('english'::regconfig, COALESCE(name, ''))) STORED,
    place point, CONSTRAINT apart EXCLUDE USING gist (during WITH &&),
    CONSTRAINT cheap CHECK (cost < 5000) NOT VALID, UNIQUE NULLS NOT DISTINCT (name, cost) DEFERRABLE
  ) WITH (fillfactor = 90);
  CREATE INDEX items_lower ON items (lower(name) text_pattern_ops, (cost + 1) DESC NULLS LAST);
  CREATE INDEX items_words ON items USING gin (words);
  CREATE INDEX items_place ON items USING gist (place);
  CREATE INDEX items_brin ON items USING brin (cost) WITH (pages_per_range = 8);
  CREATE INDEX items_hash ON items USING hash (kind);
  ALTER INDEX items_lower ALTER COLUMN 2 SET STATISTICS 500;
  ALTER TABLE items CLUSTER ON items_lower;
  ALTER TABLE items ALTER COLUMN name SET STATISTICS 300;
  CREATE STATISTICS items_stats (ndistinct, mcv) ON (lower(name)), cost FROM items;
  COMMENT ON INDEX items_lower IS 'for searching';
  COMMENT ON CONSTRAINT apart ON items IS 'one at a time';
  COMMENT ON SCHEMA "Odd Names" IS 'odd; --';
  CREATE TABLE logged (id bigint NOT NULL, note text);
  CREATE UNIQUE INDEX logged_id ON logged (id);
  ALTER TABLE logged REPLICA IDENTITY USING INDEX logged_id;
  CREATE UNLOGGED TABLE scratch (id integer PRIMARY KEY);
  CREATE TABLE animals (id integer PRIMARY KEY, name text CHECK (name <> ''));
  CREATE TABLE dogs (breed text, PRIMARY KEY (id)) INHERITS (animals);
  CREATE TABLE event_types (id integer PRIMARY KEY);
  INSERT INTO event_types VALUES (1);
  ALTER TABLE events ADD COLUMN type integer DEFAULT 1 REFERENCES event_types;
  CREATE TABLE event_notes (at date, id bigint, FOREIGN KEY (at, id) REFERENCES events);
  CREATE INDEX events_body ON events (body);
  CREATE TABLE regions (region text, city text, people integer, UNIQUE (region, city)) PARTITION BY LIST (region);
  CREATE TABLE regions_north PARTITION OF regions FOR VALUES IN ('north') PARTITION BY HASH (city);
  CREATE TABLE regions_north_0 PARTITION OF regions_north FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE regions_north_1 PARTITION OF regions_north FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE regions_rest PARTITION OF regions DEFAULT;
  CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree ON DELETE SET NULL, CONSTRAINT young FOREIGN KEY (parent) REFERENCES tree NOT VALID);
  CREATE VIEW per_user AS SELECT u.id, u.email, count(o.id) AS orders FROM users u LEFT JOIN orders o ON o.user_id = u.id GROUP BY u.id;
  CREATE MATERIALIZED VIEW best AS SELECT user_id FROM totals JOIN per_user ON per_user.id = user_id WHERE net > 10;
  CREATE MATERIALIZED VIEW a_first AS SELECT * FROM best;
  CREATE MATERIALIZED VIEW empty_yet AS SELECT 1 AS one WITH NO DATA;
  CREATE VIEW settable AS SELECT a, b FROM no_key;
  CREATE RULE settable_insert AS ON INSERT TO settable DO INSTEAD INSERT INTO no_key VALUES (NEW.a, NEW.b);
  CREATE RULE quiet AS ON DELETE TO no_key DO ALSO NOTHING;
  CREATE FUNCTION plus(integer, integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT $1 + $2; END;
  CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
  CREATE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM public.no_key WHERE false';
  CREATE OPERATOR @+@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = plus);
  CREATE CAST (address AS text) WITH INOUT;
  CREATE TEXT SEARCH CONFIGURATION plain_words (COPY = simple);
  CREATE SEQUENCE "never called" AS integer START 7 CYCLE CACHE 10;
  CREATE SEQUENCE countdown INCREMENT -1 START -1 MINVALUE -1000;
  ALTER DEFAULT PRIVILEGES IN SCHEMA "Odd Names" GRANT SELECT ON TABLES TO PUBLIC;
  CREATE PUBLICATION everything FOR TABLE users, orders;
  INSERT INTO items (name, cost, kind, during, over, homes, place)
    SELECT 'Item ' || n, n, 'k' || n % 7, tstzrange('2026-01-01'::timestamptz + n * interval '1 day', '2026-01-01'::timestamptz + (n + 1) * interval '1 day'),
           span(n, n + 0.5), ARRAY[ROW('a', 'b')::address, NULL], point(n, -n) FROM generate_series(1, 400) n;
  INSERT INTO logged VALUES (1, 'x'); INSERT INTO scratch VALUES (1);
  INSERT INTO animals VALUES (1, 'cat'); INSERT INTO dogs VALUES (2, 'rex', 'collie');
  INSERT INTO event_notes SELECT at, id FROM events WHERE id < 20;
  INSERT INTO regions SELECT CASE n % 3 WHEN 0 THEN 'north' ELSE 'r' || n % 3 END, 'c' || n, n FROM generate_series(1, 90) n;
  INSERT INTO tree SELECT n, NULLIF(n / 2, 0) FROM generate_series(1, 50) n;
  CREATE TRIGGER events_seen AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION nothing();
  CREATE CONSTRAINT TRIGGER orders_late AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.net > 5) EXECUTE FUNCTION nothing();
  CREATE TRIGGER orders_off AFTER DELETE ON orders FOR EACH STATEMENT EXECUTE FUNCTION nothing();
  ALTER TABLE orders DISABLE TRIGGER orders_off;
  COMMENT ON TRIGGER users_touch ON users IS 'touches';
  SELECT nextval('countdown'), nextval('countdown');
  REFRESH MATERIALIZED VIEW best; REFRESH MATERIALIZED VIEW a_first;
`;
