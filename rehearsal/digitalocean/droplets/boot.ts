import { messageOf } from '../../../src/errors.ts';
import { freePort, onFreePort } from '../../servers/free-port.ts';
import { startRedis, type RedisServer } from '../../servers/redis.ts';
import { startTcpProxy } from '../../servers/tcp-proxy.ts';
import type { Platform } from '../platform.ts';
import { parseCloudInit } from './cloud-init.ts';
import { vpcCaller, type Droplet, type DropletRedis } from './droplet.ts';
import type { Firewalls } from './firewalls.ts';
import { configuredRedis, type ConfiguredRedis } from './redis-configuration.ts';

/**
 * Does what the droplet's user data asks for, as far as it is a Redis in a container: a real redis-server with that
 * configuration, served on the droplet's two addresses at the ports that it names, each behind the cloud firewall.
 * Private addresses are behind it too, as in earnest. What cannot run is told in the log and is simply not there.
 */
export async function bootRedis(
  platform: Platform,
  droplet: Droplet,
  firewalls: Firewalls,
): Promise<DropletRedis | undefined> {
  try {
    const init = parseCloudInit(droplet.userData);
    const wanted = init && configuredRedis(init, droplet.image);
    if (wanted === undefined) {
      if (droplet.userData !== '')
        platform.log.warning(`Droplet ${droplet.name}: its user data starts no Redis.`);
      return undefined;
    }
    return await start(platform, droplet, firewalls, wanted);
  } catch (error) {
    platform.log.warning(`Droplet ${droplet.name}: its Redis does not start: ${messageOf(error)}`);
    return undefined;
  }
}

async function start(
  platform: Platform,
  droplet: Droplet,
  firewalls: Firewalls,
  wanted: ConfiguredRedis,
): Promise<DropletRedis> {
  const listening = { tls: 0, plain: 0 };
  const started: { server?: RedisServer } = {};
  await onFreePort(async () => {
    listening.tls = wanted.tls ? await freePort() : 0;
    listening.plain = wanted.plain ? await freePort() : 0;
    started.server = await startRedis({
      name: `do-${droplet.name}`,
      configuration: [...wanted.lines, `tls-port ${listening.tls}`, `port ${listening.plain}`],
      files: wanted.files,
    });
  });
  if (started.server === undefined) throw new Error('it has no port');

  const pairs = [
    { port: wanted.tls?.published, to: listening.tls },
    { port: wanted.plain?.published, to: listening.plain },
  ].filter((pair): pair is { port: number; to: number } => pair.port !== undefined);
  if (pairs.length === 0) throw new Error('its container publishes none of its ports');
  const proxies = pairs.flatMap(({ port, to }) => [
    startTcpProxy({
      host: droplet.publicAddress,
      port,
      target: () => ({ host: '127.0.0.1', port: to }),
      admit: () => firewalls.admits(droplet, port, { kind: 'public', address: platform.egressAddress() }),
    }),
    startTcpProxy({
      host: droplet.privateAddress,
      port,
      target: () => ({ host: '127.0.0.1', port: to }),
      admit: () =>
        firewalls.admits(droplet, port, vpcCaller(droplet.vpc)) &&
        !platform.played.otherwise.includes('private-network-closed'),
    }),
  ]);
  return {
    server: started.server,
    ports: pairs.map(({ port }) => port),
    proxies: await Promise.all(proxies),
  };
}

/** Power off: the addresses are there and nobody answers; the data stays. */
export async function powerOff(droplet: Droplet): Promise<void> {
  await droplet.redis?.server.stop();
}

/** Power on: what the last boot started is started again, with its data. */
export async function powerOn(droplet: Droplet): Promise<void> {
  await droplet.redis?.server.restart();
}

export async function stopRedis(droplet: Droplet): Promise<void> {
  const { redis } = droplet;
  droplet.redis = undefined;
  if (redis === undefined) return;
  await Promise.all([redis.server.stop(), ...redis.proxies.map((proxy) => proxy.close())]);
}
