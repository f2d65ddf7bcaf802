import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { startHeroku, type HerokuApp, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { readFormation, scale, waitUntilNoDynos } from '../../src/heroku/formation.ts';
import { readInventory } from '../../src/heroku/inventory.ts';
import { readMaintenance, setMaintenance } from '../../src/heroku/maintenance.ts';
import { currentRelease, isParked, parkApp, rollBackRelease } from '../../src/heroku/release.ts';
import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import { deleteSchedulerJobs, readSchedulerJobs, schedulerCron } from '../../src/heroku/scheduler.ts';
import { silentLog } from '../../src/log.ts';

let world: HerokuWorld;
let app: HerokuApp;
let client: HerokuClient;

beforeAll(async () => {
  const code = temporaryDirectory('code');
  mkdirSync(code, { recursive: true });
  writeFileSync(
    join(code, 'web.mjs'),
    `import { createServer } from 'node:http'; createServer((q, r) => r.end('ok')).listen(process.env.PORT); process.on('SIGTERM', () => process.exit(0));`,
  );
  world = await startHeroku({
    log: silentLog,
    authority: await createAuthority('test'),
    played: { shutdownSeconds: 1, schedulerMinuteMs: 60_000 },
  });
  world.tokens.add('token', ['read', 'write', 'read-protected', 'write-protected']);
  app = await world.createApp({
    name: 'shop',
    code,
    processTypes: { web: 'node web.mjs', worker: 'node -e "setInterval(()=>{},1000)"' },
    formation: { web: { quantity: 1, size: 'Standard-1X' }, worker: { quantity: 1, size: 'Standard-1X' } },
    config: { RAILS_ENV: 'production', API_SECRET: 'hidden' },
    scheduler: [{ command: 'rake nightly', every: 1440, at: 210 }],
    domains: ['shop.example.com'],
    buildpacks: ['heroku/nodejs'],
  });
  await app.settled();
  client = createHeroku({
    token: 'token',
    apiUrl: world.apiUrl,
    dataApiUrl: world.dataApiUrl,
    log: silentLog,
    clock: systemClock,
  });
});
afterAll(async () => {
  await world.stop();
  await stopAll();
});

test('the inventory knows the whole app and holds no config value', async () => {
  const inventory = await readInventory(client, 'shop', app.config());
  expect(inventory.processTypes).toEqual({
    web: 'node web.mjs',
    worker: 'node -e "setInterval(()=>{},1000)"',
  });
  expect(inventory.formation.map(({ type, quantity }) => `${type}=${quantity}`).sort()).toEqual([
    'web=1',
    'worker=1',
  ]);
  expect(inventory.configVars).toContainEqual({ name: 'API_SECRET', class: 'secret', leadsTo: null });
  expect(inventory.configVars).toContainEqual({ name: 'RAILS_ENV', class: 'plain', leadsTo: null });
  expect(inventory.domains.map(({ hostname }) => hostname)).toContain('shop.example.com');
  expect(inventory.hasScheduler).toBe(true);
  expect(JSON.stringify(inventory)).not.toContain('hidden');
});

test("the Scheduler's jobs are read where its dashboard reads them, and its silence is no error", async () => {
  const answer = await readSchedulerJobs({ schedulerUrl: world.schedulerUrl, token: 'token', appId: app.id });
  if (!('jobs' in answer)) throw new Error(answer.unknown);
  expect(answer.jobs.map((job) => `${job.command} ${schedulerCron(job)}`)).toEqual([
    'rake nightly 30 3 * * *',
  ]);
  expect(
    await readSchedulerJobs({ schedulerUrl: 'http://127.0.0.1:9', token: 'token', appId: app.id }),
  ).toHaveProperty('unknown');
});

test('a parked app has no code to run, and rolling back brings back exactly what ran before', async () => {
  const formation = await readFormation(client, 'shop');
  const before = await currentRelease(client, 'shop');
  await setMaintenance(client, 'shop', true);
  expect(await readMaintenance(client, 'shop')).toBe(true);

  await scale(
    client,
    'shop',
    formation.map(({ type }) => ({ type, quantity: 0 })),
  );
  const prior = await parkApp(client, 'shop');
  expect(prior).toBe(before?.id);
  expect(await parkApp(client, 'shop')).toBe(prior);
  expect(await isParked(client, 'shop')).toBe(true);
  await waitUntilNoDynos(client, 'shop', { oneOff: true, limitMs: 40_000 });
  expect(app.dynos()).toEqual([]);
  const inventory = await readInventory(client, 'shop', undefined);
  expect(inventory.parked).toBe(true);
  expect(inventory.processTypes).toHaveProperty('web', 'node web.mjs');

  await rollBackRelease(client, 'shop', prior);
  await rollBackRelease(client, 'shop', prior);
  await restoreFormation(client, 'shop', formation);
  await setMaintenance(client, 'shop', false);
  await app.settled();
  expect(await isParked(client, 'shop')).toBe(false);
  expect((await currentRelease(client, 'shop'))?.slug?.id).toBe(before?.slug?.id);
  expect(await readFormation(client, 'shop')).toEqual(formation);
});

test('a config var set while the app is parked neither hides that it is parked nor is lost when it comes back', async () => {
  const formation = await readFormation(client, 'shop');
  const before = await currentRelease(client, 'shop');
  await scale(
    client,
    'shop',
    formation.map(({ type }) => ({ type, quantity: 0 })),
  );
  const prior = await parkApp(client, 'shop');
  // As when Heroku rotates the address of a database: a release of the same, empty slug.
  await client.patch('/apps/shop/config-vars', { DATABASE_ADDRESS: 'the new one' }, z.unknown());
  expect((await currentRelease(client, 'shop'))?.description).toMatch(/DATABASE_ADDRESS/);
  expect(await isParked(client, 'shop')).toBe(true);
  expect(await parkApp(client, 'shop')).toBe(prior);
  expect((await readInventory(client, 'shop', undefined)).processTypes).toHaveProperty('web', 'node web.mjs');

  await rollBackRelease(client, 'shop', prior);
  await restoreFormation(client, 'shop', formation);
  await app.settled();
  expect(await isParked(client, 'shop')).toBe(false);
  expect((await currentRelease(client, 'shop'))?.slug?.id).toBe(before?.slug?.id);
  expect(app.config()).toMatchObject({ DATABASE_ADDRESS: 'the new one' });
});

test('a run that has lost its right to act releases no empty slug', async () => {
  const before = await currentRelease(client, 'shop');
  await expect(
    parkApp(client, 'shop', { beforeRelease: () => Promise.reject(new Error('another run took over')) }),
  ).rejects.toThrow('another run took over');
  expect(await currentRelease(client, 'shop')).toEqual(before);
});

test('dynos that do not end in time are named', async () => {
  await expect(waitUntilNoDynos(client, 'shop', { types: ['worker'], limitMs: 0 })).rejects.toThrow(
    /worker\.1 \(/,
  );
});

test("the Scheduler's jobs are deleted where its dashboard does it; what is not told is not taken for done", async () => {
  const one = await world.createApp({
    name: 'scheduled',
    code: temporaryDirectory('code'),
    onPaper: true,
    processTypes: { web: 'web' },
    formation: { web: { quantity: 0, size: 'Standard-1X' } },
    config: {},
    domains: [],
    scheduler: [
      { command: 'rake nightly', every: 1440, at: 210 },
      { command: 'rake often', every: 10, at: 0 },
    ],
  });
  const address = { url: world.schedulerUrl, token: 'token' };
  world.faults.inject({ method: 'DELETE', path: /\/jobs\//, times: 1, kind: 500 });
  expect(await deleteSchedulerJobs(address, one.id)).toEqual({
    unknown: expect.stringContaining('HTTP 500'),
  });
  expect(await deleteSchedulerJobs(address, one.id)).toEqual({ deleted: 2 });
  expect(await deleteSchedulerJobs(address, one.id)).toEqual({ deleted: 0 });
  expect(await deleteSchedulerJobs({ url: 'http://127.0.0.1:9', token: 'token' }, one.id)).toHaveProperty(
    'unknown',
  );
});

describe('a release phase on the way back', () => {
  /** An app whose release phase ends well once a file of that name is there. */
  async function withReleasePhase(name: string, phase: string) {
    const code = temporaryDirectory('release-phase');
    mkdirSync(code, { recursive: true });
    // The first release, of the deployment itself, finds it.
    writeFileSync(join(code, 'may-pass'), '');
    const one = await world.createApp({
      name,
      code,
      processTypes: { web: 'sleep 1000', release: phase },
      formation: { web: { quantity: 0, size: 'Standard-1X' } },
      config: {},
      domains: [],
    });
    const prior = await parkApp(client, name);
    return { one, prior, code };
  }

  test('that fails says what to do, and run again after it was mended it goes on', async () => {
    const { one, prior, code } = await withReleasePhase('failing', 'echo migrating; test -e may-pass');
    rmSync(join(code, 'may-pass'));
    await expect(rollBackRelease(client, 'failing', prior)).rejects.toThrow(
      /Release v\d+ of failing ended as failed: .*`heroku releases:output v\d+ -a failing` shows why.*run this again/,
    );
    // Nothing but the empty slug runs, so a repetition knows that there is something left to do.
    expect(await isParked(client, 'failing')).toBe(true);
    writeFileSync(join(code, 'may-pass'), '');
    await rollBackRelease(client, 'failing', prior);
    expect(await isParked(client, 'failing')).toBe(false);
    expect(one.releases().at(-1)?.status).toBe('succeeded');
  });

  test('that is slow is told of while it is waited for; a run that follows waits for the same one', async () => {
    const { one, prior } = await withReleasePhase('slow', 'sleep 2; test -e may-pass');
    const lines: string[] = [];
    const log = { ...silentLog, info: (line: string) => void lines.push(line) };
    const options = { token: 'token', apiUrl: world.apiUrl, dataApiUrl: world.dataApiUrl, log };
    const before = one.releases().length;
    // Its runner dies while the phase runs.
    const dying = new AbortController();
    const dead = createHeroku({ ...options, clock: systemClock, signal: dying.signal });
    const first = rollBackRelease(dead, 'slow', prior);
    while (one.releases().length === before) await systemClock.sleep(20);
    dying.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    // A minute for each second.
    let now = 0;
    const clock = {
      now: () => new Date((now += 5_000)),
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 10, signal),
    };
    await rollBackRelease(createHeroku({ ...options, clock }), 'slow', prior);
    expect(one.releases().length).toBe(before + 1);
    expect(await isParked(client, 'slow')).toBe(false);
    expect(lines.join('\n')).toMatch(/Release v\d+ of slow is under way already/);
    expect(lines.join('\n')).toMatch(/The release phase of v\d+ of slow has run for \d+ s/);
  });
});
