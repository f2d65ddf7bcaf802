import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedRedis } from '../../../rehearsal/shop/seed-redis.ts';
import { seedShop } from '../../../rehearsal/shop/seed.ts';
import { freshDatabase, testRedis, type FreshDatabase } from '../../support/servers.ts';

async function contents(database: FreshDatabase): Promise<unknown> {
  const tables = await database.query<{ name: string }>(`
    select relname as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`);
  return Promise.all(
    tables.map(({ name }) =>
      database.query(
        `select '${name}' as name, md5(string_agg(t::text, '|' order by t::text)) from ${name} t`,
      ),
    ),
  );
}

test('the same seed gives the same rows, another one gives others', async () => {
  const [one, same, another] = [await freshDatabase(), await freshDatabase(), await freshDatabase()];
  await Promise.all([
    seedShop(`${one.url}?sslmode=disable`, 1, 5),
    seedShop(`${same.url}?sslmode=disable`, 1, 5),
    seedShop(`${another.url}?sslmode=disable`, 1, 6),
  ]);
  expect(await contents(same)).toEqual(await contents(one));
  expect(await contents(another)).not.toEqual(await contents(one));
});

test('the shop is about as big as asked and uses the extensions of heroku_ext', async () => {
  const database = await freshDatabase();
  await database.query(`
    create schema heroku_ext;
    create extension citext schema heroku_ext;
    create extension pg_trgm schema heroku_ext;
    grant usage on schema heroku_ext to public`);
  await seedShop(`${database.url}?sslmode=disable`, 8, 1);
  const [size] = await database.query<{ mb: number }>(`
    select sum(pg_total_relation_size(oid))::float8 / 1e6 as mb from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace`);
  expect(size?.mb).toBeGreaterThan(8 * 0.7);
  expect(size?.mb).toBeLessThan(8 * 1.3);
  const used = await database.query(`
    select distinct e.extname from pg_extension e
    join pg_depend inside on inside.refobjid = e.oid and inside.deptype = 'e'
    join pg_depend used on used.refobjid = inside.objid and used.deptype = 'n'
    order by 1`);
  expect(used).toEqual(expect.arrayContaining([{ extname: 'citext' }, { extname: 'pg_trgm' }]));
});

test('a larger shop has more of everything, but no more in the table without a key', async () => {
  const database = await freshDatabase();
  await seedShop(`${database.url}?sslmode=disable`, 24, 1);
  const [found] = await database.query<{ mb: number; orders: number; booked: number }>(`
    select (select sum(pg_total_relation_size(oid))::float8 / 1e6 from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace) as mb,
      (select count(*)::int from orders) as orders,
      (select count(*)::int from ledger_entries) as booked`);
  expect(found).toMatchObject({ orders: 7200 + 16 * 1080, booked: 7200 });
  expect(found?.mb).toBeGreaterThan(24 * 0.7);
  expect(found?.mb).toBeLessThan(24 * 1.3);
});

test('keys of every type are in Redis, some of them expiring, some binary', async () => {
  const server = await testRedis();
  await seedRedis(`redis://${server.host}:${server.port}`, 1500, 3);
  const redis = new Redis({ host: server.host, port: server.port });
  expect(await redis.dbsize()).toBe(1500);
  const keys = await redis.keys('*');
  const types = await Promise.all(keys.slice(0, 300).map((key) => redis.type(key)));
  expect([...new Set(types)].sort()).toEqual(['hash', 'list', 'set', 'stream', 'string', 'zset']);
  expect(keys.some((key) => key.includes('\u0000'))).toBe(true);
  redis.disconnect();
});
