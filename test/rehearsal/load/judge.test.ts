import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { judge, type JudgeOptions, type Verdict } from '../../../rehearsal/load/judge.ts';
import { openLedger, type LedgerWriter } from '../../../rehearsal/load/ledger.ts';
import type { RedisServer } from '../../../rehearsal/servers/redis.ts';
import { openPool } from '../../../rehearsal/shop/database.ts';
import { runJob } from '../../../rehearsal/shop/jobs.ts';
import { jobIdOfOrder, jobOfOrder, placeOrder } from '../../../rehearsal/shop/orders.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import { seedShop } from '../../../rehearsal/shop/seed.ts';
import { processDelivery } from '../../../rehearsal/shop/webhooks.ts';
import { freshDatabase, testRedis } from '../../support/servers.ts';

interface SideUnderTest {
  environment: Record<string, string>;
  pool: pg.Pool;
  redis: Redis;
}

let directory: string;
let ledger: LedgerWriter;
let heroku: SideUnderTest;
let digitalocean: SideUnderTest;
let redisServers: [RedisServer, RedisServer] | undefined;

async function side(server: RedisServer): Promise<SideUnderTest> {
  const database = await freshDatabase({ name: 'shop' });
  await seedShop(`${database.url}?sslmode=disable`, 0, 1);
  const environment = {
    DATABASE_URL: `${database.url}?sslmode=disable`,
    REDIS_URL: `redis://${server.host}:${server.port}`,
  };
  const redis = openRedis(environment);
  await redis.flushall();
  return { environment, redis, pool: openPool(environment, 2) };
}

beforeEach(async () => {
  redisServers ??= await Promise.all([testRedis(), testRedis()]);
  [heroku, digitalocean] = await Promise.all([side(redisServers[0]), side(redisServers[1])]);
  directory = mkdtempSync(join(tmpdir(), 'judge-'));
  ledger = openLedger(join(directory, 'ledger.jsonl'));
});

afterEach(async () => {
  for (const { pool, redis } of [heroku, digitalocean]) {
    redis.disconnect();
    await pool.end();
  }
  ledger.close();
  rmSync(directory, { recursive: true });
});

async function order(on: SideUnderTest, uuid: string = crypto.randomUUID()): Promise<string> {
  const request = { uuid, userId: 1, lines: [{ productId: 1, quantity: 2 }] };
  await placeOrder(
    { pool: on.pool, redis: on.redis, side: on === heroku ? 'heroku' : 'digitalocean' },
    request,
  );
  ledger.add('order', uuid);
  return uuid;
}

/** As a worker would: takes the order's job out of Redis and runs it. */
async function work(on: SideUnderTest, uuid: string, retryCount?: number): Promise<void> {
  const { jid, class: name, args, queue } = jobOfOrder(uuid);
  await on.redis.del('queue:default', 'queue:critical', 'schedule');
  const retry = retryCount === undefined && name === 'FraudCheckJob' ? 0 : retryCount;
  const payload = {
    jid,
    class: name,
    args,
    queue,
    retry: true,
    created_at: 0,
    ...(retry === undefined ? {} : { retry_count: retry }),
  };
  await runJob(on.pool, on === heroku ? 'heroku' : 'digitalocean', payload, new AbortController().signal);
}

function verdict(options: Partial<JudgeOptions> = {}): Promise<Verdict> {
  return judge({
    ledgers: [ledger.file],
    authoritative: heroku.environment,
    other: digitalocean.environment,
    patienceMs: 0,
    ...options,
  });
}

test('where every write and every job is once, every figure that must be zero is zero', async () => {
  for (const run of [true, true, false]) {
    const uuid = await order(heroku);
    if (run) await work(heroku, uuid);
  }
  const delivery = crypto.randomUUID();
  await processDelivery(heroku.pool, 'heroku', { id: delivery, topic: 'a', body: {} });
  ledger.add('webhook', delivery);
  const { writes, jobs, stranded, examples } = await verdict();
  expect(writes).toEqual({ acknowledged: 4, found: 4, missing: 0, doubled: 0 });
  expect(jobs).toMatchObject({ enqueued: 3, run: 2, waiting: 1, dead: 0, lost: 0, twice: 0 });
  expect(stranded).toBe(0);
  expect(examples).toEqual({ missing: [], doubled: [], lost: [], twice: [] });
});

test('an acknowledged order that is not there, or not whole, is missing', async () => {
  const [gone, halved, whole] = [await order(heroku), await order(heroku), await order(heroku)];
  await heroku.pool.query(
    'begin; set constraints all deferred; delete from payments where order_id = (select id from orders where client_uuid = $$' +
      gone +
      '$$); delete from orders where client_uuid = $$' +
      gone +
      '$$; commit',
  );
  await heroku.pool.query(
    'delete from order_lines where order_id = (select id from orders where client_uuid = $1)',
    [halved],
  );
  const { writes, examples } = await verdict();
  expect(writes).toEqual({ acknowledged: 3, found: 1, missing: 2, doubled: 0 });
  expect(examples.missing.sort()).toEqual([`order ${gone}: the order`, `order ${halved}: its lines`].sort());
  expect(examples.missing.join()).not.toContain(whole);
});

test('an acknowledged webhook delivery that is not there is missing', async () => {
  const delivery = crypto.randomUUID();
  ledger.add('webhook', delivery);
  expect((await verdict()).examples.missing).toEqual([`webhook ${delivery}: the delivery`]);
});

