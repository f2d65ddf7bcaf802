import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { lastInvocation, type JobInvocation } from '../../src/digitalocean/job-invocations.ts';
import { silentLog } from '../../src/log.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Listed {
  created_at: string;
  phase: string;
  trigger?: { type: string };
}

const minute = (index: number): string => new Date(Date.UTC(2026, 10, 23, 0, index)).toISOString();
/** 450 firings, each a minute after the one before it, the oldest first. */
const fired: Listed[] = Array.from({ length: 450 }, (_, index) => ({
  ...{ created_at: minute(index), phase: index === 449 ? 'FAILED' : 'SUCCEEDED' },
  trigger: { type: 'SCHEDULE' },
}));

/** What is found where App Platform lists this, in pages as it makes them; and how often it was asked. */
async function found(listed: readonly Listed[]): Promise<{ last: JobInvocation | undefined; asked: number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    expect(searchParams.get('job_names')).toBe('sync-stock');
    const [page, size] = [Number(searchParams.get('page')), Number(searchParams.get('per_page'))];
    const pages = Math.ceil(listed.length / size);
    const links =
      page < pages
        ? { pages: { last: `https://api.digitalocean.com/v2/x?page=${pages}&per_page=${size}` } }
        : {};
    const body = { job_invocations: listed.slice((page - 1) * size, page * size), links };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createDigitalOcean({ token: 'none', apiUrl, log: silentLog, clock: systemClock });
  return { last: await lastInvocation(client, 'app-1', 'sync-stock'), asked };
}

test.each([
  ['the newest', fired.toReversed()],
  ['the oldest', fired],
])(
  'the last firing is found where %s come first, without reading what is between',
  async (_first, listed) => {
    expect(await found(listed)).toEqual({ last: { at: new Date(minute(449)), phase: 'FAILED' }, asked: 2 });
  },
);

test('one page is asked for once, and a job that has never fired has no last time', async () => {
  expect(await found(fired.slice(0, 3))).toMatchObject({ last: { at: new Date(minute(2)) }, asked: 1 });
  expect(await found([])).toEqual({ last: undefined, asked: 1 });
});

test('what a person started by hand does not prove that its schedule fires', async () => {
  const byHand = { created_at: minute(99), phase: 'SUCCEEDED', trigger: { type: 'MANUAL' } };
  expect(await found([byHand])).toMatchObject({ last: undefined });
  expect(await found([byHand, { created_at: minute(5), phase: 'SUCCEEDED' }])).toMatchObject({
    last: { at: new Date(minute(5)) },
  });
});
