import { expect, test } from '@jest/globals';
import { dueJobsFinding } from '../../actions/cutover/due-jobs.ts';
import { expectedTimeline } from '../../actions/cutover/forecast.ts';
import { waitForWindow, windowFinding } from '../../actions/cutover/window.ts';
import type { Subject } from '../../actions/subject.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { addSection, emptyRecord } from '../../src/migration/record.ts';
import { recordingLog } from '../postgres/two-sides.ts';
import { CONFIG } from './played-sides.ts';

const MINUTE = 60_000;

/** Workers have a minute to end; a copy that took so long, with its half again and the allowances, is forecast. */
function subjectWith(copyMs: number, window = '{ not-before: 02:00, not-after: 03:00 }'): Subject {
  const text = CONFIG.replace('domains:', `window: ${window}, domains:`);
  const config = parseMigrationConfig(text, 'migration.yml');
  const environment = environmentOf(config, 'staging');
  const empty = emptyRecord({ ...environment, application: 'shop', environment: 'staging' });
  const run = {
    runId: '1',
    runAttempt: 1,
    actor: 'ada',
    runUrl: 'https://github.com/acme/shop/actions/runs/1',
  };
  const data = { strategy: 'window', measured: [{ name: 'copy', milliseconds: copyMs }] };
  const record = addSection(empty, 'migrate-db', { at: new Date(0), run, data });
  return { config, environment, recordPath: 'record.json', record };
}

/** Its hours pass at once. */
function playedClock(at: string): { now: () => Date; sleep: (milliseconds: number) => Promise<void> } {
  let now = Date.parse(at);
  return {
    now: () => new Date(now),
    sleep: (milliseconds) => {
      now += milliseconds;
      return Promise.resolve();
    },
  };
}

const foundAt = (subject: Subject, at: string): string => {
  const { found, remedy } = windowFinding(subject, playedClock(at));
  return remedy === undefined ? found : `${found}. ${remedy}`;
};

test('outside its window the cutover is refused with when it opens', () => {
  expect(foundAt(subjectWith(MINUTE), '2026-11-23T02:10:00Z')).toMatch(/^open until 2026-11-23T03:00/);
  expect(foundAt(subjectWith(MINUTE), '2026-11-23T01:59:00Z')).toMatch(
    /^closed \(02:00 to 03:00 UTC; .*It opens at 2026-11-23T02:00:00.000Z.*wait-for-window/,
  );
});

test('it does not begin when the upper end of its forecast would leave the window', () => {
  const at = '2026-11-23T02:40:00Z';
  expect(foundAt(subjectWith(8 * MINUTE), at)).toMatch(/^open/);
  expect(foundAt(subjectWith(15 * MINUTE), at)).toMatch(/^closed .*It opens at 2026-11-24T02:00:00.000Z/);
  expect(foundAt(subjectWith(60 * MINUTE), at)).toMatch(/^too short .*migration\.yml longer/);
});

test('an approved run waits until it opens, telling so, and not for longer than a job may last', async () => {
  const { signal } = new AbortController();
  const clock = playedClock('2026-11-22T23:30:00Z');
  const log = recordingLog();
  await waitForWindow(subjectWith(MINUTE), { clock, log, signal });
  expect(clock.now().toISOString()).toBe('2026-11-23T02:00:00.000Z');
  expect(log.lines.filter((line) => line.includes('Waiting for the window'))).toHaveLength(15);

  const tooEarly = { clock: playedClock('2026-11-22T20:59:59Z'), log: silentLog, signal };
  await expect(waitForWindow(subjectWith(MINUTE), tooEarly)).rejects.toThrow(/one job may wait for 5 hours/);
  const open = playedClock('2026-11-23T02:10:00Z');
  await waitForWindow(subjectWith(MINUTE), { clock: open, log: silentLog, signal });
  expect(open.now().toISOString()).toBe('2026-11-23T02:10:00.000Z');
});

test('it does not begin while a daily job is due, or has just begun; hourly ones do not hold it up', () => {
  const found = (at: string): string => {
    const { found: what, remedy } = dueJobsFinding(subjectWith(8 * MINUTE), playedClock(at));
    return `${what}. ${remedy ?? ''}`;
  };
  // nightly-report runs at 03:00.
  expect(found('2026-11-23T02:30:00Z')).toMatch(/^none until/);
  const due = /^nightly-report at 2026-11-23T03:00:00.000Z. Begin after 2026-11-23T03:10:00.000Z/;
  expect(found('2026-11-23T02:50:00Z')).toMatch(due);
  expect(found('2026-11-23T03:09:00Z')).toMatch(due);
  expect(found('2026-11-23T03:11:00Z')).toMatch(/^none until/);
  const hourly = subjectWith(8 * MINUTE);
  hourly.config.schedule = [{ ...hourly.config.schedule[0], cron: '*/10 * * * *' } as never];
  expect(dueJobsFinding(hourly, playedClock('2026-11-23T02:50:00Z')).remedy).toBeUndefined();
});

test('a dry run tells the parts of the downtime with their times, one after the other', () => {
  const lines = expectedTimeline(subjectWith(8 * MINUTE));
  expect(lines[0]).toContain('once workers are quiet (at most 60.0 s');
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}at 0\.0 s {2}Heroku: maintenance mode: 1\.0 s/));
  expect(lines).toContainEqual(expect.stringMatching(/copy: 480\.0 s \(384\.0 to 720\.0, measured\)/));
  expect(lines.at(-1)).toMatch(/^Downtime forecast/);
  const { record, ...subject } = subjectWith(MINUTE);
  expect(expectedTimeline({ ...subject, record: { ...record, sections: [] } })).toEqual([]);
});
