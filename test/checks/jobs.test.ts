import { expect, test } from '@jest/globals';
import { scheduleChecks, type PlatformJob, type WantedSchedule } from '../../src/checks/schedules.ts';
import { workerChecks } from '../../src/checks/workers.ts';
import { readCronEntries } from '../../src/redis/jobs/cron-entries.ts';
import { readJobs } from '../../src/redis/jobs/index.ts';
import { twoRedis } from '../redis/two-sides.ts';

// Schedules and processes, as Sidekiq and sidekiq-cron keep them in a real Redis.

const NOW = new Date('2026-11-23T12:07:00Z');
const nightly: WantedSchedule = {
  name: 'nightly',
  cron: '0 3 * * *',
  timeZone: 'UTC',
  runsIn: 'sidekiq-cron',
};
const open = { now: NOW, openSince: new Date('2026-11-22T00:00:00Z') };

test("sidekiq-cron's schedules are read from its own keys, and each is there with its next time", async () => {
  const { to } = await twoRedis();
  await to.sadd('queues', 'default');
  await to.sadd('cron_jobs:default', 'cron_job:default:nightly', 'cron_job:default:hourly');
  await to.hset('cron_job:default:nightly', {
    name: 'nightly',
    cron: '0 3 * * *',
    status: 'enabled',
    last_enqueue_time: '2026-11-23 03:00:05 +0000',
  });
  await to.hset('cron_job:default:hourly', {
    name: 'hourly',
    cron: '0 * * * * Europe/Berlin',
    status: 'enabled',
    last_enqueue_time: '2026-11-23 12:00:02 UTC',
  });
  const there = { platform: [], sidekiqCron: await readCronEntries(to) };
  const state = (wanted: WantedSchedule[], entries = there): [string, string][] =>
    scheduleChecks(wanted, entries, open).map(({ id, state: found }) => [id, found]);

  expect(scheduleChecks([nightly], there, open)).toMatchObject([
    { state: 'passed', found: '0 3 * * *, next at 2026-11-24T03:00:00.000Z' },
    { id: 'jobs/hourly', state: 'passed', found: '0 * * * *, next at 2026-11-23T13:00:00.000Z' },
  ]);

  // Stale: it was due at three and has not fired since yesterday.
  await to.hset('cron_job:default:nightly', 'last_enqueue_time', '2026-11-22 03:00:05 +0000');
  const stale = { ...there, sidekiqCron: await readCronEntries(to) };
  expect(scheduleChecks([nightly], stale, open)[0]).toMatchObject({
    state: 'failed',
    found: expect.stringContaining('was due at 2026-11-23T03:00:00.000Z'),
  });

  await to.hset('cron_job:default:nightly', 'status', 'disabled');
  expect(state([nightly], { ...there, sidekiqCron: await readCronEntries(to) })[0]).toEqual([
    'jobs/nightly',
    'failed',
  ]);
  await to.hset('cron_job:default:nightly', { status: 'enabled', cron: '0 4 * * *' });
  expect(
    scheduleChecks([nightly], { ...there, sidekiqCron: await readCronEntries(to) }, open)[0],
  ).toMatchObject({ state: 'failed', found: 'it runs at 0 4 * * * instead of 0 3 * * *' });
  await to.srem('cron_jobs:default', 'cron_job:default:nightly');
  expect(
    scheduleChecks([nightly], { ...there, sidekiqCron: await readCronEntries(to) }, open)[0],
  ).toMatchObject({ state: 'failed', found: 'Redis holds no such schedule' });
});

test('the schedule that provision proposes has a name of its own among those of sidekiq-cron, and is the job’s', () => {
  const entry = (name: string, cron: string) => ({ name, cron, enabled: true, lastEnqueuedAt: NOW });
  const checks = scheduleChecks(
    [nightly],
    { platform: [], sidekiqCron: [entry('scheduled-nightly', '0 3 * * * UTC'), entry('own', '0 4 * * *')] },
    open,
  );
  expect(checks.map(({ id, state }) => [id, state])).toEqual([
    ['jobs/nightly', 'passed'],
    ['jobs/own', 'passed'],
  ]);
});

