import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from '@jest/globals';
import type { Redis } from 'ioredis';
import { freePort } from '../../../rehearsal/servers/free-port.ts';
import { startProcess, type ServerProcess } from '../../../rehearsal/servers/process.ts';
import type { RedisServer } from '../../../rehearsal/servers/redis.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import { seedShop } from '../../../rehearsal/shop/seed.ts';
import { freshDatabase, testRedis, type FreshDatabase } from '../../support/servers.ts';

const connections: Redis[] = [];
afterAll(() => {
  for (const connection of connections) connection.disconnect();
});

const code = fileURLToPath(new URL('../../../rehearsal/shop/', import.meta.url));

/** Processes of the shop to be started on given servers. */
export interface ShopOn {
  /** As the shop itself. */
  redis: Redis;
  environment: Record<string, string>;
  web(): Promise<{ url: string; process: ServerProcess }>;
  worker(
    environment?: Record<string, string>,
  ): Promise<{ process: ServerProcess; lines: string[]; identity: string }>;
  run(file: string, ...args: string[]): Promise<{ code: number | null; output: string }>;
}

/** With a seeded database and an empty Redis of its own; `redis` is its superuser. */
export interface RunningShop extends ShopOn {
  database: FreshDatabase;
  redisServer: RedisServer;
}

export async function runningShop(environment: Record<string, string> = {}): Promise<RunningShop> {
  const [database, redisServer] = await Promise.all([freshDatabase({ name: 'shop' }), testRedis()]);
  await seedShop(`${database.url}?sslmode=disable`, 1, 1);
  const shop = shopOn({
    DATABASE_URL: database.url,
    REDIS_URL: `redis://${redisServer.host}:${redisServer.port}`,
    ...environment,
  });
  return { ...shop, database, redisServer };
}

export function shopOn(environment: Record<string, string>): ShopOn {
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    PGSSLMODE: 'disable',
    ...environment,
  };
  const redis = openRedis(env, { maxRetriesPerRequest: 20 }, () => undefined);
  connections.push(redis);

  function start(args: string[], lines: string[], more: Record<string, string> = {}): ServerProcess {
    return startProcess(process.execPath, args, {
      cwd: code,
      env: { ...env, ...more },
      onLine: (line) => lines.push(line),
    });
  }

  return {
    redis,
    environment: env,
    web: async () => {
      const port = await freePort();
      const lines: string[] = [];
      const web = start(['web.ts'], lines, { PORT: String(port) });
      await until(() => lines.some((line) => line.includes('listens')), 'web listens');
      return { url: `http://127.0.0.1:${port}`, process: web };
    },
    worker: async (more = {}) => {
      const lines: string[] = [];
      const worker = start(['worker.ts'], lines, {
        DYNO: `worker.${randomBytes(2).toString('hex')}`,
        ...more,
      });
      await until(() => lines.some((line) => line.startsWith('Worker ')), 'the worker has started');
      const identity =
        /^Worker (\S+)/.exec(lines.find((line) => line.startsWith('Worker ')) ?? '')?.[1] ?? '';
      return { process: worker, lines, identity };
    },
    run: async (file, ...args) => {
      const lines: string[] = [];
      const code = await start([file, ...args], lines).exited;
      return { code, output: lines.join('\n') };
    },
  };
}

/** Waits for a condition as long as a busy machine may need; `lines` are told when it was in vain. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  lines: string[] = [],
): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain: ${what}.\n${lines.join('\n')}`);
    await delay(50);
  }
}

export function postJson(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
}

export function anOrder(uuid: string = crypto.randomUUID()) {
  return {
    uuid,
    userId: 7,
    lines: [
      { productId: 3, quantity: 2 },
      { productId: 1, quantity: 1 },
    ],
  };
}
