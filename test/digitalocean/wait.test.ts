import { expect, test } from '@jest/globals';
import type { Clock } from '../../src/clock.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { DigitalOceanError, explainRefusal } from '../../src/digitalocean/refusal.ts';
import { WaitedTooLong, waitFor } from '../../src/digitalocean/wait.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';

/** A client whose time passes only by sleeping. */
function played(deadlineMs?: number): { client: DigitalOcean; told: string[]; pauses: number[] } {
  let now = 1_000_000;
  const told: string[] = [];
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => new Date(now),
    sleep: (milliseconds) => {
      pauses.push(milliseconds);
      now += milliseconds;
      return Promise.resolve();
    },
  };
  const client = createDigitalOcean({
    token: 'none',
    apiUrl: 'http://127.0.0.1:9',
    log: { ...silentLog, info: (line) => told.push(line) },
    clock,
    ...(deadlineMs === undefined ? {} : { deadline: now + deadlineMs }),
  });
  return { client, told, pauses };
}

const answer = (status: number): DigitalOceanError =>
  new DigitalOceanError('no', { status, id: 'x', requestId: undefined });

test('waiting tells the state, the time so far and the time left, and asks no more than 450 times an hour', async () => {
  const { client, told, pauses } = played(60 * 60_000);
  const waited = waitFor(client, {
    what: 'the cluster',
    limitMs: 1,
    look: () => Promise.resolve({ state: 'creating' }),
  });
  await expect(waited).rejects.toBeInstanceOf(WaitedTooLong);
  expect(told[0]).toMatch(/^Waiting for the cluster: creating \(1\d s so far, at most 59 min \d+ s more\)$/);
  expect(pauses.length).toBeLessThan(470);
  expect(pauses.length).toBeGreaterThan(400);
});

test('the deadline of the run ends it, with how to go on; without one its own limit does', async () => {
  for (const deadline of [30_000, undefined]) {
    const { client, pauses } = played(deadline);
    const waited = waitFor(client, {
      what: 'the cluster',
      limitMs: 30_000,
      look: () => Promise.resolve({ state: 'creating' }),
    });
    await expect(waited).rejects.toThrow(
      /Waited 30 s for the cluster; it is still "creating"\. Nothing was removed.*run this again.*`timeout`/,
    );
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeCloseTo(30_000, -1);
  }
});

test('answers that fail are waited out; a refusal is not', async () => {
  const outcomes: (() => Promise<{ done: string } | { state: string }>)[] = [
    () => Promise.reject(answer(500)),
    () => Promise.reject(answer(503)),
    () => Promise.reject(answer(429)),
    () => Promise.reject(answer(0)),
    () => Promise.resolve({ done: 'online' }),
  ];
  const { client } = played();
  const look = (): Promise<{ done: string } | { state: string }> =>
    (outcomes.shift() ?? (() => Promise.reject(new Error('asked too often'))))();
  expect(await waitFor(client, { what: 'it', limitMs: 60_000, look })).toBe('online');

  const refused = waitFor(client, { what: 'it', limitMs: 60_000, look: () => Promise.reject(answer(404)) });
  await expect(refused).rejects.toMatchObject({ status: 404 });
});

function refusal(status: number, message: string, method = 'POST', path = '/droplets'): Error {
  const body = JSON.stringify({ id: 'some_id', message, request_id: 'req-1' });
  return explainRefusal(new Response(body, { status }), body, { method, path });
}

test.each([
  [422, 'creating this/these droplet(s) will exceed your droplet limit'],
  [403, 'You have reached the limit of apps for your account'],
  [402, 'payment required'],
  [412, 'Your account is past due'],
])('a quota or an unpaid bill (%i %s) is told as that, not as a missing scope', (status, message) => {
  const error = refusal(status, message);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain(message);
  expect(error.message).toContain('higher limit');
  expect(error.message).not.toContain('scope');
  expect(error.message).toContain('req-1');
});

test('a 403 that has another reason says that reason and keeps its status', () => {
  const error = refusal(403, 'Can not delete VPC with members', 'DELETE', '/vpcs/1');
  expect(error).toBeInstanceOf(DigitalOceanError);
  expect(error).toMatchObject({ status: 403 });
  expect(error.message).toContain('with members');
});

test('a region that does not offer something is told with what to change', () => {
  const error = refusal(422, 'region atl1 is not available', 'POST', '/vpcs');
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain('`region`');
  expect(error.message).toContain('run assess again');
});
