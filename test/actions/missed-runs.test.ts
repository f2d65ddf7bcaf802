import { afterAll, afterEach, expect, test } from '@jest/globals';
import { missedBetween, runMissed, type MissedRun } from '../../actions/cutover/missed-runs.ts';
import type { Parties } from '../../actions/parties.ts';
import { cutoverSummary } from '../../actions/cutover/summary.ts';
import { timelineOf } from '../../actions/cutover/timeline.ts';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { parkApp } from '../../src/heroku/release.ts';
import { addSection } from '../../src/migration/record.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';
import { plannedRecord } from './planned-record.ts';
import { CONFIG } from './played-sides.ts';

const MINUTE = 60_000;
/** One for Sidekiq, one for App Platform, and one that is hardly ever due. */
const SCHEDULES = CONFIG.replace(
  /schedule:\n.*\n/,
  [
    'schedule:',
    '  - { name: sync, command: "rake sync", cron: "*/10 * * * *", runs-in: sidekiq-cron }',
    '  - { name: digest, command: "node digest.mjs", cron: "*/10 * * * *" }',
    '  - { name: yearly, command: "node yearly.mjs", cron: "0 3 29 2 *" }',
    '',
  ].join('\n'),
);

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(async () => {
  await stopHeroku();
  await stopAll();
});

/** The runs as the step tells them, as if the new side had been opened so much later than Heroku was parked. */
async function missed(parties: Parties, laterMs: number): Promise<MissedRun[]> {
  const { clock } = parties;
  const later = { ...clock, now: () => new Date(clock.now().getTime() + laterMs) };
  const at = later.now().toISOString();
  const step = runMissed({ ...parties, clock: later }, (name) =>
    Promise.resolve(name === 'open-new-side' ? { at } : null),
  );
  const result = await step.act(null, { signal: new AbortController().signal });
  return (result as unknown as { runs: MissedRun[] }).runs;
}

test('what was due while neither side ran it: Sidekiq gets its job, once, and what App Platform starts is told with its command', async () => {
  sides = await movingSides({ config: SCHEDULES });
  const { parties, app, to, log } = sides;
  await to.sadd('queues', 'default');
  await to.sadd('cron_jobs:default', 'cron_job:default:scheduled-sync');
  await to.hset('cron_job:default:scheduled-sync', {
    name: 'scheduled-sync',
    message: '{"retry":0,"queue":"default","class":"ScheduledCommandJob","args":["sync"]}',
  });
  // Heroku's own code is released: whatever was due, it ran there.
  expect(await missed(parties, 25 * MINUTE)).toEqual([]);

  await parkApp(parties.oldSide.heroku, app.name);
  // Less than until the next minute.
  expect(await missed(parties, -MINUTE)).toEqual([]);
  const [sync, digest, ...others] = await missed(parties, 25 * MINUTE);
  expect(others).toEqual([]);
  expect(sync).toMatchObject({ name: 'sync', outcome: 'enqueued' });
  // However often it was due.
  expect(sync?.due.length).toBeGreaterThanOrEqual(2);
  expect((await to.lrange('queue:default', 0, -1)).map((job) => JSON.parse(job) as unknown)).toMatchObject([
    { class: 'ScheduledCommandJob', args: ['sync'] },
  ]);
  expect(digest).toMatchObject({ name: 'digest', outcome: 'by-hand', command: 'node digest.mjs' });
  expect(log.lines.join('\n')).toMatch(
    /digest was due at .*, and neither side ran it\. Run it once by hand \(App Platform has no way.*node digest\.mjs/,
  );

  // The record and the summary have them, what is to be done first.
  const timeline = await timelineOf(sides.journal);
  const runs = [sync, digest].flatMap((run) => (run === undefined ? [] : [run]));
  const told = cutoverSummary(parties.subject, { ...timeline, changed: true, missedRuns: { runs } });
  expect(told).toMatch(
    /### Scheduled jobs that were due meanwhile[^]*Run digest once by hand[^]*```\nnode digest\.mjs\n```[^]*- sync was due at .*: it is enqueued/,
  );
  expect(cutoverSummary(parties.subject, { ...timeline, changed: true })).not.toContain('meanwhile');

  // A run that died right after it is repeated by the next one.
  expect(await missed(parties, 25 * MINUTE)).toMatchObject([{ outcome: 'already' }, { outcome: 'by-hand' }]);
  expect(await to.llen('queue:default')).toBe(1);
});

test('a schedule that no worker loads, or a Redis that does not answer, leaves the run to a person and fails nothing', async () => {
  sides = await movingSides({ config: SCHEDULES });
  const { parties, app } = sides;
  await parkApp(parties.oldSide.heroku, app.name);
  let slept = 0;
  const clock = {
    now: () => new Date(Date.now() + slept),
    sleep: (milliseconds: number) => Promise.resolve(void (slept += milliseconds)),
  };
  const [sync] = await missed({ ...parties, clock }, 25 * MINUTE);
  expect(sync).toMatchObject({ outcome: 'by-hand', command: 'rake sync' });
  expect(sync?.why).toMatch(/no worker of the new side has loaded/);
  expect(slept).toBeGreaterThan(60_000);

  const { redis } = parties.newSide;
  if (redis === undefined) throw new Error('There is a Redis.');
  const gone = { ...parties.newSide, redis: { ...redis, admin: { ...redis.admin, port: 1 } } };
  const [again] = await missed({ ...parties, newSide: gone }, 25 * MINUTE);
  expect(again).toMatchObject({ outcome: 'by-hand' });
  expect(again?.why).toMatch(/ECONNREFUSED|refused/);
});

test('the plan says which jobs there are, and a shell to run them in is one of its workers', async () => {
  sides = await movingSides({ withoutRedis: true });
  const { parties, app } = sides;
  const component = (name: string, kind: string, cron: string | null) => ({
    ...{ name, kind, command: `run ${name}` },
    schedule: cron === null ? null : { cron, timeZone: 'Europe/Berlin' },
  });
  const record = addSection(plannedRecord(app), 'assess', {
    at: new Date(),
    run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com/acme/shop/actions/runs/1' },
    data: {
      plan: {
        components: [
          component('web', 'service', null),
          component('Worker_1', 'worker', null),
          component('hourly', 'scheduled', '5 * * * *'),
        ],
      },
    },
  });
  const planned = { ...parties, subject: { ...parties.subject, record } };
  const at = (text: string): Date => new Date(`2026-11-23T${text}Z`);
  const between = (from: string, until: string) =>
    missedBetween(planned.subject, at(from), at(until)).map(({ schedule, due }) => [
      schedule.name,
      ...due.map((one) => one.toISOString().slice(11, 16)),
    ]);
  expect(between('09:05:01', '10:04:59')).toEqual([]);
  expect(between('09:05:00', '10:05:00')).toEqual([['hourly', '09:05', '10:05']]);

  await parkApp(parties.oldSide.heroku, app.name);
  expect(await missed(planned, 61 * MINUTE)).toMatchObject([
    { name: 'hourly', command: 'run hourly', shell: 'doctl apps console a1 worker-1' },
  ]);
});
