import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect } from '@jest/globals';
import { bullmqOfMajor } from '../../../rehearsal/servers/bullmq.ts';
import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import type { RedisAddress } from '../../../src/redis/connect.ts';
import {
  countDifferences,
  quietJobs,
  readJobs,
  resumeJobs,
  returnInProgress,
  setAsideJobs,
  waitUntilIdle,
} from '../../../src/redis/jobs/index.ts';
import { foundIn, inFullRun, testNeeding } from '../../support/or-skipped.ts';
import { twoRedis } from '../two-sides.ts';

/** As much of BullMQ as this test uses. */
interface Bullmq {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: object, options?: object): Promise<unknown>;
    close(): Promise<void>;
  };
  Worker: new (
    name: string,
    process: (job: { name: string }) => Promise<void>,
    options: object,
  ) => { close(force?: boolean): Promise<void>; on(event: 'error', listener: () => void): void };
}

let closing: (() => Promise<void>)[] = [];
// While the servers still run: a client that lost its server would look for it for ever.
afterEach(async () => {
  for (const close of closing) await close().catch(() => undefined);
  closing = [];
});

for (const major of [5, 6] as const) {
  const found = await inFullRun(() => bullmqOfMajor(major, { log: silentLog }));

  testNeeding(
    [found],
    `jobs of a real BullMQ ${major} move under load: none is lost, none runs twice, and the new queue is not paused`,
    async () => {
      const { source, target, from, to, copy, compare } = await twoRedis();
      const ran: string[] = [];
      const side = sides(foundIn(found), async (at, name) => {
        ran.push(`${at} ${name}`);
        await delay(10);
      });
      const queue = side.queue(source);
      const old = side.worker('old', source);
      const wanted = new Set<string>();
      const add = async (name: string, options: object = {}): Promise<void> => {
        wanted.add(name);
        await queue.add(name, {}, options);
      };
      for (let n = 0; n < 100; n += 1) await add(`at once ${n}`);
      for (let n = 0; n < 20; n += 1) await add(`important ${n}`, { priority: 1 + (n % 3) });
      for (let n = 0; n < 20; n += 1) await add(`later ${n}`, { delay: 2_000 + 200 * n });
      await until(() => ran.length > 20);

      // The site serves and enqueues on.
      const site = { serves: true };
      const enqueueing = (async () => {
        for (let n = 0; site.serves; n += 1) {
          await add(`meanwhile ${n}`);
          await delay(5);
        }
      })();
      expect(await quietJobs(from)).toBe(1);
      const idle = await waitUntilIdle(from, { limitMs: 30_000, log: silentLog, clock: systemClock });
      expect(idle).toMatchObject({ idle: true });
      const quietAt = ran.length;
      await delay(2_000);
      expect(ran.length).toBe(quietAt);
      await old.close();
      site.serves = false;
      await enqueueing;
      await queue.close();
      expect(quietAt).toBeLessThan(wanted.size);

      expect(await returnInProgress(from)).toBe(0);
      expect(await resumeJobs(from)).toBe(1);
      await copy();
      expect(await compare()).toMatchObject({ equal: true });
      expect(countDifferences(await readJobs(from), await readJobs(to))).toEqual([]);
      await setAsideJobs(from, 'shop-test');

      const mistake = side.worker('old again', source);
      side.worker('new', target);
      await until(() => ran.length >= wanted.size);
      await delay(1_000);
      await mistake.close();
      expect(ran.filter((line) => line.startsWith('old again'))).toEqual([]);
      const names = ran.map((line) => line.replace(/^(?:old|new) /, ''));
      expect(names.sort()).toEqual([...wanted].sort());
      expect(ran.filter((line) => line.startsWith('new')).length).toBe(wanted.size - quietAt);
    },
    120_000,
  );

  testNeeding(
    [found],
    `a job that a BullMQ ${major} worker was killed with is run on the new side by BullMQ's own recovery`,
    async () => {
      const { source, target, from, copy } = await twoRedis();
      const ended: string[] = [];
      const directory = foundIn(found);
      const side = sides(directory, (_at, name) => Promise.resolve(void ended.push(name)));
      const queue = side.queue(source);
      await queue.add('cut off', {});
      const connection = JSON.stringify({ host: source.host, port: source.port });
      const endless = `new (require('bullmq').Worker)('emails', () => new Promise(() => {}), { connection: ${connection}, lockDuration: 2000, stalledInterval: 1000 })`;
      const old = spawn(process.execPath, ['-e', endless], { cwd: directory, stdio: 'ignore' });
      closing.push(() => Promise.resolve(void old.kill('SIGKILL')));
      await until(async () => (await from.llen('bull:emails:active')) === 1);
      expect(await quietJobs(from)).toBe(1);
      old.kill('SIGKILL');
      await queue.close();
      await returnInProgress(from);
      await resumeJobs(from);
      await copy();
      await setAsideJobs(from, 'shop-test');
      side.worker('new', target);
      await until(() => ended.length > 0);
      expect(ended).toEqual(['cut off']);
    },
    120_000,
  );
}

function sides(
  directory: string,
  work: (at: string, name: string) => Promise<void>,
): {
  queue: (redis: RedisAddress) => InstanceType<Bullmq['Queue']>;
  worker: (at: string, redis: RedisAddress) => InstanceType<Bullmq['Worker']>;
} {
  const { Queue, Worker } = createRequire(join(directory, 'here.js'))('bullmq') as Bullmq;
  const connection = ({ host, port }: RedisAddress): object => ({ host, port, maxRetriesPerRequest: null });
  return {
    queue: (redis) => {
      const queue = new Queue('emails', { connection: connection(redis) });
      closing.push(() => queue.close());
      return queue;
    },
    worker: (at, redis) => {
      const worker = new Worker('emails', (job) => work(at, job.name), {
        connection: connection(redis),
        concurrency: 4,
        lockDuration: 2_000,
        stalledInterval: 1_000,
      });
      worker.on('error', () => undefined);
      closing.push(() => worker.close());
      return worker;
    },
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds());) {
    if (Date.now() > end) throw new Error('It did not come to that within a minute.');
    await delay(20);
  }
}
