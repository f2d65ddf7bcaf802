import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { compareCatalogues, readCatalogue } from '../../src/postgres/catalogue.ts';
import { inherited, runTool } from '../../src/postgres/child.ts';
import { parsePostgresUrl, withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { dumpSchema, preDataSql } from '../../src/postgres/schema-archive.ts';
import { claimEpoch, stampTarget, SupersededError } from '../../src/postgres/stamp.ts';
import {
  deferEntries,
  readSuspended,
  restore,
  suspend,
  validate,
  type SuspendOptions,
} from '../../src/postgres/suspend.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { serverOfMajor } from '../../rehearsal/servers/other-majors.ts';
import { startPostgres, type PostgresServer } from '../../rehearsal/servers/postgres.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { freshDatabase, type FreshDatabase } from '../support/servers.ts';
import { recordingLog } from './two-sides.ts';

/** Foreign keys of every kind, triggers in every state, rules, row security. */
const tangledSql = `
  CREATE TABLE customers (id integer PRIMARY KEY, name text, invited_by integer REFERENCES customers);
  CREATE TABLE orders (id integer PRIMARY KEY, customer integer NOT NULL REFERENCES customers ON DELETE CASCADE, note text);
  COMMENT ON CONSTRAINT orders_customer_fkey ON orders IS 'who''s "paying"';
  CREATE TABLE lines (order_id integer REFERENCES orders ON DELETE SET NULL, n integer);
  CREATE TABLE chicken (id integer PRIMARY KEY, egg integer);
  CREATE TABLE egg (id integer PRIMARY KEY, chicken integer REFERENCES chicken DEFERRABLE INITIALLY DEFERRED);
  ALTER TABLE chicken ADD CONSTRAINT "an ""odd"" $1 name" FOREIGN KEY (egg) REFERENCES egg DEFERRABLE;
  CREATE TABLE places (region integer, id integer, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
  CREATE TABLE places_1 PARTITION OF places FOR VALUES IN (1);
  CREATE TABLE places_2 PARTITION OF places FOR VALUES IN (2);
  CREATE TABLE visits (region integer, place integer, day integer, customer integer, before integer,
                       PRIMARY KEY (region, day)) PARTITION BY LIST (region);
  CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN (1);
  CREATE TABLE visits_2 PARTITION OF visits FOR VALUES IN (2) PARTITION BY RANGE (day);
  CREATE TABLE "Visits 2 a" PARTITION OF visits_2 FOR VALUES FROM (0) TO (100);
  CREATE TABLE visits_2b PARTITION OF visits_2 DEFAULT;
  -- One partition brought its own, under another name.
  CREATE TABLE visits_3 (LIKE visits INCLUDING ALL, CONSTRAINT of_its_own FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE);
  ALTER TABLE visits ADD FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE;
  ALTER TABLE visits ATTACH PARTITION visits_3 FOR VALUES IN (3);
  ALTER TABLE visits ADD CONSTRAINT visits_place FOREIGN KEY (region, place) REFERENCES places DEFERRABLE INITIALLY DEFERRED;
  ALTER TABLE visits ADD CONSTRAINT visits_self FOREIGN KEY (region, before) REFERENCES visits (region, day);
  COMMENT ON CONSTRAINT visits_place ON visits IS 'on a parent';
  CREATE TABLE photos (id integer PRIMARY KEY, region integer, place integer);
  ALTER TABLE photos ADD CONSTRAINT photos_place FOREIGN KEY (region, place) REFERENCES places MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL;
  CREATE TABLE legacy (id integer PRIMARY KEY, customer integer);
  INSERT INTO legacy VALUES (1, 404);
  ALTER TABLE legacy ADD CONSTRAINT legacy_customer FOREIGN KEY (customer) REFERENCES customers NOT VALID;

  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := ''touched''; RETURN NEW; END';
  CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
  CREATE TRIGGER ordinary BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION note();
  CREATE TRIGGER always AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION nothing();
  CREATE TRIGGER for_replicas AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
  CREATE TRIGGER "never $1" AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
  ALTER TABLE orders ENABLE ALWAYS TRIGGER always;
  ALTER TABLE orders ENABLE REPLICA TRIGGER for_replicas;
  ALTER TABLE orders DISABLE TRIGGER "never $1";
  CREATE CONSTRAINT TRIGGER later AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nothing();
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END';
  CREATE TRIGGER everywhere AFTER DELETE ON visits FOR EACH ROW EXECUTE FUNCTION refuse();
  ALTER TABLE visits_1 DISABLE TRIGGER everywhere;
  CREATE RULE keep AS ON DELETE TO customers WHERE OLD.id = 1 DO INSTEAD NOTHING;
  CREATE RULE asleep AS ON DELETE TO orders DO INSTEAD NOTHING;
  ALTER TABLE orders DISABLE RULE asleep;
  ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
  CREATE TABLE secrets (id integer PRIMARY KEY);
  ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
  ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
  CREATE POLICY one ON customers USING (id > 0);
  ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
  CREATE POLICY two ON orders USING (true);
  CREATE MATERIALIZED VIEW per_customer AS SELECT customer, count(*) AS orders FROM orders GROUP BY customer;
  CREATE FUNCTION heroku_to_digitalocean_lookalike() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
  CREATE TRIGGER heroku_to_digitalocean_capture AFTER INSERT ON egg FOR EACH ROW EXECUTE FUNCTION heroku_to_digitalocean_lookalike();
  ALTER TABLE egg ENABLE ALWAYS TRIGGER heroku_to_digitalocean_capture;
`;

const rowsSql = `
  INSERT INTO customers SELECT n, 'customer ' || n, NULLIF(n - 1, 0) FROM generate_series(1, 20) n;
  INSERT INTO orders SELECT n, n, 'x' FROM generate_series(1, 20) n;
  INSERT INTO lines SELECT n, n FROM generate_series(1, 20) n;
  INSERT INTO places SELECT 1 + n % 2, n FROM generate_series(1, 20) n;
  INSERT INTO visits SELECT 1 + n % 2, n, n, n FROM generate_series(1, 20) n;
`;

interface Side {
  address: PostgresAddress;
  target: { owner: PostgresAddress; loader: PostgresAddress };
  database: FreshDatabase;
  options: SuspendOptions;
  dump: () => Promise<string>;
  catalogue: () => ReturnType<typeof readCatalogue>;
  run: (sql: string) => Promise<string>;
}

/** One side, complete and stamped, whose owner also loads: the way back. */
async function side(sql = tangledSql, server?: PostgresServer): Promise<Side> {
  const database = await freshDatabase({ name: 'old', sql, ...(server === undefined ? {} : { server }) });
  if (sql !== '') await database.query(rowsSql);
  const address = parsePostgresUrl(database.url, { mode: 'off' });
  const options = { migrationId: 'shop-test', epoch: 1, log: silentLog, clock: systemClock };
  await withConnection(address, { applicationName: 'test' }, async (client) => {
    await stampTarget(client, 'shop-test', address.user);
    await claimEpoch(client, options);
  });
  return {
    address,
    target: { owner: address, loader: address },
    database,
    options,
    dump: async () => {
      const tools = await findPostgresTools(15, { environmentPath: database.server.binaries.bin });
      const { stdout } = await runTool(
        tools.pgDump,
        ['--schema-only', '--exclude-schema=heroku_to_digitalocean', database.superuserUrl],
        { env: inherited() },
      );
      return stdout.replaceAll(/^\\(un)?restrict .*$/gm, '');
    },
    catalogue: async () =>
      withConnection(address, { applicationName: 'test' }, (client) => readCatalogue(client, true)),
    run: async (statement) =>
      withConnection(address, { applicationName: 'test' }, async (client) => {
        await client.query("SET search_path = 'public'");
        return client.query(statement).then(
          (result) => JSON.stringify(result.rows),
          (error: unknown) => (error as { code: string }).code,
        );
      }),
  };
}

test('what is out of the way comes back exactly as it was: every kind of foreign key, trigger, rule and row security', async () => {
  const { target, options, dump, catalogue, run } = await side();
  const before = { dump: await dump(), catalogue: await catalogue() };
  expect((await suspend(target, options)).suspended).toBeGreaterThan(20);
  expect(await run(`SELECT conname FROM pg_constraint WHERE contype = 'f'`)).toBe('[]');
  // Nothing fires, nothing is filtered, nothing cascades: a row may go and come back.
  expect(await run('DELETE FROM customers WHERE id = 1')).toBe('[]');
  expect(await run(`INSERT INTO customers VALUES (1, 'again') RETURNING id`)).toBe('[{"id":1}]');
  expect(await run('SELECT count(*)::int FROM orders WHERE customer = 1')).toBe('[{"count":1}]');
  expect(await run(`INSERT INTO orders VALUES (100, 1, 'as it is') RETURNING note`)).toBe(
    '[{"note":"as it is"}]',
  );
  // Ours stays as it is.
  expect(await run(`SELECT tgenabled FROM pg_trigger WHERE tgname = 'heroku_to_digitalocean_capture'`)).toBe(
    '[{"tgenabled":"A"}]',
  );

  const restored = await restore(target, options);
  expect(restored.suspended).toBe(0);
  // New rows are checked from then on, also through a partitioned parent.
  expect(await run('INSERT INTO orders VALUES (101, 4711)')).toBe('23503');
  expect(await run('INSERT INTO visits VALUES (2, 1, 500, 4711)')).toBe('23503');
  expect(await run(`INSERT INTO orders VALUES (102, 2, 'x') RETURNING note`)).toBe('[{"note":"touched"}]');
  expect(await validate(target, options)).toEqual({ suspended: 0, restored: 0, validated: 0 });
  expect(compareCatalogues(before.catalogue, await catalogue())).toEqual([]);
  expect(await dump()).toBe(before.dump);
});

test('each step can be repeated, and an unfinished way back is suspended anew without forgetting what was valid', async () => {
  const { target, options, dump, catalogue } = await side();
  const before = { dump: await dump(), catalogue: await catalogue() };
  const first = await suspend(target, options);
  expect(await suspend(target, options)).toEqual(first);
  await restore(target, options);
  // Called off before anything was validated: NOT VALID is in the catalogue now, and was not in the application's schema.
  expect((await suspend(target, options)).suspended).toBe(first.suspended);
  await restore(target, options);
  expect((await restore(target, options)).suspended).toBe(0);
  await validate(target, options);
  await validate(target, options);
  expect(compareCatalogues(before.catalogue, await catalogue())).toEqual([]);
  expect(await dump()).toBe(before.dump);
});

test('killed anywhere while validating, it goes on: the catalogue ends as it was', async () => {
  const { target, options, dump } = await side();
  const before = await dump();
  await suspend(target, options);
  await restore(target, options);
  for (let kill = 1, done = false; !done; kill += 1) {
    const abort = new AbortController();
    let validated = 0;
    const log = {
      ...silentLog,
      info: () => {
        validated += 1;
        if (validated === 2) abort.abort(new Error('killed'));
      },
    };
    done = await validate(target, { ...options, log, signal: abort.signal }).then(
      () => true,
      () => false,
    );
    // Half of the times it is taken back in between.
    if (!done && kill === 3) {
      await suspend(target, options);
      await restore(target, options);
    }
    expect(kill).toBeLessThan(30);
  }
  expect(await dump()).toBe(before);
});

test('rows that violate a foreign key are told, and the others are validated nevertheless', async () => {
  const { target, options, run, dump } = await side();
  const before = await dump();
  await suspend(target, options);
  await run('INSERT INTO orders VALUES (200, 4711)');
  await restore(target, options);
  await expect(validate(target, options)).rejects.toThrow(
    /^1 of \d+ objects could not be validated.*orders_customer_fkey of "public"."orders".*violates foreign key/s,
  );
  expect(
    await run(
      `SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated AND conparentid = 0 ORDER BY 1`,
    ),
  ).toBe('[{"conname":"legacy_customer"},{"conname":"orders_customer_fkey"}]');
  await run('DELETE FROM orders WHERE id = 200');
  await validate(target, options);
  expect(await dump()).toBe(before);
});

test('the end of a dump that is put off makes the schema of the source, foreign keys of partitioned tables included', async () => {
  const source = await side();
  await source.database.query('DROP TRIGGER heroku_to_digitalocean_capture ON egg');
  const log = recordingLog();
  const target = await side('');
  const tools = await findPostgresTools(15, { environmentPath: source.database.server.binaries.bin });
  const archive = await dumpSchema({
    source: source.address,
    tools,
    directory: temporaryDirectory('dump'),
    applicationName: 'test',
    extensionSchemas: [],
    log,
  });
  await withConnection(target.address, { applicationName: 'test' }, async (client) => {
    await client.query(preDataSql(archive));
    for (const entry of archive.entries.filter(({ section }) => section === 'build'))
      await client.query(entry.sql);
  });
  const last = archive.entries.filter(({ section }) => section === 'last');
  const deferred = await deferEntries(target.target, last, target.options);
  expect(deferred.suspended).toBeGreaterThan(10);
  // Listed once, however often the copy begins.
  expect(await deferEntries(target.target, last, target.options)).toEqual(deferred);
  expect(await target.run(`SELECT conname FROM pg_constraint WHERE contype = 'f'`)).toBe('[]');
  await target.database.query(`${rowsSql}; INSERT INTO legacy VALUES (1, 404)`);
  await restore(target.target, target.options);
  await expect(deferEntries(target.target, last, target.options)).rejects.toThrow('already put back');
  // Called off and done again.
  await suspend(target.target, target.options);
  await restore(target.target, target.options);
  expect(await target.run('INSERT INTO visits VALUES (2, 1, 500, 4711)')).toBe('23503');
  await validate(target.target, target.options);
  expect(compareCatalogues(await source.catalogue(), await target.catalogue())).toEqual([]);
  const names = (dump: string): string => dump.replaceAll(/old_[0-9a-f]{8}/g, 'old');
  expect(names(await target.dump())).toBe(names(await source.dump()));
  await expect(target.run('SELECT count(*)::int FROM per_customer')).resolves.toBe('[{"count":20}]');
});

test('a superseded run suspends and restores nothing', async () => {
  const { target, options, address, dump } = await side();
  const before = await dump();
  await withConnection(address, { applicationName: 'test' }, (client) =>
    claimEpoch(client, { ...options, epoch: 2 }),
  );
  await expect(suspend(target, options)).rejects.toThrow(SupersededError);
  await expect(restore(target, options)).rejects.toThrow(SupersededError);
  expect(await dump()).toBe(before);
  await withConnection(address, { applicationName: 'test' }, async (client) => {
    expect(await readSuspended(client)).toEqual({ suspended: 0, restored: 0, validated: 0 });
  });
});

/** What the comparison of catalogues leaves out: triggers and foreign keys of single partitions. */
const PARTS = `
  SELECT pg_catalog.format('%s %s %s', t.tgrelid::pg_catalog.regclass, t.tgname, t.tgenabled) AS part
    FROM pg_catalog.pg_trigger t
   WHERE t.tgconstraint = 0
  UNION ALL
  SELECT pg_catalog.format('%s %s %s %s', k.conrelid::pg_catalog.regclass, k.conname, k.convalidated, pg_catalog.pg_get_constraintdef(k.oid))
    FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_constraint parent ON parent.oid = k.conparentid
   WHERE k.contype = 'f' AND (k.conparentid = 0 OR parent.conrelid <> k.conrelid)
   ORDER BY 1`;

for (const major of [13, 14, 15, 16, 17, 18]) {
  const server = await inFullRun(() => serverOfMajor(major, { log: silentLog }));
  testNeeding(
    [server],
    `PostgreSQL ${major}: partitions’ own triggers and foreign keys come back as they were`,
    async () => {
      const { target, options, database, catalogue, run } = await side(
        tangledSql,
        await startPostgres({ name: `suspend-${major}`, binaries: foundIn(server) }),
      );
      const before = { parts: await database.query(PARTS), catalogue: await catalogue() };
      await suspend(target, options);
      expect(await run(`SELECT conname FROM pg_constraint WHERE contype = 'f'`)).toBe('[]');
      // No trigger fires, a partition's neither.
      expect(await run('DELETE FROM visits')).toBe('[]');
      await restore(target, options);
      await suspend(target, options);
      await restore(target, options);
      await validate(target, options);
      expect(compareCatalogues(before.catalogue, await catalogue())).toEqual([]);
      expect(await database.query(PARTS)).toEqual(before.parts);
    },
    120_000,
  );
}
