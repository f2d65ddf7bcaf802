import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { prebootOff } from '../../actions/cutover/preboot.ts';
import type { Parties } from '../../actions/parties.ts';
import { rollBackSteps } from '../../actions/roll-back/steps.ts';
import { startHeroku, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { hasPreboot, setPreboot } from '../../src/heroku/features.ts';
import { silentLog } from '../../src/log.ts';
import type { StepRow } from '../../src/migration/journal.ts';

let world: HerokuWorld;
let heroku: HerokuClient;

beforeAll(async () => {
  world = await startHeroku({ log: silentLog, authority: await createAuthority('test') });
  world.tokens.add('token', ['global']);
  heroku = createHeroku({
    token: 'token',
    apiUrl: world.apiUrl,
    dataApiUrl: world.dataApiUrl,
    log: silentLog,
    clock: systemClock,
  });
  await world.createApp({
    name: 'shop',
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

const context = { signal: new AbortController().signal };

/** The step as a cutover has it; `later` is how old the newest release is. */
function stepWhen(later: number) {
  const slept: number[] = [];
  const clock = {
    now: () => new Date(Date.now() + later),
    sleep: (milliseconds: number) => {
      slept.push(milliseconds);
      return Promise.resolve();
    },
  };
  const parties = { oldSide: { heroku, app: 'shop' }, log: silentLog, clock } as unknown as Parties;
  return { step: prebootOff(parties), slept };
}

test('preboot is turned off, and old dynos that are in no list have ended before anything goes on; undone, it is on again', async () => {
  await setPreboot(heroku, 'shop', true);
  const { step, slept } = stepWhen(60_000);
  const prior = (await step.prior?.(context)) ?? null;
  expect(prior).toEqual({ preboot: true });
  const result = await step.act(prior, context);
  expect(await hasPreboot(heroku, 'shop')).toBe(false);
  expect(slept).toHaveLength(1);
  expect(slept[0]).toBeGreaterThan(230_000);
  expect(slept[0]).toBeLessThanOrEqual(240_000);
  await step.undo?.(prior, result, context);
  expect(await hasPreboot(heroku, 'shop')).toBe(true);
});

test('after a release that is old enough nobody waits', async () => {
  await setPreboot(heroku, 'shop', true);
  const { step, slept } = stepWhen(301_000);
  expect(await step.act((await step.prior?.(context)) ?? null, context)).toEqual({
    turnedOff: true,
    waitedMs: 0,
  });
  expect(slept).toEqual([]);
});

test('an app without preboot is left as it is, also by the undo', async () => {
  await setPreboot(heroku, 'shop', false);
  const { step, slept } = stepWhen(0);
  const prior = (await step.prior?.(context)) ?? null;
  const result = await step.act(prior, context);
  await step.undo?.(prior, result, context);
  expect(result).toEqual({ turnedOff: false, waitedMs: 0 });
  expect(slept).toEqual([]);
  expect(await hasPreboot(heroku, 'shop')).toBe(false);
});

test('a way back turns preboot on again where the journal says that it was on, and nowhere else', async () => {
  const { step } = stepWhen(301_000);
  for (const was of [true, false]) {
    await setPreboot(heroku, 'shop', was);
    const prior = (await step.prior?.(context)) ?? null;
    await step.act(prior, context);
    const row = { name: 'preboot-off', status: 'done', prior, result: null } as StepRow;
    const parties = {
      subject: { environment: { migrationId: 'shop-staging', domains: [] }, config: { redis: { skip: [] } } },
      oldSide: { heroku, app: 'shop' },
      newSide: {},
      log: silentLog,
    } as unknown as Parties;
    const back = rollBackSteps(parties, [row]);
    const names = back.map(({ name }) => name);
    // Only once Heroku serves: preboot keeps old dynos alive that no list shows.
    expect(names.indexOf('preboot-on')).toBeGreaterThan(names.indexOf('maintenance-mode'));
    expect(await back.find(({ name }) => name === 'preboot-on')?.act(null, context)).toEqual({
      preboot: was,
    });
    expect(await hasPreboot(heroku, 'shop')).toBe(was);
  }
});
