import { expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from '../../../rehearsal/load/judge.ts';
import { openLedger } from '../../../rehearsal/load/ledger.ts';
import { temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import type { RedisServer } from '../../../rehearsal/servers/redis.ts';
import { seedRedis } from '../../../rehearsal/shop/seed-redis.ts';
import { seedShop } from '../../../rehearsal/shop/seed.ts';
import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import { compareDatabases } from '../../../src/postgres/parity.ts';
import { openWrites } from '../../../src/postgres/rights.ts';
import type { RedisAddress } from '../../../src/redis/connect.ts';
import { copyRedis } from '../../../src/redis/copy.ts';
import { compareRedis } from '../../../src/redis/parity.ts';
import { quietJobs, setAsideJobs, waitUntilIdle } from '../../../src/redis/jobs/index.ts';
import type { PostgresAddress } from '../../../src/postgres/connect.ts';
import { twoSides } from '../../postgres/two-sides.ts';
import { testRedis } from '../../support/servers.ts';
import { anOrder, postJson, shopOn } from '../shop/running-shop.ts';

function urlOf({ user, password, host, port, database }: PostgresAddress): string {
  return `postgres://${user}:${password}@${host}:${port}/${database}?sslmode=disable`;
}

function redisUrlOf({ host, port }: RedisServer): string {
  return `redis://${host}:${port}`;
}

function redisAddress({ host, port }: RedisServer): RedisAddress {
  return { host, port, tls: { mode: 'off' } };
}

test('the shop is moved by the engine: everything acknowledged and enqueued is on the new side once', async () => {
  const [sides, oldRedis, newRedis] = await Promise.all([twoSides(), testRedis(), testRedis()]);
  await seedShop(urlOf(sides.source), 2, 1);
  await seedRedis(redisUrlOf(oldRedis), 300, 1);
  const ledger = openLedger(join(mkdtempSync(join(temporaryDirectory('moved'), 'ledger-')), 'ledger.jsonl'));
  const heroku = shopOn({ DATABASE_URL: urlOf(sides.source), REDIS_URL: redisUrlOf(oldRedis) });
  const digitalocean = shopOn({
    DATABASE_URL: urlOf(sides.owner),
    REDIS_URL: redisUrlOf(newRedis),
    DIGITALOCEAN_APP: 'shop',
  });

  const [web, worker] = await Promise.all([heroku.web(), heroku.worker()]);
  await takeOrders(web.url, 20);
  await quietJobs(heroku.redis);
  const idle = await waitUntilIdle(heroku.redis, { limitMs: 30_000, log: silentLog, clock: systemClock });
  expect(idle).toMatchObject({ idle: true });
  // The site still serves: what is ordered now waits in the queue, which moves.
  await takeOrders(web.url, 10);
  await Promise.all([worker.process.stop(), web.process.stop()]);

  await sides.copy();
  const redis = { source: redisAddress(oldRedis), target: redisAddress(newRedis), skip: ['cache:*'] };
  await copyRedis({ ...redis, log: silentLog, clock: systemClock });
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity).toMatchObject({ equal: true, catalogue: [], sequences: [] });
  expect(await compareRedis(redis)).toMatchObject({ equal: true });

  const newWeb = await digitalocean.web();
  expect((await fetch(`${newWeb.url}/health`)).status).toBe(200);
  expect((await postJson(`${newWeb.url}/orders`, anOrder())).status).toBe(503);
  await setAsideJobs(heroku.redis, 'shop-test');
  await openWrites(sides.owner);
  await Promise.all([takeOrders(newWeb.url, 10), digitalocean.worker()]);

  const authoritative = digitalocean.environment;
  const verdict = await judge({ ledgers: [ledger.file], authoritative, other: heroku.environment });
  expect(verdict.writes).toEqual({ acknowledged: 40, found: 40, missing: 0, doubled: 0 });
  expect(verdict.jobs).toMatchObject({ enqueued: 40, run: 40, waiting: 0, lost: 0, twice: 0 });
  expect(verdict.stranded).toBe(0);
  const [ran] = await sides.onTarget<{ there: number }>(
    "SELECT count(*)::int AS there FROM job_runs WHERE side = 'digitalocean'",
  );
  expect(ran?.there).toBeGreaterThanOrEqual(20);

  async function takeOrders(url: string, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const order = anOrder();
      expect((await postJson(`${url}/orders`, order)).status).toBe(201);
      ledger.add('order', order.uuid);
    }
  }
});
