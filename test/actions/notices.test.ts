import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { cutoverNotices } from '../../actions/cutover/notices.ts';
import { trafficSteps } from '../../actions/cutover/traffic.ts';
import type { Parties } from '../../actions/parties.ts';
import { rollBackNotices } from '../../actions/roll-back/notices.ts';
import type { Subject } from '../../actions/subject.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import type { StepEvent } from '../../src/migration/saga.ts';
import { edgeOf } from './edge-of.ts';
import { CONFIG } from './played-sides.ts';

const config = parseMigrationConfig(CONFIG, 'migration.yml');
const subject = { config, environment: environmentOf(config, 'staging') } as Subject;

let arrived: { path: string; body: Record<string, unknown> }[];
let answer: (path: string) => number | 'silence';
let base: string;
let stop: () => void;
let warnings: string[];

beforeEach(async () => {
  [arrived, warnings] = [[], []];
  answer = () => 200;
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const path = request.url ?? '';
      arrived.push({ path, body: JSON.parse(text) as Record<string, unknown> });
      const status = answer(path);
      if (status !== 'silence') response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => stop());

const edge = (inputs: Record<string, string> = {}) =>
  edgeOf(
    {
      ...{ 'notify-slack-url': `${base}/slack`, 'notify-webhook-url': `${base}/hook` },
      ...{ 'customers-notice': '{application} ({domains}) pauses for {downtime}.', ...inputs },
    },
    { log: { ...silentLog, warning: (line) => warnings.push(line) } },
  );
const step = (name: string, event: StepEvent = 'done') => ({ name, event, at: new Date(), milliseconds: 0 });
const milestonesAt = (path: string) =>
  arrived.filter((one) => one.path === path).map(({ body }) => body.milestone ?? body.text);

test('the milestones of a cutover, in their order; the customers hear of it once all checks have passed', async () => {
  const notices = cutoverNotices(edge(), subject);
  for (const name of [
    'gate',
    'pre-flight',
    'guard-watches',
    'stand-still',
    'maintenance-mode',
    'copy',
    'point-of-no-return',
    'open-new-side',
    'smoke',
  ]) {
    notices.onStep(step(name, 'begun'));
    notices.onStep(step(name));
  }
  const { notifications } = await notices.finished(true);
  const told = [
    'cutover-begun',
    'maintenance-on',
    'point-of-no-return',
    'opened',
    'traffic-moved',
    'cutover-finished',
  ];
  expect(milestonesAt('/hook')).toEqual([told[0], 'customers-notice', ...told.slice(1)]);
  expect(milestonesAt('/slack')).toHaveLength(told.length);
  expect(arrived.find(({ body }) => body.milestone === 'customers-notice')?.body.text).toMatch(
    /^shop \(staging\.shop\.example\.com\) pauses for \d/,
  );
  expect(notifications).toHaveLength(2 * told.length + 1);
  expect(notifications.every(({ problem }) => problem === null)).toBe(true);
  expect(JSON.stringify(notifications)).not.toContain(base);
});

test('with the front door it is told that visitors wait, and of no maintenance page', async () => {
  const { hold, lead } = trafficSteps({
    ...{ subject: { ...subject, config: { ...config, traffic: 'front-door' } }, oldSide: {}, newSide: {} },
  } as unknown as Parties);
  const notices = cutoverNotices(edge(), subject);
  for (const { name } of [...hold, ...lead]) notices.onStep(step(name));
  await notices.finished(false);
  expect(milestonesAt('/hook')).toEqual(['visitors-wait']);
  expect(milestonesAt('/slack')).toEqual([expect.stringContaining('visitors wait in the front door')]);
});

test('a continued run tells nothing twice, and one that changes nothing tells nothing', async () => {
  const notices = cutoverNotices(edge(), subject);
  // Checks are made again; what was done is not.
  for (const name of ['pre-flight', 'guard-watches'])
    for (const event of ['begun', 'done'] as const) notices.onStep(step(name, event));
  for (const name of ['stand-still', 'maintenance-mode', 'point-of-no-return'])
    notices.onStep(step(name, 'skipped'));
  expect(await notices.finished(false)).toEqual({ notifications: [] });
  expect(arrived).toEqual([]);
});

test('undone is told as such, and as not begun when the checks had not passed', async () => {
  await cutoverNotices(edge(), subject).failed('undone');
  const later = cutoverNotices(edge(), subject);
  later.onStep(step('stand-still', 'begun'));
  await later.failed('undone');
  await cutoverNotices(edge(), subject).failed('superseded');
  expect(milestonesAt('/hook')).toEqual([
    'cutover-not-begun',
    'cutover-begun',
    'customers-notice',
    'cutover-undone',
  ]);
});

test('a roll-back is told when its first step begins and when it is over', async () => {
  const notices = rollBackNotices(edge(), subject);
  notices.onStep();
  notices.onStep();
  await notices.finished('rolled-back');
  await rollBackNotices(edge(), subject).finished('nothing-to-do');
  expect(milestonesAt('/hook')).toEqual(['roll-back-begun', 'roll-back-finished']);
});

test('a channel that fails or never answers holds nothing up, and is told: as a warning and in the record', async () => {
  answer = (path) => (path === '/slack' ? 500 : 'silence');
  // Its patience at the end is over once the channel that fails has done so for each.
  const clock = {
    ...systemClock,
    sleep: async () => {
      while (warnings.length < 3) await delay(10);
    },
  };
  const notices = cutoverNotices({ ...edge(), clock }, subject);
  const begun = performance.now();
  notices.onStep(step('stand-still', 'begun'));
  notices.onStep(step('maintenance-mode'));
  const { notifications } = await notices.failed('undone');
  // Who waits for the silent channel waits five seconds for each notice.
  expect(performance.now() - begun).toBeLessThan(4_900);
  const problems = (channel: string) =>
    notifications.filter((one) => one.channel === channel).map(({ problem }) => problem);
  expect(problems('slack')).toEqual(['HTTP 500', 'HTTP 500', 'HTTP 500']);
  expect(problems('webhook')).toEqual(Array<string>(4).fill('it was still on its way when the run ended'));
  expect(warnings).toHaveLength(7);
  expect(warnings.join()).not.toContain(base);
});

test('an unknown placeholder is refused before anything is begun', () => {
  expect(() => cutoverNotices(edge({ 'customers-notice': 'Dear {name}' }), subject)).toThrow(
    /holds \{name\}/,
  );
});

test('a test goes out on every channel; what did not is a failure, and so is having nobody to tell', async () => {
  await cutoverNotices(edge({ 'notify-command': 'true' }), subject).test();
  expect(milestonesAt('/hook')).toEqual(['test', 'customers-notice']);
  expect(arrived.every(({ path, body }) => path === '/slack' || body.test === true)).toBe(true);
  expect(arrived.at(-1)?.body.text).toMatch(/^TEST: shop/);
  await expect(cutoverNotices(edge({ 'notify-command': 'false' }), subject).test()).rejects.toThrow(
    'Not every notice went out. command (customers-notice): it ended with 1. Nothing else was done.',
  );
  const nobody = edge({ 'notify-slack-url': '', 'notify-webhook-url': '' });
  await expect(cutoverNotices(nobody, subject).test()).rejects.toThrow('There is nobody to notify');
});
