import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { startRedis } from '../../rehearsal/servers/redis.ts';
import { skipUnlessOpen, waitUntilOpen, type GateLanguage } from '../../src/digitalocean/wait-until-open.ts';

const KEY = 'heroku-to-digitalocean:open';
const NAME = 'redis.shop.internal';
let environment: Record<string, string>;
let admin: Redis;

beforeAll(async () => {
  const authority = await createAuthority('test');
  const server = await startRedis({
    name: 'gate',
    configuration: [
      'user default off',
      'user app on >secret ~* &* +@all -@write',
      'user admin on >admin ~* &* +@all',
    ],
    tls: await authority.issue([NAME]),
  });
  environment = {
    PATH: `${process.execPath.replace(/\/node$/, '')}:${process.env.PATH ?? ''}`,
    REDIS_URL: `rediss://app:secret@${server.host}:${server.port}/0`,
    REDIS_CA_CERT: authority.pem,
    REDIS_TLS_SERVERNAME: NAME,
  };
  admin = new Redis({
    host: server.host,
    port: server.port,
    username: 'admin',
    password: 'admin',
    tls: { ca: authority.pem, servername: NAME },
  });
});
afterAll(async () => {
  admin.disconnect();
  await stopAll();
});

function run(
  command: string,
  extra: Record<string, string> = {},
): { child: ChildProcess; output: () => string } {
  const child = spawn('sh', ['-c', command], {
    env: { ...environment, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  return { child, output: () => output };
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const COMMAND = `echo "it's $GREETING" && exit 7`;
const interpreters: Record<GateLanguage, string> = { node: 'node', python: 'python3', ruby: 'ruby' };
const languages = (Object.keys(interpreters) as GateLanguage[]).filter(
  (language) => language === 'node' || spawnSync(interpreters[language], ['--version']).status === 0,
);

test.each(languages)(
  'a worker behind the gate of %s starts when the side opens, and its exit code is its own',
  async (language) => {
    await admin.del(KEY);
    const { child, output } = run(waitUntilOpen(COMMAND, { language, key: KEY }), { GREETING: 'open' });
    await until(() => output().includes('waiting until this side is open'));
    expect(output()).not.toContain("it's");
    await admin.set(KEY, '1');
    expect(await ended(child)).toBe(7);
    expect(output()).toContain("it's open");
  },
);

test.each(languages)(
  'a scheduled job behind the gate of %s skips while closed, runs when open, fails when Redis is silent',
  async (language) => {
    const command = skipUnlessOpen(COMMAND, { language, key: KEY });
    await admin.del(KEY);
    const closed = run(command);
    expect(await ended(closed.child)).toBe(0);
    expect(closed.output()).toContain('not open yet: skipped');
    await admin.set(KEY, '1');
    const open = run(command, { GREETING: 'on time' });
    expect(await ended(open.child)).toBe(7);
    expect(open.output()).toContain("it's on time");
    const silent = run(command, { REDIS_URL: 'rediss://app:secret@127.0.0.1:9/0' });
    expect(await ended(silent.child)).toBe(1);
    const forged = run(command, { REDIS_TLS_SERVERNAME: 'redis.other.internal' });
    expect(await ended(forged.child)).toBe(1);
  },
);

test('a waiting worker ends at once on SIGTERM, so a deployment never waits for it', async () => {
  await admin.del(KEY);
  const { child, output } = run(waitUntilOpen(COMMAND, { language: 'node', key: KEY }));
  await until(() => output().includes('waiting until this side is open'));
  child.kill('SIGTERM');
  expect(await ended(child)).toBe(143);
});

test.each(['$WORKER $CODE', 'CODE=3 $WORKER $CODE', 'cd . && exec $WORKER 3'])(
  'the SIGTERM that the platform sends to the first process reaches the worker: %s',
  async (command) => {
    await admin.set(KEY, '1');
    const directory = temporaryDirectory('worker');
    const worker = join(directory, 'worker');
    writeFileSync(
      worker,
      '#!/usr/bin/env node\nprocess.on("SIGTERM", () => process.exit(Number(process.argv[2])));\nsetInterval(() => console.log("at work"), 50);\n',
      { mode: 0o755 },
    );
    const { child, output } = run(
      waitUntilOpen(command.replace('$WORKER', worker), { language: 'node', key: KEY }),
      { CODE: '3' },
    );
    await until(() => output().includes('at work'));
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(3);
  },
);
