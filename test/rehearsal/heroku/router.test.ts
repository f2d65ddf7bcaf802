import { connect } from 'node:net';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { ask, playedHeroku, present, shop, until, visit } from './played-heroku.ts';

const scale = (quantity: number) => ({ updates: [{ type: 'web', quantity }] });

test('with no web dyno the router answers H14 at once and holds nothing', async () => {
  const world = await playedHeroku();
  const app = await shop(world, { formation: { web: { quantity: 0, size: 'Standard-1X' } } });
  const answer = await visit(world);
  expect(answer.status).toBe(503);
  expect(app.logs().at(-1)).toContain('code=H14');
});

test('maintenance mode answers 503 with the page of H80, also to requests that were being held', async () => {
  const world = await playedHeroku();
  const app = await shop(world, { config: { BOOT_MS: '60000' } });
  const held = visit(world);
  await ask(world, 'PATCH', '/apps/shop', { maintenance: true });
  expect(await held).toMatchObject({ status: 503, text: expect.stringContaining('Offline for Maintenance') });
  expect(app.logs().at(-1)).toContain('code=H80');
  expect(app.dynos()).toHaveLength(1);
});

test('a request is held while the web dynos start, and then answered by one of them', async () => {
  const world = await playedHeroku();
  await shop(world, { config: { BOOT_MS: '400' } });
  const answer = await visit(world);
  expect(answer.status).toBe(200);
  expect(answer.json().dyno).toBe('web.1');
});

test('a request is held no longer than the limit: H20', async () => {
  const world = await playedHeroku({ holdSeconds: 0.3 });
  const app = await shop(world, { config: { BOOT_MS: '60000' } });
  expect((await visit(world)).status).toBe(503);
  expect(app.logs().at(-1)).toContain('code=H20');
});

test('a web dyno that does not bind its port in time has crashed: R10, then H10', async () => {
  const world = await playedHeroku({ bootSeconds: 0.3, crashBackoffMs: 60_000 });
  const app = await shop(world, { config: { BOOT_MS: '60000' } });
  expect((await visit(world)).status).toBe(503);
  expect(app.logs().join('\n')).toMatch(/Error R10[^]*code=H10/);
});

test('no first byte in time is H12, and the dyno is asked no longer', async () => {
  const world = await playedHeroku({ firstByteSeconds: 0.3 });
  const app = await shop(world);
  await app.settled();
  expect((await visit(world, '/?ms=60000')).status).toBe(503);
  expect(app.logs().at(-1)).toContain('code=H12');
});

test('silence after the first byte breaks the response off: H15', async () => {
  const world = await playedHeroku({ idleSeconds: 0.3 });
  const app = await shop(world);
  await app.settled();
  await expect(visit(world, '/stall')).rejects.toThrow();
  expect(app.logs().at(-1)).toContain('code=H15');
});

test('a connection that the dyno closes without a response is H13', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  await app.settled();
  expect((await visit(world, '/close')).status).toBe(503);
  expect(app.logs().at(-1)).toContain('code=H13');
});

test('requests go round robin to all web dynos, with the headers that Heroku adds and without losing what was sent', async () => {
  const world = await playedHeroku();
  const app = await shop(world, { formation: { web: { quantity: 2, size: 'Standard-1X' } } });
  await app.settled();
  const answers = [];
  for (let index = 0; index < 4; index += 1) {
    answers.push(
      await visit(world, '/orders?id=7', {
        method: 'POST',
        body: 'x'.repeat(100_000),
        headers: { 'x-forwarded-for': '198.51.100.7', 'x-request-id': 'a-request-id-of-the-client' },
      }),
    );
  }
  expect(new Set(answers.map((answer) => answer.json().dyno))).toEqual(new Set(['web.1', 'web.2']));
  const { headers, body } = present(answers[0]).json();
  expect(body).toHaveLength(100_000);
  expect(headers).toMatchObject({
    host: 'shop.example.com',
    'x-forwarded-for': '198.51.100.7, 127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-port': '80',
    'x-request-id': 'a-request-id-of-the-client',
    'x-request-start': expect.stringMatching(/^\d{13}$/),
    via: '1.1 heroku-router',
  });
  expect(present(answers[0]).headers['via']).toBe('1.1 heroku-router');
});

test('TLS shows the certificate of the custom domain, and of Heroku for the app’s own name; unknown hosts find no app', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  await app.settled();
  expect((await visit(world, '/', { scheme: 'https' })).json().headers['x-forwarded-proto']).toBe('https');
  expect((await visit(world, '/', { scheme: 'https', host: app.webHost })).status).toBe(200);
  expect((await visit(world, '/', { host: 'other.example.com' })).status).toBe(404);
});

test('a WebSocket is passed through in both directions', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  await app.settled();
  const socket = connect(world.router.http.port, '127.0.0.1');
  socket.write(
    'GET /cable HTTP/1.1\r\nHost: shop.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toContain('101 Switching Protocols');
  socket.write('ping');
  const [echo] = (await once(socket, 'data')) as [Buffer];
  expect(echo.toString()).toBe('echo ping');
  socket.destroy();
});

test('a dyno that is told to stop finishes the request it has, while new requests go to the new dyno', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  await app.settled();
  const old = visit(world, '/?ms=4000');
  await until(() => app.dynos().some(({ state }) => state === 'up'));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await ask(world, 'PATCH', '/apps/shop/config-vars', { GREETING: 'good day' });
  expect((await visit(world)).json().greeting).toBe('good day');
  expect((await old).json().greeting).toBe('hello');
  await until(() => app.dynos().length === 1);
});

test('scaling web to zero while requests are held answers them H14', async () => {
  const world = await playedHeroku();
  const app = await shop(world, { config: { BOOT_MS: '60000' } });
  const held = visit(world);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await ask(world, 'PATCH', '/apps/shop/formation', scale(0));
  expect((await held).status).toBe(503);
  expect(app.logs().join('\n')).toContain('code=H14');
});
