import { beforeAll, expect, test } from '@jest/globals';
import { anOrder, postJson, runningShop, until, type RunningShop } from './running-shop.ts';

let shop: RunningShop;
let url: string;

beforeAll(async () => {
  shop = await runningShop();
  ({ url } = await shop.web());
});

async function countOf(uuid: string): Promise<Record<string, unknown>> {
  const [row] = await shop.database.query(
    `select (select count(*)::int from orders where client_uuid = $1) as orders,
       (select count(*)::int from order_lines l join orders o on o.id = l.order_id where o.client_uuid = $1) as lines,
       (select count(*)::int from payments p join orders o on o.id = p.order_id where o.client_uuid = $1) as payments,
       (select count(*)::int from ledger_entries where source_uuid = $1) as booked`,
    [uuid],
  );
  return row ?? {};
}

function jobsFor(uuid: string): Promise<number> {
  return Promise.all([
    shop.redis.lrange('queue:default', 0, -1),
    shop.redis.lrange('queue:critical', 0, -1),
    shop.redis.zrange('schedule', '0', '-1'),
  ]).then((lists) => lists.flat().filter((payload) => payload.includes(uuid)).length);
}

test('an order that was acknowledged is in the database once, with its parts and its job', async () => {
  const order = anOrder();
  const response = await postJson(`${url}/orders`, order);
  expect(response.status).toBe(201);
  expect(await countOf(order.uuid)).toEqual({ orders: 1, lines: 2, payments: 1, booked: 1 });
  expect(await jobsFor(order.uuid)).toBe(1);
  expect(await (await fetch(`${url}/orders/${order.uuid}`)).json()).toMatchObject({
    side: 'heroku',
    lines: 2,
  });
});

test('an order that is sent again, also at the same time, makes no second order and no second job', async () => {
  const order = anOrder();
  const statuses = await Promise.all(
    [1, 2, 3, 4].map(async () => (await postJson(`${url}/orders`, order)).status),
  );
  expect(statuses.sort()).toEqual([200, 200, 200, 201]);
  expect(await countOf(order.uuid)).toEqual({ orders: 1, lines: 2, payments: 1, booked: 1 });
  expect(await jobsFor(order.uuid)).toBe(1);
});

test('a webhook delivery that comes twice is processed once and acknowledged twice', async () => {
  const delivery = { id: crypto.randomUUID(), topic: 'orders/updated', body: { n: 1 } };
  expect((await postJson(`${url}/webhooks`, delivery)).status).toBe(200);
  expect((await postJson(`${url}/webhooks`, delivery)).status).toBe(200);
  expect((await countOf(delivery.id))['booked']).toBe(1);
});

test('nonsense is refused without leaving anything', async () => {
  expect((await postJson(`${url}/orders`, { uuid: 'x' })).status).toBe(422);
  const order = { ...anOrder(), lines: [{ productId: 999_999, quantity: 1 }] };
  expect((await postJson(`${url}/orders`, order)).status).toBe(422);
  expect(await countOf(order.uuid)).toEqual({ orders: 0, lines: 0, payments: 0, booked: 0 });
});

test('a fenced database refuses the order and the shop does not acknowledge it', async () => {
  await shop.database.query(`
    create function fence() returns trigger language plpgsql as
      $$ begin raise 'heroku-to-digitalocean: this database was moved'; end $$;
    create trigger fence before insert or update or delete on order_lines execute function fence()`);
  const order = anOrder();
  const refused = await postJson(`${url}/orders`, order);
  expect(refused.status).toBe(503);
  expect(await refused.text()).not.toContain('database');
  expect(await countOf(order.uuid)).toEqual({ orders: 0, lines: 0, payments: 0, booked: 0 });
  expect(await jobsFor(order.uuid)).toBe(0);
  await shop.database.query('drop function fence() cascade');
  expect((await postJson(`${url}/orders`, order)).status).toBe(201);
});

test('an order whose job cannot be enqueued is not acknowledged, and is completed when it is sent again', async () => {
  const order = anOrder();
  await shop.redisServer.stop();
  expect((await postJson(`${url}/orders`, order)).status).toBe(500);
  await shop.redisServer.restart();
  await until(async () => (await postJson(`${url}/orders`, order)).status === 200, 'the order is known');
  expect(await countOf(order.uuid)).toEqual({ orders: 1, lines: 2, payments: 1, booked: 1 });
  expect(await jobsFor(order.uuid)).toBe(1);
});

test('web answers 5xx while the database is away, stays up, and serves again afterwards', async () => {
  await shop.database.server.kill9();
  expect((await fetch(`${url}/health`)).status).toBe(500);
  await shop.database.server.restart();
  await until(async () => (await fetch(`${url}/health`)).status === 200, 'web is healthy again');
  expect((await postJson(`${url}/orders`, anOrder())).status).toBe(201);
});

test('SIGTERM: a request that was begun is answered, its connection is closed, and then web is gone', async () => {
  const second = await shop.web();
  const slow = fetch(`${second.url}/slow?ms=1500`);
  await fetch(`${second.url}/`);
  second.process.signal('SIGTERM');
  const answer = await slow;
  expect(answer.status).toBe(200);
  expect(answer.headers.get('connection')).toBe('close');
  expect(await second.process.exited).toBe(0);
});
