import { dirname } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  ask,
  codeDirectory,
  isAlive,
  items,
  playedHeroku,
  present,
  shop,
  text,
  until,
  visit,
} from './played-heroku.ts';

const formation = { web: { quantity: 1, size: 'Standard-1X' }, worker: { quantity: 2, size: 'Standard-2X' } };

test('scaling to zero ends the processes, also those that the command itself started', async () => {
  const world = await playedHeroku();
  const app = await shop(world, {
    processTypes: { web: 'node app.cjs', worker: 'sleep 1000 & echo child $!; wait' },
    formation,
  });
  await app.settled();
  await until(() => app.logs().filter((line) => /: child \d/.test(line)).length === 2);
  const children = app.logs().flatMap((line) => /: child (\d+)/.exec(line)?.[1] ?? []);
  const pids = [...children.map(Number), ...app.dynos().map(({ pid }) => pid)];
  expect(pids.every(isAlive)).toBe(true);

  // The CLI sends quantities as strings.
  const { status, body } = await ask(world, 'PATCH', '/apps/shop/formation', {
    updates: [
      { type: 'web', quantity: '0' },
      { type: 'worker', quantity: '0' },
    ],
  });
  expect(status).toBe(200);
  expect(body).toMatchObject([
    { type: 'web', quantity: 0 },
    { type: 'worker', quantity: 0, size: 'Standard-2X' },
  ]);
  await until(async () => items((await ask(world, 'GET', '/apps/shop/dynos')).body).length === 0);
  await until(() => !pids.some(isAlive));
});

test('a dyno that ignores SIGTERM is listed until SIGKILL ends it', async () => {
  const world = await playedHeroku({ shutdownSeconds: 5 });
  const app = await shop(world, {
    processTypes: { worker: `trap '' TERM; echo deaf; while true; do sleep 0.1; done` },
    formation: { worker: { quantity: 1, size: 'Basic' } },
  });
  await until(() => app.logs().some((line) => line.includes('deaf')));
  const { pid } = present(app.dynos()[0]);
  await ask(world, 'PATCH', '/apps/shop/formation/worker', { quantity: 0 });
  expect((await ask(world, 'GET', '/apps/shop/dynos')).body).toMatchObject([
    { name: 'worker.1', state: 'down' },
  ]);
  await until(() => app.dynos().length === 0);
  expect(isAlive(pid)).toBe(false);
});

test('a dyno of the formation that ends by itself has crashed and is started again', async () => {
  const world = await playedHeroku({ crashBackoffMs: 50 });
  const app = await shop(world);
  await app.settled();
  const { pid } = present(app.dynos()[0]);
  expect((await visit(world, '/exit')).status).toBe(503);
  await until(() => present(app.dynos()[0]).state === 'up' && present(app.dynos()[0]).pid !== pid);
  expect((await visit(world)).status).toBe(200);
});

test('a dyno sees its config vars, $PORT, $DYNO and Node, and nothing of the machine around it', async () => {
  process.env['SECRET_OF_THE_MACHINE'] = 'x';
  const world = await playedHeroku();
  const code = codeDirectory();
  const app = await shop(world, { code });
  await app.settled();
  const { environment, cwd } = (await visit(world)).json();
  expect(cwd).toBe(code);
  expect(environment).toMatchObject({
    GREETING: 'hello',
    DYNO: 'web.1',
    PORT: expect.stringMatching(/^\d+$/),
  });
  expect(present(environment['PATH']).split(':')[0]).toBe(dirname(process.execPath));
  expect(environment).not.toHaveProperty('SECRET_OF_THE_MACHINE');
});

test('a one-off dyno runs a command beside the formation, and its output can be read in the logs', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  await app.settled();
  const { status, body } = await ask(world, 'POST', '/apps/shop/dynos', {
    attach: false,
    command: 'echo "$DYNO says $WORD"',
    env: { WORD: 'hi' },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({ type: 'run', name: expect.stringMatching(/^run\.\d{4}$/) });
  const name = text(body, 'name');
  await until(() => app.dynos().length === 1);
  const session = await ask(world, 'POST', '/apps/shop/log-sessions', { lines: 50, tail: false });
  const lines = await (await fetch(text(session.body, 'logplex_url'))).text();
  expect(lines).toContain(`app[${name}]: ${name} says hi`);
});

test('nothing changes when one of several formation updates cannot be', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  const answer = await ask(world, 'PATCH', '/apps/shop/formation', {
    updates: [
      { type: 'web', quantity: 3 },
      { type: 'clock', quantity: 1 },
    ],
  });
  expect(answer).toMatchObject({
    status: 404,
    body: { id: 'not_found', message: "Couldn't find that process type (clock)." },
  });
  expect(app.formation()).toEqual({ web: { quantity: 1, size: 'Standard-1X' } });
});

test('stopping the world leaves no process behind', async () => {
  const world = await playedHeroku();
  const app = await shop(world, { formation: { web: { quantity: 2, size: 'Basic' } } });
  await app.settled();
  const pids = app.dynos().map(({ pid }) => pid);
  await world.stop();
  expect(pids.some(isAlive)).toBe(false);
});
