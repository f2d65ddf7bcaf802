import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { everythingWrong } from '../../worlds/everything-wrong.ts';
import { CANARY, startGround, type Ground } from '../../worlds/ground.ts';
import { openWorld, tracesOf, type Assessed, type World } from '../../worlds/world.ts';
import { asked, censusOf, droppedFrom, inventedIn, plain } from './census.ts';
import { readAtOnce, TWO_MINUTES } from './read-at-once.ts';

let ground: Ground;
let world: World;
let before: unknown;
let run: Assessed;

beforeAll(async () => {
  ground = await startGround();
  world = await openWorld(ground, everythingWrong);
  before = await tracesOf(world);
  run = await world.assess('production');
});
afterAll(async () => {
  await world.stop();
  await ground.stop();
});

test('everything that stands in the way is a blocker', () => {
  expect(run.plan.verdict).toBe('blocked');
  expect(asked(run.items, 'blocked').sort()).toEqual([
    'add-on/shared/borrower/database',
    'add-on/shared/borrower/queues',
    'app/shield',
    'app/space',
    'decision/add-on/papertrail',
    'domain/wildcard/*.wrong.example',
    'domain/zone',
    'postgres/duplicate-rows/public.users_email',
    'postgres/extension/xml2',
    'postgres/foreign-server',
    'postgres/foreign-table',
    'postgres/live/belong-to-another-role',
    'postgres/other-owner',
    'postgres/row-security-forced',
    'postgres/several',
    'postgres/unreadable',
    'postgres/untrusted-function',
    'postgres/user-mapping',
    'process/huge',
  ]);
  for (const { remedy, why } of run.items.filter(({ verdict }) => verdict === 'blocked')) {
    expect(why).not.toBe('');
    expect(remedy).not.toBeNull();
  }
});

test('everything that somebody must decide is a question with options', () => {
  expect(asked(run.items, 'decide').sort()).toEqual([
    'add-on/cloudamqp',
    'add-on/crontogo',
    'add-on/herokuconnect',
    'add-on/mysterious',
    'add-on/papertrail',
    'add-on/quotaguardstatic',
    'app/buildpack/hashnuke-heroku-buildpack-elixir',
    'app/review-apps',
    'consumer/credential/bi',
    'consumer/credential/etl',
    'consumer/credential/reports',
    'consumer/follower/postgresql',
    'consumer/redis/default/grafana',
    'domain/*.wrong.example',
    'domain/certificate/*.wrong.example',
    'domain/certificate/wrong.example',
    'domain/certificate/www.wrong.example',
    'domain/mispelt.wrong.example',
    'domain/wrong.example',
    'postgres/data-links/postgresql',
    'postgres/edition',
    'postgres/invalid-index',
    'postgres/maintenance/postgresql',
    'postgres/own-settings',
    'postgres/policy-for-role',
    'postgres/sequence/public.old_ids_seq',
    'process/slow',
    'redis/eviction',
    'redis/growing',
    'repository/buildpack-variables/ruby',
    'repository/callback/shopify',
    'repository/callback/stripe',
    'repository/deploys-to-heroku',
    'repository/heroku-host/shop-1a2b3c.herokuapp.com',
    'repository/host-list/config.hosts',
    'repository/local-disk/active-storage',
    'repository/local-disk/file.write',
    'repository/local-disk/storage-:file',
    'repository/procfile-differs',
    'repository/shell-in-front/slow',
    'repository/system-packages',
    'repository/variable/DYNO',
    'repository/variable/HEROKU_SLUG_COMMIT',
    'schedule/cleanup',
    'schedule/forgotten',
    'traffic/automatic-deploys',
    'traffic/autoscaler/heroku',
    'traffic/autoscaler/hirefire',
    'traffic/drain/drain.example.net',
    'traffic/feature/http-session-affinity',
    'traffic/webhook/hooks.example.net',
    'variable/CALLBACK_URL/host',
    'variable/SECRET_KEY_BASE',
  ]);
  for (const { question, options } of run.items.filter(({ verdict }) => verdict === 'decide')) {
    expect(question).toMatch(/\?/);
    expect(options.length).toBeGreaterThan(0);
  }
});

test('even this is read in two minutes: the rest is counted, and folded below', () => {
  expect(readAtOnce(run.summary).length).toBeLessThan(TWO_MINUTES);
  expect(readAtOnce(run.summary).join(' ')).toMatch(/9 more: all of them .* \d+ more: all of them/);
  expect(run.summary).toContain('All blockers: why, and what to do (19)');
  expect(run.summary).toContain('REINDEX INDEX CONCURRENTLY');
});

test('GitHub shows ten annotations: blockers, how many there are beside them, and why the job failed', async () => {
  const errorsIn = (log: string): string[] => log.split('\n').filter((line) => line.startsWith('::error'));
  const told = errorsIn(run.log);
  expect(told).toHaveLength(9);
  expect(told.at(-1)).toMatch(/11 more: see the summary/);
  const failed = await world.assess('production', { 'fail-on': 'blocked' }).then(
    () => [],
    (error: unknown) => errorsIn(String(error)),
  );
  expect(failed).toHaveLength(10);
  expect(failed.at(-1)).toContain('cannot move yet. Nothing was changed.');
});

test('an app that lives on the database of another one is blocked', async () => {
  const borrower = await world.assess('staging');
  expect(asked(borrower.items, 'blocked')).toContain('add-on/attachment/DATABASE');
  expect(asked(borrower.items, 'decide')).toContain('add-on/attachment/QUEUES');
});

test('it is told whole, and nothing is told that it has not', async () => {
  const census = await censusOf(world, 'wrong');
  expect(droppedFrom(census, run)).toEqual([]);
  expect(inventedIn(census, run, ['mispelt.wrong.example'])).toEqual([]);
});

test('clients that are connected are named with what they may be', () => {
  const texts = run.items.map(({ what, why }) => plain(`${what} ${why}`)).join('\n');
  expect(texts).toContain('Metabase');
  expect(texts).toContain('grafana');
});

test('it is as it was, has the same digest again, and shows no secret', async () => {
  const again = await world.assess('production');
  expect(again.outputs['plan-digest']).toBe(run.outputs['plan-digest']);
  expect(await tracesOf(world)).toEqual(before);
  for (const word of [CANARY, 'very-secret']) expect(run.visible + again.visible).not.toContain(word);
});
