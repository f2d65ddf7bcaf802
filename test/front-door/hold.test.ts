import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { prepareFrontDoor, setFrontDoor } from '../../src/front-door/state.ts';
import { testInFull } from '../support/or-skipped.ts';
import { ask } from './support/client.ts';
import { MIGRATION, startForwarder } from './support/forwarder.ts';
import { startNewSide } from './support/new-side.ts';
import { startOldDatabase, type OldDatabase } from './support/old-database.ts';

let old: Promise<OldDatabase> | undefined;
/** With the row, which holds. */
async function held(): Promise<OldDatabase> {
  old ??= startOldDatabase();
  const database = await old;
  await prepareFrontDoor(database.address, MIGRATION);
  await setFrontDoor(database.address, MIGRATION, 'hold');
  return database;
}

test('200 requests wait, pass once each when it is told to forward, and none is refused; it holds again, too', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  const forwarder = await startForwarder({ newSide, databaseUrl: database.url });
  await forwarder.said('front-door: holds');
  const answers = [];
  for (let number = 0; number < 200; number += 1) {
    answers.push(ask(`${forwarder.url}/${number}`, number % 2 === 0 ? {} : { method: 'POST', body: 'x=1' }));
    await delay(2);
  }
  await forwarder.hasHeard();
  expect(newSide.seen).toEqual([]);

  const since = performance.now();
  await setFrontDoor(database.address, MIGRATION, 'forward');
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  expect(statuses).toEqual(Array(200).fill(200));
  // At once, not when their time is over.
  expect(performance.now() - since).toBeLessThan(15_000);
  // Each was sent once; in which order they arrive is up to how long each connection takes.
  const numbers = newSide.seen.map(({ url }) => Number(url.slice(1)));
  expect(numbers.sort((one, other) => one - other)).toEqual(statuses.map((_, index) => index));

  const told = forwarder.lines.length;
  await setFrontDoor(database.address, MIGRATION, 'hold');
  await forwarder.said('front-door: holds', told);
  const again = ask(`${forwarder.url}/again`);
  await forwarder.hasHeard();
  await delay(300);
  expect(newSide.seen).toHaveLength(200);
  await setFrontDoor(database.address, MIGRATION, 'forward');
  expect((await again).status).toBe(200);
  // A line a change, and none a request.
  expect(forwarder.lines.map((line) => line.replaceAll(/\d+\.\d/g, 'n'))).toEqual([
    'front-door: listens',
    'front-door: holds',
    `front-door: forwards to ${newSide.host} after n s, 200 waited`,
    'front-door: holds',
    `front-door: forwards to ${newSide.host} after n s, 1 waited`,
  ]);
});

test('beyond the limit of waiting a request is refused with a time to come back; one too many is refused at once', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  const forwarder = await startForwarder({
    newSide,
    databaseUrl: database.url,
    settings: { holdLimitMs: 2_000, waitingLimit: 2 },
  });
  const since = performance.now();
  const waits = [ask(forwarder.url), ask(forwarder.url, { method: 'POST', body: 'x'.repeat(1_000_000) })];
  await forwarder.hasHeard();
  const third = ask(forwarder.url);
  expect(await Promise.race([third.then(() => 'the third'), ...waits])).toBe('the third');
  expect(await third).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  for (const { status, headers, body } of await Promise.all(waits)) {
    expect([status, headers['retry-after'], headers['cache-control']]).toEqual([503, '5', 'no-store']);
    expect(body).toContain('being moved');
  }
  expect(performance.now() - since).toBeGreaterThan(1_990);
  expect(newSide.seen).toEqual([]);
});

testInFull(
  'uploads that wait cost what lies in buffers, whatever their size, and are whole afterwards',
  async () => {
    const [database, newSide] = [await held(), await startNewSide()];
    const forwarder = await startForwarder({
      newSide,
      databaseUrl: database.url,
      // All of them come from, and go to, this one process.
      settings: { holdLimitMs: 180_000, connectLimitMs: 60_000 },
    });
    const lengths: number[] = [];
    newSide.handle((request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => (length += chunk.length));
      request.once('end', () => {
        lengths.push(length);
        response.end();
      });
    });
    await forwarder.said('holds');
    const [before, body, many] = [forwarder.residentMib(), 'x'.repeat(1_000_000), 1_000];
    const answers = Array.from({ length: many }, () => ask(forwarder.url, { method: 'POST', body }));
    await delay(1_500);
    expect((forwarder.residentMib() - before) / many).toBeLessThan(0.25);
    await setFrontDoor(database.address, MIGRATION, 'forward');
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(many).fill(200));
    expect(lengths).toEqual(Array(many).fill(body.length));
  },
  240_000,
);

test('who goes away while waiting is not passed on', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  const forwarder = await startForwarder({ newSide, databaseUrl: database.url });
  const gone = new AbortController();
  const impatient = ask(`${forwarder.url}/impatient`, { signal: gone.signal }).catch(() => 'gone');
  const patient = ask(`${forwarder.url}/patient`);
  await forwarder.hasHeard();
  gone.abort();
  expect(await impatient).toBe('gone');
  await forwarder.hasHeard();
  await setFrontDoor(database.address, MIGRATION, 'forward');
  expect((await patient).status).toBe(200);
  expect(newSide.seen.map(({ url }) => url)).toEqual(['/patient']);
});

