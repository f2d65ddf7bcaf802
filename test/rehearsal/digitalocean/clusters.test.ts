import { beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  found,
  onlineCluster,
  runner,
  testWorld,
  type ClusterLogin,
  type Login,
  type TestWorld,
} from './played-world.ts';

let world: TestWorld;
let cluster: ClusterLogin;
beforeAll(async () => {
  world = await testWorld();
  cluster = await onlineCluster(world);
});

async function query(login: Login, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ ...login, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

test('a new cluster is creating before it is online, and refuses connections until then', async () => {
  const slow = await testWorld({ clusterMs: 60_000 });
  const made = await slow.dots.database.createDatabaseCluster({
    name: 'slow',
    engine: 'pg',
    version: found((await slow.api('GET', '/databases/options')).body.options.pg.versions[0]),
    region: 'fra1',
    size: 'db-s-1vcpu-1gb',
    num_nodes: 1,
  });
  const { status, connection, id } = made.data.database;
  expect(status).toBe('creating');
  const login = { ...cluster.public, host: connection.host, port: connection.port };
  await expect(query(login, 'select 1')).rejects.toThrow();
  expect((await slow.api('POST', `/databases/${id}/dbs`, { name: 'x' })).status).toBe(422);
});

test("the cluster's certificate is verified by the CA that the API hands out", async () => {
  expect(await query(cluster.public, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(await query(cluster.private, 'select 1 as one')).toEqual([{ one: 1 }]);
  const wrong = { ...cluster.public, ssl: { ca: world.authority.pem } };
  await expect(query(wrong, 'select 1')).rejects.toThrow(/certificate/);
});

test('doadmin administers without being a superuser', async () => {
  const [role] = await query(
    cluster.public,
    "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles where rolname = 'doadmin'",
  );
  expect(role).toEqual({
    rolsuper: false,
    rolcreatedb: true,
    rolcreaterole: true,
    rolreplication: true,
    rolbypassrls: true,
  });
  await expect(query(cluster.public, "set session_replication_role = 'replica'")).rejects.toThrow(
    /permission denied/,
  );
});

test('doadmin creates every extension on the allow-list, trusted by PostgreSQL or not, and no other', async () => {
  await query(cluster.public, 'create extension pg_stat_statements');
  expect(await query(cluster.public, 'select 1 as one from pg_stat_statements limit 1')).toHaveLength(1);
  await query(cluster.public, 'create schema heroku_ext');
  await query(cluster.public, 'create extension pgcrypto schema heroku_ext');
  await expect(query(cluster.public, 'create extension amcheck')).rejects.toThrow(/not available/);
});

test('a user made by the API logs in, owns nothing, and is administered by doadmin', async () => {
  const made = await world.api('POST', `/databases/${cluster.id}/users`, { name: 'shop' });
  expect(made.body.user.role).toBe('normal');
  await world.dots.database.createDatabaseClusterDb({ database_cluster_id: cluster.id, db_name: 'shop' });
  const admin = { ...cluster.public, database: 'shop' };
  const user = { ...admin, user: 'shop', password: made.body.user.password };
  await expect(query(user, 'create table t ()')).rejects.toThrow(/permission denied for schema public/);
  await query(admin, 'grant all on schema public to shop');
  await query(user, 'create table t ()');
  await query(
    admin,
    'alter role shop connection limit 5; grant shop to doadmin; alter table t owner to doadmin',
  );
  expect((await world.api('POST', `/databases/${cluster.id}/users`, { name: 'shop' })).status).toBe(409);
});

test('trusted sources: the first rule shuts everybody else out, on each endpoint whoever knocks there', async () => {
  const rules = (values: string[]) =>
    world.api('PUT', `/databases/${cluster.id}/firewall`, {
      rules: values.map((value) => ({ type: 'ip_addr', value })),
    });
  expect((await rules(['192.0.2.1'])).status).toBe(204);
  await expect(query(cluster.public, 'select 1')).rejects.toThrow();
  await expect(query(cluster.private, 'select 1')).rejects.toThrow();
  await rules(['10.0.0.0/8']);
  await expect(query(cluster.public, 'select 1')).rejects.toThrow();
  expect(await query(cluster.private, 'select 1 as one')).toEqual([{ one: 1 }]);

  await rules(['10.0.0.0/8', runner]);
  expect(await query(cluster.public, 'select 1 as one')).toEqual([{ one: 1 }]);
  const listed = await world.api('GET', `/databases/${cluster.id}/firewall`);
  expect(listed.body.rules.map(({ value }) => value)).toEqual(['10.0.0.0/8', runner]);

  // A PUT replaces the whole set.
  await rules([]);
  expect(await query(cluster.public, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect((await rules(['2001:db8::1'])).status).toBe(422);
});

test('without the scope for credentials neither user, password nor URI is shown', async () => {
  world.tokens.add('blind', ['database:read']);
  const { database } = (await world.api('GET', `/databases/${cluster.id}`, undefined, 'blind')).body;
  expect(database.connection).toEqual({
    protocol: 'postgresql',
    database: 'defaultdb',
    host: cluster.public.host,
    port: cluster.public.port,
    ssl: true,
  });
  expect(JSON.stringify(database)).not.toContain(cluster.public.password);
});

test('what is not offered is refused: engine, region, size, standby of the Standard Edition, a taken name', async () => {
  const offered = { name: 'other', engine: 'pg', region: 'fra1', size: 'db-s-1vcpu-1gb', num_nodes: 1 };
  const create = async (change: object) =>
    (await world.api('POST', '/databases', { ...offered, ...change })).status;
  expect(await create({ engine: 'oracle' })).toBe(422);
  expect(await create({ region: 'mars1' })).toBe(422);
  expect(await create({ size: 'db-s-4vcpu-8gb' })).toBe(422);
  expect(await create({ num_nodes: 2 })).toBe(422);
  expect(await create({ version: '9' })).toBe(422);
  expect(await create({ name: 'shop' })).toBe(409);
});

test('a deleted cluster is gone with its server, and costs nothing more', async () => {
  const other = await onlineCluster(world, 'short-lived');
  const before = world.pricePerMonth();
  await world.dots.database.destroyDatabaseCluster({ database_cluster_id: other.id });
  expect(before - world.pricePerMonth()).toBeCloseTo(15.15);
  await expect(query(other.private, 'select 1')).rejects.toThrow();
  expect((await world.api('GET', `/databases/${other.id}`)).status).toBe(404);
});