test('a schedule that was not due yet since the opening is not stale', () => {
  const entry = {
    name: 'nightly',
    cron: '0 3 * * *',
    enabled: true,
    lastEnqueuedAt: new Date('2026-11-22T03:00:05Z'),
  };
  const found = scheduleChecks(
    [nightly],
    { platform: [], sidekiqCron: [entry] },
    { now: NOW, openSince: new Date('2026-11-23T10:00:00Z') },
  );
  expect(found).toMatchObject([{ state: 'passed' }]);
});

test("App Platform's job must be there, at the same time", () => {
  const wanted: WantedSchedule = { ...nightly, runsIn: 'app-platform' };
  const fired = { last: { at: new Date('2026-11-23T03:00:05Z'), phase: 'SUCCEEDED' } };
  const job = { name: 'nightly', cron: '0 3 * * *', timeZone: 'UTC', fired };
  const states = [[job], [], [{ ...job, cron: '0 4 * * *' }], [{ ...job, timeZone: 'Europe/Berlin' }]].map(
    (platform) => scheduleChecks([wanted], { platform, sidekiqCron: [] }, open)[0]?.state,
  );
  expect(states).toEqual(['passed', 'failed', 'failed', 'failed']);
});

test.each<[what: string, fired: PlatformJob['fired'], state: string, found: string]>([
  [
    'has fired since',
    { last: { at: new Date('2026-11-23T03:00:05Z'), phase: 'SUCCEEDED' } },
    'passed',
    'next at 2026-11-24T03:00:00.000Z',
  ],
  [
    'has never fired',
    { last: undefined },
    'failed',
    'was due at 2026-11-23T03:00:00.000Z and has never fired',
  ],
  [
    'fired last before that',
    { last: { at: new Date('2026-11-22T03:00:05Z'), phase: 'SUCCEEDED' } },
    'failed',
    'fired last at 2026-11-22T03:00:05.000Z',
  ],
  [
    'fired and failed',
    { last: { at: new Date('2026-11-23T03:00:05Z'), phase: 'FAILED' } },
    'told',
    'fired at 2026-11-23T03:00:05.000Z and failed',
  ],
  ['does not tell', { unknown: 'HTTP 503' }, 'failed', 'is not known: HTTP 503'],
])("App Platform's job that was due and %s", (_what, fired, state, found) => {
  const wanted: WantedSchedule = { ...nightly, runsIn: 'app-platform' };
  const job = { name: 'nightly', cron: '0 3 * * *', timeZone: 'UTC', fired };
  expect(scheduleChecks([wanted], { platform: [job], sidekiqCron: [] }, open)).toMatchObject([
    { id: 'jobs/nightly', state, found: expect.stringContaining(found) },
  ]);
  // Before the switch nothing fires, and nothing is held against it.
  const closed = { ...open, openSince: undefined };
  expect(scheduleChecks([wanted], { platform: [job], sidekiqCron: [] }, closed)[0]?.state).toBe('passed');
});

test('a worker that reports is alive; a dead one, a quiet one and none are not', async () => {
  const { to } = await twoRedis();
  const state = async (): Promise<string | undefined> => {
    const { present, processes } = await readJobs(to);
    return workerChecks(present ? processes : undefined, true)[0]?.state;
  };
  expect(await state()).toBeUndefined();
  await to.sadd('queues', 'default');
  await to.zadd('schedule', 1, '{}');
  await to.sadd('processes', 'worker.1:4:0123456789ab');
  expect(await state()).toBe('failed');
  await to.hset('worker.1:4:0123456789ab', { busy: 0, quiet: 'true' });
  expect(await state()).toBe('failed');
  await to.hset('worker.1:4:0123456789ab', 'quiet', 'false');
  expect(await state()).toBe('passed');
});
