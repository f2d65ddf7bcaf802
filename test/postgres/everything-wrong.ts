/** A database with everything wrong at once, or at least worth telling. Run by the application's role. */
export const wrongSql = `
  CREATE TABLE keyless (a text, b integer);
  INSERT INTO keyless SELECT 'a', n FROM generate_series(1, 1000) n;
  CREATE UNLOGGED TABLE scratch (id integer PRIMARY KEY);
  CREATE TABLE old_ids (id integer PRIMARY KEY);
  CREATE SEQUENCE old_ids_seq OWNED BY old_ids.id;
  ALTER TABLE old_ids ALTER COLUMN id SET DEFAULT nextval('old_ids_seq');
  SELECT setval('old_ids_seq', 2100000000);
  CREATE TABLE small_ids (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
  ALTER TABLE small_ids ALTER COLUMN id RESTART WITH 25000; INSERT INTO small_ids DEFAULT VALUES;
  CREATE TABLE users (id bigint PRIMARY KEY, email text, net numeric, gross numeric GENERATED ALWAYS AS (net * 1.19) STORED,
    watched regclass, snapshot pg_snapshot, paid money);
  CREATE INDEX users_email ON users (email);
  INSERT INTO users (id, email) VALUES (1, 'a@example.com'), (2, 'a@example.com');
  ALTER TABLE users ADD CONSTRAINT positive CHECK (net > 0) NOT VALID;
  CREATE COLLATION numbered (provider = icu, locale = 'en-u-kn-true');
  CREATE TABLE sorted (id integer PRIMARY KEY, name text COLLATE numbered UNIQUE);
  CREATE TABLE broken (id integer PRIMARY KEY, code text);
  CREATE UNIQUE INDEX broken_code ON broken (code);
  CREATE TABLE events (at date NOT NULL, body text) PARTITION BY RANGE (at);
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE tenants (id integer PRIMARY KEY, owner text);
  ALTER TABLE tenants ENABLE ROW LEVEL SECURITY; ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
  CREATE POLICY own ON tenants USING (owner = current_user);
  CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
  CREATE RULE quiet AS ON DELETE TO keyless DO ALSO NOTHING;
  CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM users;
  CREATE PUBLICATION everything FOR TABLE users;
  ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
  SELECT lo_from_bytea(0, 'x') FROM generate_series(1, 3);
`;

/** What only Heroku, its support, or somebody with more rights can have made; `suffix` keeps roles of two tests apart. */
export function superuserSql({
  database,
  owner,
  suffix,
  herokuFunction = '_heroku.noop',
}: {
  database: string;
  owner: string;
  suffix: string;
  /** One for event triggers that is there. */
  herokuFunction?: string;
}): string {
  return `
  CREATE EXTENSION xml2; CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE EXTENSION postgres_fdw; CREATE EXTENSION unaccent;
  CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com');
  CREATE USER MAPPING FOR "${owner}" SERVER elsewhere OPTIONS (user 'u', password 'very-secret');
  CREATE FOREIGN TABLE far_away (id integer) SERVER elsewhere;
  CREATE EVENT TRIGGER ours_${suffix} ON ddl_command_end EXECUTE FUNCTION ${herokuFunction}();
  CREATE FUNCTION fast(integer) RETURNS integer LANGUAGE c AS '$libdir/refint', 'check_primary_key';
  CREATE TABLE audits (id integer PRIMARY KEY);
  CREATE TABLE readable_audits (id integer PRIMARY KEY);
  GRANT SELECT ON readable_audits TO "${owner}";
  CREATE ROLE bi_${suffix} LOGIN PASSWORD 'bi'; GRANT USAGE ON SCHEMA public TO bi_${suffix};
  GRANT SELECT ON users TO bi_${suffix};
  CREATE ROLE etl_${suffix} LOGIN PASSWORD 'etl' IN ROLE "${owner}";
  CREATE ROLE nobody_${suffix} LOGIN;
  CREATE POLICY theirs ON users TO bi_${suffix} USING (true);
  ALTER ROLE bi_${suffix} IN DATABASE "${database}" SET work_mem = '64MB';
  ALTER ROLE "${owner}" SET statement_timeout = '30s';
  ALTER DATABASE "${database}" SET app.jwt_secret = 'very-secret';
  ALTER ROLE "${owner}" CONNECTION LIMIT 20;
  -- As a failed CREATE INDEX CONCURRENTLY leaves one, and as damaged ones are.
  UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken_code'::regclass;
  UPDATE pg_index SET indisunique = true WHERE indexrelid = 'users_email'::regclass;
  UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'numbered';
  `;
}
