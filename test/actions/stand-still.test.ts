import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { autoscalerFindings } from '../../actions/cutover/autoscaler-findings.ts';
import { awaitOneOffDynos } from '../../actions/cutover/one-off-dynos.ts';
import { standStill } from '../../actions/cutover/stand-still.ts';
import type { Parties } from '../../actions/parties.ts';
import { rollBackSteps } from '../../actions/roll-back/steps.ts';
import { startHeroku, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { readAutomaticDeploys } from '../../src/heroku/automatic-deploys.ts';
import { readHerokuAutoscaler } from '../../src/heroku/autoscalers.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { silentLog } from '../../src/log.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import { probeRedisWrite } from '../../src/redis/probe-write.ts';
import { testRedis } from '../support/servers.ts';
import { clientOf } from '../redis/two-sides.ts';

let world: HerokuWorld;
let heroku: HerokuClient;
let appId: string;

beforeAll(async () => {
  world = await startHeroku({
    log: silentLog,
    authority: await createAuthority('test'),
    played: { shutdownSeconds: 1 },
  });
  world.tokens.add('token', ['global']);
  heroku = clientOfHeroku();
  const app = await world.createApp({
    name: 'shop',
    code: temporaryDirectory('code'),
    onPaper: true,
    processTypes: { web: 'web' },
    formation: { web: { quantity: 2, size: 'Performance-M' } },
    config: { JUDOSCALE_URL: 'https://judoscale.example' },
    domains: [],
    autoscaling: { active: true, min: 2, max: 9 },
    github: { repo: 'acme/shop', branch: 'main', autoDeploy: true, waitForCi: true },
  });
  appId = app.id;
  await world.createApp({
    name: 'still',
    code: temporaryDirectory('code'),
    onPaper: true,
    processTypes: { web: 'web' },
    formation: { web: { quantity: 2, size: 'Standard-1X' } },
    config: {},
    domains: [],
  });
});
afterAll(async () => {
  await world.stop();
  await stopAll();
});

function clientOfHeroku() {
  return createHeroku({
    token: 'token',
    apiUrl: world.apiUrl,
    dataApiUrl: world.dataApiUrl,
    log: silentLog,
    clock: systemClock,
  });
}

const context = { signal: new AbortController().signal };
let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
});

function partiesOf(app: string, change: Record<string, unknown> = {}): Parties {
  const address = { url: world.metricsUrl, token: 'token' };
  return {
    subject: {
      environment: { migrationId: 'shop-staging', domains: [], protected: true, decisions: {} },
      config: { decisions: {}, redis: { skip: [] }, workers: { quietTimeoutMs: 1_500 } },
    },
    oldSide: { heroku, interruptible: heroku, app },
    newSide: {},
    dashboard: {
      metrics: address,
      github: { url: world.githubUrl, token: 'token' },
    },
    log: { ...silentLog, warning: (line: string) => void warnings.push(line) },
    clock: systemClock,
    ...change,
  } as unknown as Parties;
}

async function moves(): Promise<{ scales: boolean; deploys: string }> {
  const scaler = await readHerokuAutoscaler({ url: world.metricsUrl, token: 'token' }, appId);
  const deploys = await readAutomaticDeploys({ url: world.githubUrl, token: 'token' }, appId);
  return {
    scales: 'autoscaler' in scaler && scaler.autoscaler !== undefined,
    deploys: `${deploys.state} ${deploys.branch ?? ''} ${String(deploys.waitForCi)}`,
  };
}

test('autoscaling and automatic deploys are off before anything else; undone or rolled back, they are as they were', async () => {
  const was = { scales: true, deploys: 'on main true' };
  expect(await moves()).toEqual(was);
  const step = standStill(partiesOf('shop'));
  const prior = (await step.prior?.(context)) ?? null;
  const result = await step.act(prior, context);
  expect(result).toEqual({ off: ['autoscaling of web dynos', 'automatic deploys from GitHub'] });
  expect(await moves()).toEqual({ scales: false, deploys: 'off main true' });
  // A continued run comes here again, with what the first one had found.
  await step.act(prior, context);
  await step.undo?.(prior, result, context);
  expect(await moves()).toEqual(was);

  await step.act(prior, context);
  const row = { name: 'stand-still', status: 'done', prior, result } as StepRow;
  const back = rollBackSteps(partiesOf('shop'), [row]);
  await back.find(({ name }) => name === 'move-again')?.act(null, context);
  expect(await moves()).toEqual(was);
  expect(warnings).toEqual([]);
});