test('a dyno that starts without a database holds, says why, and forwards as soon as the row can be read', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  await setFrontDoor(database.address, MIGRATION, 'forward');
  await database.server.stop();
  const forwarder = await startForwarder({ newSide, databaseUrl: database.url });
  await forwarder.said('cannot read its state (ECONNREFUSED)');
  const waits = ask(`${forwarder.url}/waits`);
  await delay(200);
  expect(newSide.seen).toEqual([]);
  await database.server.restart();
  expect((await waits).status).toBe(200);
  // And goes on forwarding while the database is away.
  await database.server.stop();
  await delay(300);
  expect((await ask(`${forwarder.url}/still`)).status).toBe(200);
  await database.server.restart();
  expect(forwarder.lines.join('\n')).not.toContain(database.address.password);
});

test('told to end, it finishes what waits and what runs, and then is gone', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  const forwarder = await startForwarder({ newSide, databaseUrl: database.url });
  await forwarder.said('holds');
  const waits = ask(`${forwarder.url}/waits`);
  await forwarder.hasHeard();
  forwarder.process.signal('SIGTERM');
  await forwarder.said('1 wait');
  await expect(ask(forwarder.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  newSide.handle((_request, response) => {
    response.write('slow ');
    setTimeout(() => response.end('but whole'), 400);
  });
  await setFrontDoor(database.address, MIGRATION, 'forward');
  expect(await waits).toMatchObject({ status: 200, body: 'slow but whole', whole: true });
  expect(await forwarder.process.exited).toBe(0);
});

test('told to end while it holds, it sends who waits to those that take its place, as the router would lead them', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  // Heroku's router at the app's own name; behind it the old code runs again.
  const router = await startNewSide();
  const forwarder = await startForwarder({
    newSide: { ...newSide, authority: newSide.authority + router.authority },
    databaseUrl: database.url,
  });
  await forwarder.said('holds');
  let body = '';
  router.handle((request, response) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.once('end', () => response.end('the old code'));
  });
  const host = { host: router.host, 'x-front-door': 'forged' };
  const waits = [
    ask(`${forwarder.url}/get`, { headers: host }),
    ask(`${forwarder.url}/post`, { headers: host, method: 'POST', body: 'once' }),
  ];
  await forwarder.hasHeard();
  const circling = ask(`${forwarder.url}/circling`, { headers: { ...host, 'x-front-door-hops': '3' } });
  const nowhere = ask(`${forwarder.url}/nowhere`, { headers: { host: 'no host' } });
  await forwarder.hasHeard();
  forwarder.process.signal('SIGTERM');
  expect([(await circling).status, (await nowhere).status]).toEqual([503, 503]);
  for (const answer of await Promise.all(waits))
    expect(answer).toMatchObject({ status: 200, body: 'the old code' });
  expect(newSide.seen).toEqual([]);
  expect(router.seen.map(({ url }) => url).sort()).toEqual(['/get', '/post']);
  for (const { headers } of router.seen) {
    expect(headers).toMatchObject({
      host: router.host,
      'x-forwarded-for': '203.0.113.7',
      'x-front-door-hops': '1',
    });
    expect(headers).not.toHaveProperty('x-front-door');
  }
  expect(body).toBe('once');
  expect(await forwarder.process.exited).toBe(0);
});

test('on the way back, told to end after it has forwarded and holds again, it sends who waits to Heroku and nobody to the new side', async () => {
  const [database, newSide] = [await held(), await startNewSide()];
  const router = await startNewSide();
  const forwarder = await startForwarder({
    newSide: { ...newSide, authority: newSide.authority + router.authority },
    databaseUrl: database.url,
  });
  const headers = { host: router.host };
  await setFrontDoor(database.address, MIGRATION, 'forward');
  expect((await ask(`${forwarder.url}/moved`, { headers })).status).toBe(200);
  expect(newSide.seen.map(({ url }) => url)).toEqual(['/moved']);

  // From here on the new side is closed; roll-back has led the names to Heroku's router before it holds.
  await forwarder.said('front-door: forwards');
  const told = forwarder.lines.length;
  await setFrontDoor(database.address, MIGRATION, 'hold');
  await forwarder.said('front-door: holds', told);
  router.handle((_request, response) => response.end('the old code'));
  const waits = ask(`${forwarder.url}/waits`, { headers });
  await forwarder.hasHeard();
  forwarder.process.signal('SIGTERM');
  expect(await waits).toMatchObject({ status: 200, body: 'the old code' });
  expect(newSide.seen.map(({ url }) => url)).toEqual(['/moved']);
  expect(await forwarder.process.exited).toBe(0);
});

test('told to end, it does not outlive its limit: what stands still is cut', async () => {
  const newSide = await startNewSide();
  const forwarder = await startForwarder({ newSide, settings: { shutdownLimitMs: 500 } });
  newSide.handle((_request, response) => {
    response.write('never ends');
  });
  const begun = Promise.withResolvers<Buffer>();
  const cut = ask(forwarder.url, {}, begun.resolve);
  await begun.promise;
  forwarder.process.signal('SIGTERM');
  expect(await forwarder.process.exited).toBe(0);
  expect(await cut).toMatchObject({ status: 200, whole: false });
});