test('a write that was booked twice is doubled, also when nobody acknowledged it', async () => {
  const uuid = await order(heroku);
  const unheardOf = crypto.randomUUID();
  for (const twice of [uuid, unheardOf, unheardOf]) {
    await heroku.pool.query(
      "insert into ledger_entries (kind, source_uuid, side) values ('order', $1, 'heroku')",
      [twice],
    );
  }
  const { writes, examples } = await verdict();
  expect(writes).toMatchObject({ missing: 0, doubled: 2 });
  expect(examples.doubled.sort()).toEqual([`order ${uuid}: 2 times`, `order ${unheardOf}: 2 times`].sort());
});

test('an order or a delivery that both sides did is doubled; one whose row was copied to the other side is not', async () => {
  const [order1, delivery, copied] = Array.from({ length: 3 }, () => crypto.randomUUID());
  for (const [on, side] of [
    [heroku, 'heroku'],
    [digitalocean, 'digitalocean'],
  ] as const) {
    await order(on, order1);
    await processDelivery(on.pool, side, { id: `${delivery}`, topic: 'a', body: {} });
    // The new side's, as a roll-back brings it back.
    await processDelivery(on.pool, 'digitalocean', { id: `${copied}`, topic: 'a', body: {} });
  }
  for (const authoritative of [heroku, digitalocean]) {
    const other = authoritative === heroku ? digitalocean : heroku;
    const { writes, examples } = await verdict({
      authoritative: authoritative.environment,
      other: other.environment,
    });
    expect(writes).toMatchObject({ missing: 0, doubled: 2 });
    expect(examples.doubled.sort()).toEqual(
      [`order ${order1}: by both sides`, `webhook ${delivery}: by both sides`].sort(),
    );
  }
});

test('a job that was completed on both sides ran twice', async () => {
  const uuid = await order(heroku);
  await work(heroku, uuid);
  await order(digitalocean, uuid);
  await work(digitalocean, uuid);
  const { jobs, examples } = await verdict();
  expect(jobs).toMatchObject({ enqueued: 1, run: 1, lost: 0, twice: 1 });
  expect(examples.twice[0]).toContain(jobIdOfOrder(uuid));
});

test('a run that was copied to the other side with its row is one run', async () => {
  const uuid = await order(heroku);
  await work(heroku, uuid);
  const { rows } = await heroku.pool.query('select run_id, jid, class, side, attempt from job_runs');
  await digitalocean.pool.query(
    'insert into job_runs (run_id, jid, class, side, attempt) values ($1, $2, $3, $4, $5)',
    Object.values(rows[0] as object),
  );
  expect((await verdict()).jobs).toMatchObject({ run: 1, twice: 0 });
});

test('a second completion on one side is a double unless it is a retry', async () => {
  const [again, retried] = [await order(heroku), await order(heroku)];
  await work(heroku, again, 0);
  await work(heroku, again, 0);
  await work(heroku, retried, 0);
  await work(heroku, retried, 1);
  const { jobs, examples } = await verdict();
  expect(jobs.twice).toBe(1);
  expect(examples.twice[0]).toContain(jobIdOfOrder(again));
});

test('a job that is nowhere is lost; one that was set aside, or ran on the other side only, is lost too', async () => {
  const [gone, elsewhere] = [await order(heroku), await order(heroku)];
  await heroku.redis.flushall();
  await order(digitalocean, elsewhere);
  await work(digitalocean, elsewhere);
  const aside = await order(heroku);
  for (const key of ['queue:default', 'queue:critical', 'schedule']) {
    if (await heroku.redis.exists(key))
      await heroku.redis.rename(key, `heroku-to-digitalocean:shop-production:${key}`);
  }
  const { jobs, examples, writes } = await verdict();
  expect(writes.missing).toBe(0);
  expect(jobs).toMatchObject({ enqueued: 3, run: 0, lost: 3, twice: 0 });
  expect(examples.lost).toEqual(
    expect.arrayContaining([
      `${jobIdOfOrder(gone)}: nowhere to be found`,
      `${jobIdOfOrder(elsewhere)}: run on the other side only`,
      `${jobIdOfOrder(aside)}: nowhere to be found`,
    ]),
  );
});

test('jobs on the other side that a restarted worker would run are stranded', async () => {
  await order(digitalocean);
  expect((await verdict({ ledgers: [] })).stranded).toBe(1);
});

test('a firing whose job is gone is a lost job; firings on both sides at the same time change sides too often', async () => {
  for (const [index, on] of (['heroku', 'digitalocean', 'heroku', 'digitalocean'] as const).entries()) {
    await heroku.pool.query(
      "insert into schedule_runs (job, jid, side, at) values ('nightly-report', $1, $2, now() + $3 * interval '1 second')",
      [`jid-${index}`, on, index],
    );
  }
  const { jobs, schedules } = await verdict({ ledgers: [] });
  expect(schedules).toEqual({ fired: 4, sideChanges: 3 });
  expect(jobs).toMatchObject({ enqueued: 4, lost: 4 });
});

test('the judge waits for a job that is just being run', async () => {
  const uuid = await order(heroku);
  await heroku.redis.flushall();
  const judged = verdict({ patienceMs: 30_000 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await work(heroku, uuid);
  expect((await judged).jobs).toMatchObject({ run: 1, lost: 0 });
});

test('a side that cannot be read is no verdict', async () => {
  await expect(
    verdict({ other: { ...digitalocean.environment, DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/x' } }),
  ).rejects.toThrow();
});