test('what moves nothing is left as it is', async () => {
  const step = standStill(partiesOf('still'));
  const prior = (await step.prior?.(context)) ?? null;
  expect(prior).toEqual({ autoscaling: false, deploys: null, unknown: [] });
  const asked = world.requests.length;
  await step.act(prior, context);
  await step.undo?.(prior, null, context);
  expect(world.requests.slice(asked)).toEqual([]);
});

test('what Heroku does not tell is told; what it will not switch off stops the cutover, with the way by hand', async () => {
  const silent = { url: 'http://127.0.0.1:9', token: 'token' };
  const deaf = partiesOf('shop', { dashboard: { metrics: silent, github: silent } });
  const unknown = standStill(deaf);
  await unknown.act((await unknown.prior?.(context)) ?? null, context);
  expect(warnings.join('\n')).toMatch(/scales the web dynos by itself is not known.*undoes the cutover/);
  expect(warnings.join('\n')).toMatch(/a push to GitHub deploys the app is not known/);

  const prior = (await standStill(partiesOf('shop')).prior?.(context)) ?? null;
  const step = standStill(deaf);
  await expect(step.act(prior, context)).rejects.toThrow(
    /would not switch off autoscaling .*`heroku ps:autoscale:disable -a shop`; automatic deploys .*“Disable Automatic Deploys”/,
  );
  // On the way back nothing waits for it.
  await step.undo?.(prior, null, context);
  expect(warnings.at(-1)).toMatch(/would not switch on again .*by hand/);
});

test('an autoscaler of another maker must have been said to stand still, where production is protected', async () => {
  const finding = async (change: Record<string, unknown>) => {
    const parties = partiesOf('shop');
    Object.assign(parties.subject.environment, change);
    return (await autoscalerFindings(parties))[0];
  };
  const open = await finding({});
  expect(open?.found).toMatch(/^Judoscale \(the config var JUDOSCALE_URL\)$/);
  expect(open?.remedy).toMatch(/Pause it in Judoscale.*`traffic\/autoscaler\/judoscale` under `decisions`/);
  expect((await finding({ protected: false }))?.remedy).toBeUndefined();
  const answered = await finding({
    decisions: { 'traffic/autoscaler/judoscale': 'stopped-before-the-cutover' },
  });
  expect(answered?.remedy).toBeUndefined();
  expect((await autoscalerFindings(partiesOf('still')))[0]?.found).toMatch(/none of another maker/);
});

test('one-off dynos are named, without what is secret in their commands, and waited for while the site serves', async () => {
  const lines: string[] = [];
  const parties = partiesOf('still', {
    log: { ...silentLog, info: (line: string) => void lines.push(line) },
  });
  const made = await fetch(`${world.apiUrl}/apps/still/dynos`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer token',
      accept: 'application/vnd.heroku+json; version=3',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ command: 'rake export DATABASE=postgres://me:hunter22222@db.example/x' }),
  });
  const { name } = (await made.json()) as { name: string };
  const step = awaitOneOffDynos(parties);
  await expect(step.act(null, context)).rejects.toThrow(
    new RegExp(`Heroku still runs ${name} .* of still after \\d+ s. Stop them`),
  );
  expect(lines.join('\n')).toContain(`${name} (rake export DATABASE=postgres://***@db.example/x)`);
  expect(lines.join('\n')).not.toContain('hunter');
  await heroku.delete(`/apps/still/dynos/${name}`);
  expect(await step.act(null, context)).toMatchObject({ found: [] });
});

test('a Redis whose writers are held leaves a write unanswered, and never does it afterwards', async () => {
  const { host, port } = await testRedis();
  const address = { host, port, tls: { mode: 'off' } } as const;
  const redis = clientOf(address);
  expect(await probeRedisWrite(address)).toBe('open');
  await redis.call('CLIENT', 'PAUSE', 10_000, 'WRITE');
  expect(await probeRedisWrite(address)).toBe('held');
  await redis.call('CLIENT', 'UNPAUSE');
  await systemClock.sleep(1_100);
  expect(await redis.keys('heroku-to-digitalocean*')).toEqual([]);
});
