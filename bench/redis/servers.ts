import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { freePort, onFreePort } from '../../rehearsal/servers/free-port.ts';
import { startRedis, type RedisServer } from '../../rehearsal/servers/redis.ts';
import { withRedis, type RedisAddress } from '../../src/redis/connect.ts';
import { treeCpuSeconds } from '../cpu.ts';

/** How both servers are reached. */
export interface Ends {
  source: RedisAddress;
  target: RedisAddress;
}

export interface BenchServers {
  plain: Ends;
  /** The same servers. */
  tls: Ends;
  version: string;
  /** CPU seconds that each server has used since it started. */
  cpuSeconds(): { source: number; target: number };
}

/** What a server notes as slow, microseconds, and how many of that it keeps. */
export const SLOW_MICROSECONDS = 1_000;
export const MOST_SLOW = 100_000;

const SLOWLOG = [`slowlog-log-slower-than ${SLOW_MICROSECONDS}`, `slowlog-max-len ${MOST_SLOW}`];

/** Two servers, each with a port of either kind, so that the data is made and held once. */
export async function startServers(): Promise<BenchServers> {
  const authority = await createAuthority('bench');
  const certificate = await authority.issue(['127.0.0.1']);
  const files = { 'tls/server.crt': certificate.certificate, 'tls/server.key': certificate.key };
  const start = async (name: string, lines: string[]): Promise<{ server: RedisServer; port: number }> => {
    const started: { server: RedisServer; port: number }[] = [];
    await onFreePort(async (port) => {
      const configuration = [`port ${port}`, ...(await tlsLines()), ...SLOWLOG, ...lines];
      started.push({ server: await startRedis({ name: `bench-${name}`, configuration, files }), port });
    });
    const [one] = started;
    if (one === undefined) throw new Error('The server did not start.');
    return one;
  };
  // CONFIG is refused, as on Heroku.
  const from = await start('source', ['rename-command CONFIG ""']);
  const to = await start('target', ['maxmemory-policy noeviction']);

  const plain = ({ server: { host }, port }: typeof from): RedisAddress => ({
    ...{ host, port, tls: { mode: 'off' } },
  });
  const ends = { source: plain(from), target: plain(to) };
  return {
    plain: ends,
    tls: {
      // A certificate that cannot be verified, as on Heroku.
      source: { ...ends.source, port: from.server.port, tls: { mode: 'unverified' } },
      target: { ...ends.target, port: to.server.port, tls: { mode: 'verify', ca: authority.pem } },
    },
    version: await infoField(ends.source, 'server', 'redis_version'),
    cpuSeconds: () => ({
      source: treeCpuSeconds(from.server.pid),
      target: treeCpuSeconds(to.server.pid),
    }),
  };
}

async function tlsLines(): Promise<string[]> {
  return [
    `tls-port ${await freePort()}`,
    'tls-cert-file tls/server.crt',
    'tls-key-file tls/server.key',
    'tls-ca-cert-file tls/server.crt',
    'tls-auth-clients no',
  ];
}

/** Throws away what the target has; at once, so that nothing of it is freed while the next copy runs. */
export async function emptyTarget({ plain }: BenchServers): Promise<void> {
  await withRedis(plain.target, {}, (redis) => redis.flushall('SYNC'));
}

export async function countKeys(address: RedisAddress): Promise<number> {
  return withRedis(address, {}, (redis) => redis.dbsize());
}

export async function usedMemory(address: RedisAddress): Promise<number> {
  return Number(await infoField(address, 'memory', 'used_memory'));
}

async function infoField(address: RedisAddress, section: string, name: string): Promise<string> {
  const info = await withRedis(address, {}, (redis) => redis.info(section));
  return new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
}
