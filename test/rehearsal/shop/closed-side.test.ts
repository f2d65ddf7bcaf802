import { expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { anOrder, postJson, runningShop, until, type RunningShop } from './running-shop.ts';

async function fingerprint({ database }: RunningShop): Promise<unknown> {
  return database.query(`
    select relname, pg_stat_get_live_tuples(oid) as rows, pg_relation_size(oid) as bytes,
      (select max(xmin::text::bigint) from schema_migrations) as migrations
    from pg_class where relkind in ('r', 'S') and relnamespace = 'public'::regnamespace order by relname`);
}

async function close({ database, redis, environment, redisServer }: RunningShop): Promise<void> {
  await database.query(
    `revoke insert, update, delete, truncate on all tables in schema public from "${database.owner.user}";
     revoke usage, update on all sequences in schema public from "${database.owner.user}"`,
  );
  await redis.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-@write', '-@dangerous', '+info');
  environment['REDIS_URL'] = `redis://app:secret@${redisServer.host}:${redisServer.port}`;
}

async function open({ database, redis }: RunningShop): Promise<void> {
  await database.query(
    `grant insert, update, delete, truncate on all tables in schema public to "${database.owner.user}";
     grant usage, update on all sequences in schema public to "${database.owner.user}"`,
  );
  await redis.acl('SETUSER', 'app', '+@write');
}

test('on a side that is closed by rights web boots, serves, writes nothing; opened, the same process takes orders', async () => {
  const shop = await runningShop({ DIGITALOCEAN_APP: 'shop' });
  await close(shop);
  const before = await fingerprint(shop);
  const { url } = await shop.web();

  const health = await fetch(`${url}/health`);
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({ status: 'ok', side: 'digitalocean' });
  expect((await fetch(`${url}/products`)).status).toBe(200);
  const order = anOrder();
  expect((await postJson(`${url}/orders`, order)).status).toBe(503);
  expect(await shop.run('release.ts')).toMatchObject({ code: 0, output: 'No migration is pending.' });
  expect(await fingerprint(shop)).toEqual(before);
  expect(await shop.redis.keys('*')).toEqual([]);

  await open(shop);
  expect((await postJson(`${url}/orders`, order)).status).toBe(201);
});

test('a worker behind a closed Redis stays alive and runs what is waiting once it is open', async () => {
  const shop = await runningShop({ DIGITALOCEAN_APP: 'shop' });
  await close(shop);
  const payload = {
    class: 'ReportJob',
    args: [],
    jid: 'a'.repeat(24),
    queue: 'default',
    retry: true,
    created_at: 1,
  };
  await shop.redis.lpush('queue:default', JSON.stringify(payload));
  await shop.worker();
  await delay(1500);
  expect(await shop.redis.llen('queue:default')).toBe(1);

  await open(shop);
  await until(async () => {
    const [run] = await shop.database.query<{ side: string }>('select side from job_runs');
    return run?.side === 'digitalocean';
  }, 'the job has run');
});

test('a pending migration is run once by the release', async () => {
  const shop = await runningShop();
  await shop.database.query("delete from schema_migrations where version = '20260118080000'");
  await shop.database.query('drop index index_orders_on_placed');
  expect(await shop.run('release.ts')).toMatchObject({ code: 0, output: 'Migrated 20260118080000.' });
  expect(await shop.run('release.ts')).toMatchObject({ code: 0, output: 'No migration is pending.' });
  expect(
    await shop.database.query("select from pg_class where relname = 'index_orders_on_placed'"),
  ).toHaveLength(1);
});

test('a firing of a scheduled job is recorded with the job that it enqueued, or not at all', async () => {
  const shop = await runningShop();
  expect((await shop.run('job.ts', 'nightly-report')).code).toBe(0);
  const [firing] = await shop.database.query<{ job: string; jid: string; side: string }>(
    'select * from schedule_runs',
  );
  expect(firing).toMatchObject({ job: 'nightly-report', side: 'heroku' });
  expect(await shop.redis.lrange('queue:default', 0, -1)).toEqual([
    expect.stringContaining(firing?.jid ?? 'no jid'),
  ]);

  await shop.redisServer.stop();
  expect((await shop.run('job.ts', 'sync-stock')).code).toBe(1);
  expect(await shop.database.query('select from schedule_runs')).toHaveLength(1);
  expect((await shop.run('job.ts', 'unheard-of')).code).toBe(2);
});
