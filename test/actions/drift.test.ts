import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { driftFindings } from '../../actions/cutover/drift.ts';
import type { Parties } from '../../actions/parties.ts';
import { startHeroku, type HerokuApp, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { readFormation, scale } from '../../src/heroku/formation.ts';
import { parkApp, rollBackRelease } from '../../src/heroku/release.ts';
import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import { silentLog } from '../../src/log.ts';
import { emptyRecord } from '../../src/migration/record.ts';
import { deployNewCode } from '../heroku/support/deploy.ts';
import { plannedRecord } from './planned-record.ts';

let world: HerokuWorld;
let app: HerokuApp;
let heroku: HerokuClient;
let number = 0;

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
});
afterAll(async () => {
  await world.stop();
  await stopAll();
});

/** An app that a plan has just seen; Heroku's times are whole seconds. */
async function plannedParties(): Promise<Pick<Parties, 'subject' | 'oldSide' | 'signal'>> {
  number += 1;
  app = await world.createApp({
    name: `shop-${number}`,
    code: temporaryDirectory('code'),
    onPaper: true,
    processTypes: { web: 'web', worker: 'work' },
    formation: { web: { quantity: 1, size: 'Standard-1X' }, worker: { quantity: 2, size: 'Standard-1X' } },
    config: { RAILS_ENV: 'production', GREETING: 'hello' },
    domains: [],
  });
  const record = plannedRecord(app);
  await delay(1100);
  return {
    subject: { record },
    oldSide: { heroku, app: app.name },
    signal: new AbortController().signal,
  } as unknown as Parties;
}

async function driftOf(
  parties: Pick<Parties, 'subject' | 'oldSide' | 'signal'>,
): Promise<Record<string, string>> {
  const findings = await driftFindings(parties);
  return Object.fromEntries(
    findings.map(({ what, found, remedy }) => [what, `${remedy ? 'NO: ' : ''}${found}`]),
  );
}

const UNCHANGED = {
  'code since the plan': expect.stringMatching(/^unchanged \(v\d+\)$/),
  'formation since the plan': 'unchanged (web=1:Standard-1X worker=2:Standard-1X)',
  'config vars since the plan': 'unchanged',
};

test('an app that nobody touched has not drifted; nor has one that was parked and brought back', async () => {
  const parties = await plannedParties();
  expect(await driftOf(parties)).toEqual(UNCHANGED);
  const formation = await readFormation(heroku, app.name);
  const from = await parkApp(heroku, app.name);
  expect(await driftOf(parties)).toEqual(UNCHANGED);
  await rollBackRelease(heroku, app.name, from);
  await restoreFormation(heroku, app.name, formation);
  expect(await driftOf(parties)).toEqual(UNCHANGED);
});

test('a deploy after the plan is drift, also once the app was parked on top of it', async () => {
  const parties = await plannedParties();
  const version = await deployNewCode(heroku, app.name);
  const drifted = { ...UNCHANGED, 'code since the plan': `NO: v${version} was deployed since` };
  expect(await driftOf(parties)).toEqual(drifted);
  await parkApp(heroku, app.name);
  expect(await driftOf(parties)).toEqual(drifted);
});

test('dynos that were added and config vars that were changed are drift, and named without a value', async () => {
  const parties = await plannedParties();
  await scale(heroku, app.name, [{ type: 'web', quantity: 3 }]);
  await heroku.patch(`/apps/${app.name}/config-vars`, { GREETING: 's3cret', ADDED: 's3cret' }, z.unknown());
  await heroku.patch(`/apps/${app.name}/config-vars`, { RAILS_ENV: null }, z.unknown());
  const found = await driftOf(parties);
  expect(found['code since the plan']).toMatch(/^unchanged/);
  expect(found['formation since the plan']).toBe(
    'NO: web=1:Standard-1X worker=2:Standard-1X has become web=3:Standard-1X worker=2:Standard-1X',
  );
  expect(found['config vars since the plan']).toMatch(
    /^NO: ADDED came, RAILS_ENV went, v\d+ Remove RAILS_ENV config vars, v\d+ Set GREETING, ADDED config vars$/,
  );
  expect(JSON.stringify(found)).not.toContain('s3cret');
});

test('without a plan in the record, and when the releases do not reach back to it, nothing passes', async () => {
  const parties = await plannedParties();
  const { subject, oldSide, signal } = parties;
  const empty = emptyRecord({ migrationId: 'shop-staging', application: 'shop', environment: 'staging' });
  expect(await driftOf({ oldSide, signal, subject: { ...subject, record: empty } })).toEqual({
    'changes since the plan': 'NO: the record holds no plan',
  });
  const older = {
    ...subject.record,
    sections: subject.record.sections.map((one) => ({ ...one, at: '2020-01-01T00:00:00.000Z' })),
  };
  expect(
    (await driftOf({ oldSide, signal, subject: { ...subject, record: older } }))['code since the plan'],
  ).toBe('NO: not known: the releases do not reach back so far');
});
