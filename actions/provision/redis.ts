import { findDroplet, ensureDroplet, waitUntilActive } from '../../src/digitalocean/droplet.ts';
import {
  ensureFirewall,
  findFirewall,
  admitRunner as admitToRedis,
} from '../../src/digitalocean/firewall.ts';
import { redisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import { renderRedisCloudInit } from '../../src/digitalocean/redis-cloud-init.ts';
import { timeZoneOf } from '../../src/digitalocean/region.ts';
import type { Vpc } from '../../src/digitalocean/vpc.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import { readTargetRedis, redisSecrets } from '../../src/migration/target.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { redisIs } from '../../src/redis/rights.ts';
import type { Provisioning } from './provision.ts';
import type { Resource } from './summary.ts';
import { targetSubject } from './target-subject.ts';

/** A fresh droplet installs Docker and pulls the image: some three minutes, and a slow mirror longer. */
const REDIS_LIMIT_MS = 15 * 60_000;
const REDIS_PAUSE_MS = 1_000;

/** Firewall first, so that the droplet never stands without it. */
export function redisSteps(p: Provisioning, vpc: Vpc, runner: string): Step[] {
  const { client, names, plan, edge } = p;
  const { redis } = plan;
  if (redis === null) return [];
  const admit = async (firewallId: string): Promise<void> => {
    edge.saveState('firewall', firewallId);
    edge.saveState('redis-port', String(redis.port));
    await admitToRedis(client, firewallId, runner, redis.port);
  };
  return [
    defineStep({
      name: 'redis-firewall',
      settle: async () => ((await findFirewall(client, names.firewall)) === undefined ? 'not-done' : 'done'),
      act: async () => {
        const wanted = { name: names.firewall, tag: names.tag, port: redis.port, range: vpc.range };
        const { firewall, created } = await ensureFirewall(client, wanted);
        return { id: firewall.id, created };
      },
    }),
    defineStep({
      name: 'redis-droplet',
      settle: async () =>
        (await findDroplet(client, names.droplet, names.tag)) === undefined ? 'not-done' : 'done',
      act: async () => {
        const wanted = {
          name: names.droplet,
          datacentre: plan.datacentre,
          size: redis.size,
          vpcId: vpc.id,
          tag: names.tag,
          userData: await redisUserData(p, redis.memoryMib),
        };
        const { droplet, created } = await ensureDroplet(client, wanted);
        await waitUntilActive(client, droplet.id);
        return { id: droplet.id, created };
      },
    }),
    defineStep({
      name: 'redis-answers',
      settle: async () => {
        const firewall = await findFirewall(client, names.firewall);
        if (firewall === undefined) return 'not-done';
        await admit(firewall.id);
        await waitForRedis(p);
        return 'done';
      },
      act: async () => {
        const firewall = await findFirewall(client, names.firewall);
        if (firewall === undefined)
          throw new Error(`The firewall ${names.firewall} is gone: run this again.`);
        await admit(firewall.id);
        return { state: await waitForRedis(p) };
      },
    }),
  ];
}

/** The cloud-config with everything that follows from the migration key. */
export async function redisUserData(p: Provisioning, dropletMemoryMib: number): Promise<string> {
  const { migrationId } = p.subject.environment;
  const secrets = redisSecrets({ key: p.key, migrationId, mask: (value) => p.edge.mask(value) });
  const authority = await redisAuthority(secrets.ca, migrationId);
  const server = await authority.issue(secrets.server, p.names.redisServerName);
  return renderRedisCloudInit({
    certificates: { ca: authority.pem, ...server },
    adminUser: p.names.redisAdminUser,
    adminPassword: secrets.adminPassword,
    appUser: p.names.redisAppUser,
    appPassword: secrets.appPassword,
    port: p.subject.config.redis.port,
    dropletMemoryMib,
    serverName: p.names.redisServerName,
    migrationId,
    timeZone: timeZoneOf(p.plan.datacentre),
  });
}

/** Waits until Redis answers over TLS to the derived password. A new one is closed by its ACL file. */
async function waitForRedis(p: Provisioning): Promise<string> {
  const { edge, client } = p;
  const started = edge.clock.now().getTime();
  for (let told = started; ;) {
    try {
      const redis = await readTargetRedis(client, targetSubject(p));
      if (redis === undefined) throw new Error('the droplet has no address yet');
      await withRedis(redis.admin, { log: edge.log, signal: edge.signal }, (connection) => connection.ping());
      return await redisIs(redis.admin, redis.appUser);
    } catch (error) {
      edge.signal.throwIfAborted();
      const now = edge.clock.now().getTime();
      if (now - started > REDIS_LIMIT_MS) {
        throw new ConfigurationError(
          `Redis on the droplet ${p.names.droplet} does not answer after ${REDIS_LIMIT_MS / 60_000} minutes: ${messageOf(error)} ` +
            "Look at the droplet's console (/var/log/cloud-init-output.log). If migration-key was changed since the droplet was " +
            'made, give the old key again, or remove the droplet and run this again.',
        );
      }
      if (now - told > 10_000) {
        edge.log.info(`Waiting for Redis (${Math.round((now - started) / 1000)} s): ${messageOf(error)}`);
        told = now;
      }
      await edge.clock.sleep(REDIS_PAUSE_MS, edge.signal);
    }
  }
}

export function addRedis(p: Provisioning, resources: Resource[], changed: boolean): void {
  const { redis } = p.plan;
  if (redis === null) return;
  resources.push(
    resource('Firewall', p.names.firewall, changed, `port ${redis.port}, private network only`, 0),
  );
  const detail = `${redis.size}, TLS on port ${redis.port}`;
  resources.push(resource('Redis droplet', p.names.droplet, changed, detail, redis.usdPerMonth));
}

function resource(
  kind: string,
  name: string,
  created: boolean,
  detail: string,
  usdPerMonth: number | null,
): Resource {
  return { kind, name, change: created ? 'created' : 'kept', detail, usdPerMonth };
}
