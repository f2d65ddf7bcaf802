import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';

import { sampleActivity } from '../../actions/migrate-db/sample.ts';
import { herokuOf } from '../../actions/parties.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { activitySchema, type ActivityReading } from '../../src/migration/quiet-hours.ts';
import { emptyRecord } from '../../src/migration/record.ts';
import { readSource, requirePostgres, type Source } from '../../src/migration/source.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { visit } from '../rehearsal/heroku/played-heroku.ts';
import { edgeOf } from './edge-of.ts';
import { CONFIG, HEROKU_TOKEN, startSides, type Sides } from './played-sides.ts';

const config = parseMigrationConfig(CONFIG, 'migration.yml');
const environment = environmentOf(config, 'staging');
const subject = {
  config,
  environment,
  recordPath: 'migration-record.json',
  record: emptyRecord({
    migrationId: environment.migrationId,
    application: 'shop',
    environment: 'staging',
  }),
};

let sides: Sides;
let source: Source;
const lines: string[] = [];
const log = { ...silentLog, info: (line: string) => void lines.push(line) };

beforeAll(async () => {
  sides = await startSides();
  source = await readSource(herokuOf(edge()), environment.herokuApp, edge());
});
afterAll(() => sides.stop());

function edge(inputs: Record<string, string> = {}) {
  return edgeOf(
    {
      'heroku-token': HEROKU_TOKEN,
      'heroku-api-url': sides.heroku.apiUrl,
      'heroku-data-api-url': sides.heroku.dataApiUrl,
      ...inputs,
    },
    { log },
  );
}

async function inMaintenance(maintenance: boolean): Promise<void> {
  sides.heroku.tokens.add('HRKU-may-write', ['global']);
  const heroku = herokuOf(edge({ 'heroku-token': 'HRKU-may-write' }));
  await heroku.patch(`/apps/${environment.herokuApp}`, { maintenance }, z.unknown());
}

const sample = (inputs?: Record<string, string>): Promise<ActivityReading | undefined> =>
  sampleActivity(edge(inputs), subject);

test('a scheduled run reads the counters of production and the jobs that wait', async () => {
  const first = await sample();
  expect(activitySchema.parse(first)).toEqual({
    at: expect.any(String),
    count: expect.any(Number),
    writes: expect.any(Number),
    requests: 0,
  });
  if (source.redis === undefined) throw new Error('This world has a Redis.');
  await withRedis(source.redis, { log: silentLog }, async (redis) => {
    await redis.sadd('queues', 'default');
    await redis.lpush('queue:default', '{"class":"Mail","jid":"1"}', '{"class":"Mail","jid":"2"}');
  });
  const second = await sample();
  expect(second?.queued).toBe(2);
  expect(second?.count).toBeGreaterThan(first?.count ?? Infinity);
});

test('requests of the last hour are counted in the log of the router; a token that may not read it says so', async () => {
  const host = sides.app.webHost;
  // The played router writes down only what it answers itself.
  await inMaintenance(true);
  for (let visits = 0; visits < 3; visits += 1) await visit(sides.heroku, '/', { host });
  await inMaintenance(false);
  const asked = sides.heroku.requests.length;
  const read = await sample();
  expect((read?.requests ?? 0) * 3_600).toBeCloseTo(3);
  const posts = sides.heroku.requests.slice(asked).filter(({ method }) => method !== 'GET');
  expect(posts.map(({ path }) => path)).toEqual([expect.stringMatching(/\/log-sessions$/)]);

  const kind = { status: 403, id: 'forbidden', message: 'You do not have access to the app.' };
  sides.heroku.faults.inject({ method: 'POST', path: /log-sessions$/, times: 1, kind });
  const without = await sample();
  expect(without).toMatchObject({ count: expect.any(Number) });
  expect(without).not.toHaveProperty('requests');
  expect(lines).toContain("Requests were not counted: the log of Heroku's router could not be read.");
});

test('what cannot be read is a line in the log and fails nothing', async () => {
  expect(await sample({ 'heroku-token': 'HRKU-gone' })).toBeUndefined();
  expect(lines.at(-1)).toMatch(/How busy production is was not sampled: Heroku does not know the token/);
  expect(await sample({ 'heroku-token': '' })).toBeUndefined();
  expect(lines.at(-1)).toMatch(/The input heroku-token is empty/);
});

test('once Heroku is closed for good its silence is not taken for quiet hours', async () => {
  const fence = await holdFence(requirePostgres(source, environment.herokuApp), {
    migrationId: environment.migrationId,
    log: silentLog,
    clock: edge().clock,
  });
  await passPointOfNoReturn(fence);
  expect(await sample()).toBeUndefined();
});
