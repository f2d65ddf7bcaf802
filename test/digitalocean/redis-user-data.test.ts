import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { parseCloudInit, type CloudInit } from '../../rehearsal/digitalocean/droplets/cloud-init.ts';
import { findCloudInitSchema } from '../../rehearsal/servers/cloud-init-schema.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { redisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import { renderRedisCloudInit, USER_DATA_LIMIT } from '../../src/digitalocean/redis-cloud-init.ts';
import { silentLog } from '../../src/log.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
// What the test makes ends with it.
import '../support/servers.ts';

const run = promisify(execFile);

async function userData(): Promise<string> {
  const authority = await redisAuthority(Buffer.alloc(32, 1), 'shop-production');
  return renderRedisCloudInit({
    certificates: { ca: authority.pem, ...(await authority.issue(Buffer.alloc(32, 2), 'redis.internal')) },
    serverName: 'redis.internal',
    migrationId: 'shop-production',
    adminUser: 'admin',
    adminPassword: 'a'.repeat(64),
    appUser: 'app',
    appPassword: 'b'.repeat(64),
    port: 6379,
    dropletMemoryMib: 2048,
    timeZone: 'America/New_York',
  });
}

async function files(): Promise<CloudInit['files']> {
  const init = parseCloudInit(await userData());
  if (init === undefined) throw new Error('The user data is no cloud-config.');
  return init.files;
}

/** What a program says against a file; empty when it accepts it. */
async function against(program: string, words: string[]): Promise<string> {
  try {
    await run(program, words);
    return '';
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return stdout + stderr || String(error);
  }
}

test('security updates come by themselves, logs stay small, and Redis starts again whatever ended it', async () => {
  const written = new Map((await files()).map(({ path, content }) => [path, content]));
  const text = (path: string): string => written.get(path) ?? '';
  const updates = text('/etc/apt/apt.conf.d/20auto-upgrades');
  expect(updates).toContain('APT::Periodic::Update-Package-Lists "1";');
  expect(updates).toContain('APT::Periodic::Unattended-Upgrade "1";');
  const { packages } = parse(await userData()) as { packages: string[] };
  expect(packages).toContain('unattended-upgrades');
  const held = text('/etc/apt/apt.conf.d/52unattended-upgrades-redis');
  // Only what would restart Redis waits for the quiet hour, and the machine does not restart at another.
  expect(held).toMatch(/Package-Blacklist \{ "docker\.io"; "containerd"; "runc"; \};/);
  expect(held).toContain('Automatic-Reboot "false"');
  const docker = JSON.parse(text('/etc/docker/daemon.json')) as { 'log-opts': Record<string, string> };
  expect(docker).toMatchObject({ 'log-driver': 'json-file' });
  expect(docker['log-opts']['max-size']).toMatch(/^\d+m$/);
  expect(Number(docker['log-opts']['max-file'])).toBeGreaterThan(1);
  expect(text('/etc/systemd/journald.conf.d/60-redis.conf')).toMatch(/^SystemMaxUse=\d+M$/m);
  const container = text('/etc/systemd/system/redis-container.service').split('\n');
  expect(container).toContain('Restart=always');
  expect(container).toContain('StartLimitIntervalSec=0');
  expect(container).toContain('WantedBy=multi-user.target');
});

const cloudInit = await inFullRun(() => findCloudInitSchema(silentLog));

testNeeding([cloudInit], 'the real cloud-init accepts the user data, and refuses a broken one', async () => {
  const { complaints } = foundIn(cloudInit);
  const directory = temporaryDirectory('user-data');
  const good = join(directory, 'good');
  writeFileSync(good, await userData());
  expect(await complaints(good)).toBe('');
  const bad = join(directory, 'bad');
  writeFileSync(bad, (await userData()).replace('ssh_pwauth: false', 'ssh_pwauth: [1]'));
  expect(await complaints(bad)).toContain('ssh_pwauth');
});

test('the user data stays far below 64 KiB', async () => {
  expect(Buffer.byteLength(await userData())).toBeLessThan(USER_DATA_LIMIT / 2);
});

test('every script is one that the shell of Ubuntu can read', async () => {
  const directory = temporaryDirectory('scripts');
  const scripts = (await files()).filter(({ content }) => content.startsWith('#!'));
  expect(scripts.map(({ permissions }) => permissions)).toEqual(scripts.map(() => '0700'));
  expect(scripts.length).toBe(5);
  for (const { path, content } of scripts) {
    const file = join(directory, path.replaceAll('/', '_'));
    writeFileSync(file, content);
    expect(await against('sh', ['-n', file])).toBe('');
  }
  const broken = join(directory, 'broken');
  writeFileSync(broken, 'if true; then\n');
  expect(await against('sh', ['-n', broken])).not.toBe('');
});

const systemd = existsSync('/usr/bin/systemd-analyze')
  ? { found: '/usr/bin/systemd-analyze' }
  : { missing: 'this machine has no systemd-analyze' };

testNeeding([systemd], 'systemd understands every unit, and when the quiet hour is', async () => {
  const root = temporaryDirectory('units');
  const put = (path: string, content: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode });
  };
  const units = (await files()).filter(({ path }) => path.startsWith('/etc/systemd/system/'));
  expect(units).toHaveLength(5);
  for (const { path, content } of await files()) put(path, content, 0o755);
  // What the units name on the droplet, beside what is written there.
  for (const program of ['/usr/bin/docker', '/usr/sbin/iptables', '/bin/sh'])
    put(program, '#!/bin/sh\n', 0o755);
  for (const name of [
    'docker.service',
    'network-online.target',
    'multi-user.target',
    'timers.target',
    'sysinit.target',
    'basic.target',
    'shutdown.target',
    'network.target',
    'time-set.target',
    'time-sync.target',
    '-.mount',
    'system.slice',
  ])
    put(
      `/etc/systemd/system/${name}`,
      name.endsWith('.service') ? '[Service]\nExecStart=/bin/sh\n' : '[Unit]\nDescription=there\n',
    );
  const verify = (paths: string[]): Promise<string> =>
    against('systemd-analyze', ['verify', '--man=no', `--root=${root}`, ...paths]);
  expect(await verify(units.map(({ path }) => path))).toBe('');
  const container = units.find(({ path }) => path.endsWith('redis-container.service'))?.content ?? '';
  put(
    '/etc/systemd/system/broken.service',
    container.replace('Restart=always', 'Restart=perhaps').replace(/ExecStart=.*/, 'ExecStart=relative'),
  );
  expect(await verify(['/etc/systemd/system/broken.service'])).not.toBe('');
  const hour =
    /OnCalendar=(.*)/.exec(
      units.find(({ path }) => path.endsWith('maintenance.timer'))?.content ?? '',
    )?.[1] ?? '';
  expect(await against('systemd-analyze', ['calendar', hour])).toBe('');
});
