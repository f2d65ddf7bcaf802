import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { HerokuWorld } from '../../../rehearsal/heroku/world.ts';
import { ask, at, codeDirectory, playedHeroku, shop, text, until, visit } from './played-heroku.ts';

/** The release phase notes that it ran and with what, and fails while there is a file `broken`. */
const withReleasePhase = {
  processTypes: { web: 'node app.cjs', release: 'echo "greeting $GREETING" >> ran; test ! -e broken' },
};

async function newest(world: HerokuWorld): Promise<unknown> {
  const range = { range: 'version ..; order=desc,max=1' };
  return at((await ask(world, 'GET', '/apps/shop/releases', undefined, range)).body, '0');
}

async function releaseEmptySlug(world: HerokuWorld) {
  const slug = await ask(world, 'POST', '/apps/shop/slugs', { process_types: { web: 'node app.cjs' } });
  expect(slug.status).toBe(201);
  const early = await ask(world, 'POST', '/apps/shop/releases', { slug: text(slug.body, 'id') });
  expect(early.status).toBe(422);
  const put = await fetch(text(slug.body, 'blob.url'), {
    method: text(slug.body, 'blob.method'),
    body: Buffer.from([1, 2, 3]),
  });
  expect(put.status).toBe(200);
  return ask(world, 'POST', '/apps/shop/releases', { slug: text(slug.body, 'id'), description: 'parked' });
}

test('a config change is a release: new dynos with the new values', async () => {
  const world = await playedHeroku();
  const app = await shop(world);
  await app.settled();
  const before = await newest(world);
  const { body } = await ask(world, 'PATCH', '/apps/shop/config-vars', { GREETING: 'good day', OTHER: 'x' });
  expect(body).toEqual({ GREETING: 'good day', OTHER: 'x' });
  expect(await newest(world)).toMatchObject({
    version: Number(at(before, 'version')) + 1,
    status: 'succeeded',
    current: true,
    description: 'Set GREETING, OTHER config vars',
  });
  expect((await visit(world)).json().greeting).toBe('good day');
  await ask(world, 'PATCH', '/apps/shop/config-vars', { OTHER: null });
  expect((await ask(world, 'GET', '/apps/shop/config-vars')).body).toEqual({ GREETING: 'good day' });
});

test('the release phase runs on deployments, config changes and roll-backs; when it fails, what ran before keeps running', async () => {
  const world = await playedHeroku();
  const code = codeDirectory();
  const app = await shop(world, { ...withReleasePhase, code });
  await app.settled();
  const deployed = await newest(world);

  writeFileSync(join(code, 'broken'), '');
  await ask(world, 'PATCH', '/apps/shop/config-vars', { GREETING: 'broken' });
  await until(async () => at(await newest(world), 'status') === 'failed');
  expect(at(await newest(world), 'output_stream_url')).toContain(world.apiUrl);
  expect((await visit(world)).json().greeting).toBe('hello');
  expect(app.releases().find(({ current }) => current)?.version).toBe(Number(at(deployed, 'version')));

  rmSync(join(code, 'broken'));
  await ask(world, 'PATCH', '/apps/shop/config-vars', { GREETING: 'good day' });
  await until(async () => at(await newest(world), 'status') === 'succeeded');
  expect((await visit(world)).json().greeting).toBe('good day');

  rmSync(join(code, 'ran'));
  const back = await ask(world, 'POST', '/apps/shop/releases', { release: at(deployed, 'id') });
  expect(back).toMatchObject({
    status: 201,
    body: { status: 'pending', description: `Rollback to v${Number(at(deployed, 'version'))}` },
  });
  await until(async () => at(await newest(world), 'status') === 'succeeded');
  expect(existsSync(join(code, 'ran'))).toBe(true);
  expect((await visit(world)).json().greeting).toBe('hello');
});

test('a parked app cannot run its old code, neither in its formation nor in one-off dynos, until it is rolled back', async () => {
  const world = await playedHeroku({ crashBackoffMs: 100 });
  const app = await shop(world);
  await app.settled();
  const before = await newest(world);

  expect((await releaseEmptySlug(world)).body).toMatchObject({ status: 'succeeded', description: 'parked' });
  await until(() =>
    app.logs().some((line) => line.includes('Cannot find module') && line.includes('app.cjs')),
  );
  await ask(world, 'PATCH', '/apps/shop/formation/web', { quantity: 0 });
  const run = await ask(world, 'POST', '/apps/shop/dynos', { command: 'ls; echo "status $?"; node app.cjs' });
  await until(() => app.dynos().every(({ name }) => name !== at(run.body, 'name')));
  expect(app.logs().join('\n')).toMatch(
    new RegExp(`app\\[${text(run.body, 'name')}\\]: Error: Cannot find module`),
  );

  await ask(world, 'POST', '/apps/shop/releases', { release: at(before, 'id') });
  await ask(world, 'PATCH', '/apps/shop/formation/web', { quantity: 1 });
  expect((await visit(world)).status).toBe(200);
});

test('process types that a slug does not have leave the formation', async () => {
  const world = await playedHeroku();
  const app = await shop(world, {
    processTypes: { web: 'node app.cjs', worker: 'sleep 1000' },
    formation: { web: { quantity: 1, size: 'Basic' }, worker: { quantity: 1, size: 'Basic' } },
  });
  await app.settled();
  await releaseEmptySlug(world);
  expect(app.formation()).toEqual({ web: { quantity: 1, size: 'Basic' } });
  await until(() => app.dynos().every(({ type }) => type === 'web'));
});

test('values of attachments cannot be overwritten, and the last attachment to the billing app cannot go', async () => {
  const world = await playedHeroku();
  await shop(world, { redis: { plan: 'mini', url: 'rediss://:secret@127.0.0.1:1' } });
  expect(
    await ask(world, 'PATCH', '/apps/shop/config-vars', { REDIS_URL: 'redis://elsewhere' }),
  ).toMatchObject({
    status: 422,
    body: { id: 'invalid_params', message: 'Cannot overwrite attachment values REDIS_URL.' },
  });
  const attachment = at((await ask(world, 'GET', '/apps/shop/addon-attachments')).body, '0');
  const refused = await ask(world, 'DELETE', `/addon-attachments/${text(attachment, 'id')}`);
  expect(refused).toMatchObject({
    status: 422,
    body: { message: expect.stringContaining('Cannot destroy last attachment to billing app shop') },
  });

  // The way to another Redis: attach under a second name, detach the first, then the var is free.
  await ask(world, 'POST', '/addon-attachments', {
    addon: at(attachment, 'addon.name'),
    app: 'shop',
    name: 'OLD_REDIS',
  });
  expect((await ask(world, 'DELETE', `/addon-attachments/${text(attachment, 'id')}`)).status).toBe(200);
  await ask(world, 'PATCH', '/apps/shop/config-vars', { REDIS_URL: 'redis://elsewhere' });
  expect((await ask(world, 'GET', '/apps/shop/config-vars')).body).toEqual({
    GREETING: 'hello',
    OLD_REDIS_URL: 'rediss://:secret@127.0.0.1:1',
    REDIS_URL: 'redis://elsewhere',
  });
});
