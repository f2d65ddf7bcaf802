import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { judge } from '../../../rehearsal/load/judge.ts';
import { readLedger } from '../../../rehearsal/load/ledger.ts';
import { startLoad, type Load, type LoadOptions } from '../../../rehearsal/load/load.ts';
import { runningShop, until } from '../shop/running-shop.ts';
import { passTo, publicHost, type PublicHost } from './public-host.ts';

let host: PublicHost;
let directory: string;

beforeEach(async () => {
  host = await publicHost('shop.example.com');
  directory = mkdtempSync(join(tmpdir(), 'load-'));
});

afterEach(async () => {
  await host.close();
  rmSync(directory, { recursive: true });
});

function load(options: Partial<LoadOptions> = {}): Load {
  const { hostName, proxyUrl, caPem } = host;
  return startLoad({ hostName, proxyUrl, caPem, rate: 40, seed: 1, directory, ...options });
}

test('every acknowledged write of a shop that was refusing for a while is found once, and the outage is measured', async () => {
  const shop = await runningShop();
  const [{ url }] = await Promise.all([shop.web(), shop.worker()]);
  host.serve = passTo(url);
  const running = load({ connectionAgeMs: 500 });
  await until(() => running.current().acknowledged > 15, 'writes were acknowledged');
  expect(running.current().refusedRequests).toBe(0);

  const began = Date.now();
  host.serve = (_incoming, response) => response.writeHead(503).end('maintenance');
  await until(() => running.current().refusedRequests > 15, 'requests were refused');
  host.serve = passTo(url);
  const outageMs = Date.now() - began;
  const before = running.current().acknowledged;
  await until(() => running.current().acknowledged > before + 15, 'writes were acknowledged again');
  const report = await running.stop();

  expect(report.outages.length).toBeGreaterThan(0);
  expect(report.outages.every(({ until: end }) => end !== null)).toBe(true);
  expect(report.downtimeMs).toBeGreaterThan(0);
  // A client notices the end when it next asks: there are six, each asks several times a second.
  expect(report.downtimeMs).toBeLessThan(outageMs + 5000);
  expect(report.statuses['503']).toBeGreaterThan(15);
  expect(report.forgottenOrders).toBe(0);
  expect(report.webhooks.outstanding).toBe(0);
  expect(report.servedBy.heroku).toBeGreaterThan(0);
  expect(report.timeline.reduce((sum, { good, refused }) => sum + good + refused, 0)).toBe(report.requests);
  expect(readLedger(report.ledger)).toHaveLength(report.acknowledged);

  const { writes, jobs } = await judge({ ledgers: [report.ledger], authoritative: shop.environment });
  expect(writes).toEqual({
    acknowledged: report.acknowledged,
    found: report.acknowledged,
    missing: 0,
    doubled: 0,
  });
  expect(jobs).toMatchObject({ run: jobs.enqueued, lost: 0, twice: 0, dead: 0 });
  expect(jobs.enqueued).toBeGreaterThan(10);
});

test('each client opens connections of its own again and again, so that it follows the name', async () => {
  host.serve = (_incoming, response) => response.writeHead(200, { 'x-shop-side': 'digitalocean' }).end('{}');
  const running = load({ clients: 2, connectionAgeMs: 300 });
  await until(
    () => ['client-1', 'client-2', 'webhook-sender'].every((id) => (host.opened[id] ?? 0) > 3),
    'reconnected',
  );
  const report = await running.stop();
  expect(Object.keys(host.opened).sort()).toEqual(['client-1', 'client-2', 'webhook-sender']);
  expect(report.refusedRequests).toBe(0);
  expect(report.servedBy.heroku).toBe(0);
});

test('a write whose answer never came whole is not counted as acknowledged', async () => {
  host.serve = (incoming, response) => {
    if (incoming.method === 'GET') response.writeHead(200, { 'x-shop-side': 'heroku' }).end('{}');
    else if (incoming.url === '/webhooks') incoming.socket.destroy();
    else response.writeHead(201, { 'content-length': '100' }).write('{', () => incoming.socket.destroy());
  };
  const running = load();
  await until(() => running.current().connectionErrors > 10, 'connections were cut');
  const report = await running.stop({ graceMs: 0 });
  expect(report.acknowledged).toBe(0);
  expect(readLedger(report.ledger)).toEqual([]);
  expect(report.webhooks.outstanding).toBeGreaterThan(0);
});

test('the webhook sender gives up after five seconds and sends the same delivery again', async () => {
  const deliveries: string[] = [];
  host.serve = (incoming, response) => {
    if (incoming.url !== '/webhooks') {
      response.writeHead(200, { 'x-shop-side': 'heroku' }).end('{}');
      return;
    }
    incoming.on('data', (chunk: Buffer) => {
      const { id } = JSON.parse(chunk.toString()) as { id: string };
      const known = deliveries.includes(id);
      deliveries.push(id);
      if (known) response.writeHead(200, { 'x-shop-side': 'heroku' }).end('{}');
    });
  };
  const running = load({ rate: 2, webhookRate: 3 });
  await delay(1000);
  const { webhooks } = await running.stop({ graceMs: 30_000 });
  expect(webhooks.sent).toBeGreaterThan(0);
  expect(webhooks).toMatchObject({
    acknowledged: webhooks.sent,
    givenUp: webhooks.sent,
    attempts: 2 * webhooks.sent,
  });
  expect(new Set(deliveries).size).toBe(webhooks.sent);
});

test('a request that was held is no outage, and how long it was held is told', async () => {
  let held = false;
  host.serve = (_incoming, response) => {
    const wait = held ? 0 : 1200;
    held = true;
    setTimeout(() => response.writeHead(200, { 'x-shop-side': 'heroku' }).end('{}'), wait);
  };
  const running = load({ rate: 10 });
  await until(() => running.current().longestHoldMs > 0 && held, 'an answer came');
  await until(() => running.current().requests > 10, 'requests were answered');
  const report = await running.stop();
  expect(report.longestHoldMs).toBeGreaterThanOrEqual(1200);
  expect(report.outages).toEqual([]);
  expect(report.downtimeMs).toBe(0);
});
