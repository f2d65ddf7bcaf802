import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { stringify } from 'yaml';
import { createAuthority, type Authority } from '../../../rehearsal/servers/certificates.ts';
import type { DropletView } from '../../../rehearsal/digitalocean/world.ts';
import { eventually, found, runner, testWorld, type TestWorld } from './played-world.ts';

let world: TestWorld;
let authority: Authority;
beforeAll(async () => {
  world = await testWorld();
  authority = await createAuthority('Redis CA');
});

interface Parts {
  runcmd?: unknown[];
  packages?: string[];
  keyPermissions?: string;
}

const run =
  'docker run -d --name redis --restart always -p 6379:6379 --user 999:1000 ' +
  '-v /etc/redis:/etc/redis:ro -v /var/lib/redis:/data redis:7.4 redis-server /etc/redis/redis.conf';

async function userData(parts: Parts = {}): Promise<string> {
  const { certificate, key } = await authority.issue(['redis.shop.internal']);
  const conf = [
    'bind * -::*',
    'port 0',
    'tls-port 6379',
    'tls-cert-file /etc/redis/tls/server.crt',
    'tls-key-file /etc/redis/tls/server.key',
    'tls-ca-cert-file /etc/redis/tls/ca.crt',
    'tls-auth-clients no',
    'aclfile /etc/redis/users.acl',
    'dir /data',
    'maxmemory-policy noeviction',
  ].join('\n');
  const hash = createHash('sha256').update('secret').digest('hex');
  return `#cloud-config\n${stringify({
    packages: parts.packages ?? ['docker.io'],
    write_files: [
      { path: '/etc/redis/redis.conf', content: conf },
      { path: '/etc/redis/users.acl', content: `user default on #${hash} ~* &* +@all\n` },
      { path: '/etc/redis/tls/server.crt', content: certificate },
      { path: '/etc/redis/tls/server.key', content: key, permissions: parts.keyPermissions ?? '0644' },
      { path: '/etc/redis/tls/ca.crt', content: authority.pem },
    ],
    runcmd: parts.runcmd ?? [run],
  })}`;
}

async function activeDroplet(name: string, user_data: string): Promise<DropletView> {
  const wanted = {
    name,
    region: 'fra1',
    size: 's-1vcpu-1gb',
    image: 'ubuntu-24-04-x64',
    tags: [name],
    user_data,
  };
  const made = await world.dots.droplet.createDroplet(wanted);
  expect(made.status).toBe(202);
  const id = (made.data as { droplet: { id: number } }).droplet.id;
  await eventually(async () =>
    (await world.api('GET', `/droplets/${id}`)).body.droplet.status === 'active' ? true : undefined,
  );
  return found(world.droplets().find((droplet) => droplet.id === id));
}

async function withRedis(name: string): Promise<DropletView> {
  const { id } = await activeDroplet(name, await userData());
  return found(
    await eventually(() => world.droplets().find((droplet) => droplet.id === id && droplet.redis)),
  );
}

async function ping(host: string): Promise<string> {
  const redis = new Redis({
    host,
    port: 6379,
    password: 'secret',
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    tls: { ca: authority.pem, servername: 'redis.shop.internal' },
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await redis.ping();
  } finally {
    redis.disconnect();
  }
}

test('the Redis of the cloud-config really runs: TLS with its certificate, its users, no plain text', async () => {
  const droplet = await withRedis('speaks-tls');
  expect(await ping(droplet.privateAddress)).toBe('PONG');

  const plain = await new Promise<string>((resolve) => {
    const socket: Socket = connect({ host: droplet.privateAddress, port: 6379 }, () =>
      socket.write('PING\r\n'),
    );
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', () => resolve(answer));
  });
  expect(plain).not.toContain('PONG');
});

test('a cloud firewall is shut but for its rules, on the private address too', async () => {
  const droplet = await withRedis('behind-a-wall');
  expect(await ping(droplet.publicAddress)).toBe('PONG');
  const rule = (addresses: string[]) => ({ protocol: 'tcp', ports: '6379', sources: { addresses } });
  const vpc = found((await world.api('GET', '/vpcs')).body.vpcs.find((one) => one.region === 'fra1'));
  const outbound = [{ protocol: 'tcp', ports: 'all', destinations: { addresses: ['0.0.0.0/0', '::/0'] } }];
  const made = await world.api('POST', '/firewalls', {
    name: 'wall',
    tags: ['behind-a-wall'],
    inbound_rules: [],
    outbound_rules: outbound,
  });
  expect(made.status).toBe(202);
  const path = `/firewalls/${made.body.firewall.id}/rules`;

  await expect(ping(droplet.publicAddress)).rejects.toThrow();
  await expect(ping(droplet.privateAddress)).rejects.toThrow();

  expect((await world.api('POST', path, { inbound_rules: [rule([vpc.ip_range])] })).status).toBe(204);
  expect(await ping(droplet.privateAddress)).toBe('PONG');
  await expect(ping(droplet.publicAddress)).rejects.toThrow();

  await world.api('POST', path, { inbound_rules: [rule([runner])] });
  expect(await ping(droplet.publicAddress)).toBe('PONG');
  await world.api('DELETE', path, { inbound_rules: [rule([runner])] });
  await expect(ping(droplet.publicAddress)).rejects.toThrow();
});

test.each([
  ['nothing runs the container', /starts no Redis/, { runcmd: ['true'] }],
  ['nothing installs Docker', /command not found/, { packages: [] }],
  [
    'the configuration is not mounted',
    /starts no Redis/,
    { runcmd: [run.replace('-v /etc/redis:/etc/redis:ro', '')] },
  ],
  ['the command does not name it', /does not name/, { runcmd: [run.replace('/etc/redis/redis.conf', '')] }],
  ['no port is published', /publishes none/, { runcmd: [run.replace('-p 6379:6379', '')] }],
  ['the key can be read by root only', /cannot be read/, { keyPermissions: '0600' }],
])('no Redis runs when %s', async (_why, reason, parts: Parts) => {
  const name = `broken-${String(world.droplets().length)}`;
  const droplet = await activeDroplet(name, await userData(parts));
  const warning = await eventually(() => world.warnings.find((line) => line.includes(name)));
  expect(warning).toMatch(reason);
  await expect(
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: droplet.privateAddress, port: 6379, rejectUnauthorized: false });
      socket.on('secureConnect', resolve);
      socket.on('error', reject);
    }),
  ).rejects.toThrow(/ECONNREFUSED/);
});

test('a container started by compose, or by a systemd unit, counts as started', async () => {
  const base = await userData({
    runcmd: ['docker compose -f /opt/redis/compose.yaml up -d'],
  });
  const compose = stringify({
    services: {
      redis: {
        image: 'redis:7.4',
        command: 'redis-server /etc/redis/redis.conf',
        ports: ['6379:6379'],
        volumes: ['/etc/redis:/etc/redis:ro'],
      },
    },
  });
  const file = stringify([{ path: '/opt/redis/compose.yaml', content: compose }]).replace(/^/gm, '  ');
  const { id } = await activeDroplet('composed', base.replace('write_files:\n', `write_files:\n${file}\n`));
  const droplet = found(await eventually(() => world.droplets().find((one) => one.id === id && one.redis)));
  expect(await ping(droplet.privateAddress)).toBe('PONG');
});

test('droplets are found by tag and by name, and gone when deleted', async () => {
  const droplet = await activeDroplet('short-lived', '');
  const listed = await world.api('GET', '/droplets?tag_name=short-lived');
  expect(listed.body.droplets.map(({ id }) => id)).toEqual([droplet.id]);
  expect((await world.api('GET', '/droplets?name=short-lived')).body.meta.total).toBe(1);
  const addresses = found(listed.body.droplets[0]).networks.v4.map(({ type }) => type);
  expect(addresses.sort()).toEqual(['private', 'public']);
  await world.dots.droplet.deleteDroplet({ droplet_id: droplet.id });
  expect((await world.api('GET', '/droplets?tag_name=short-lived')).body.meta.total).toBe(0);
});

test('user data above 64 KiB is refused', async () => {
  const wanted = { name: 'big', region: 'fra1', size: 's-1vcpu-1gb', image: 'ubuntu-24-04-x64' };
  const reply = await world.api('POST', '/droplets', {
    ...wanted,
    user_data: `#cloud-config\n#${'x'.repeat(65_536)}`,
  });
  expect(reply.status).toBe(422);
});
