import {
  accountEmail,
  ensureAlertPolicies,
  findAlertPolicies,
  missingAlerts,
} from '../../src/digitalocean/alert-policy.ts';
import { ensureDroplet, findDroplet, waitUntilActive } from '../../src/digitalocean/droplet.ts';
import {
  admitRunner as admitToRedis,
  admitsBeyond,
  ensureFirewall,
  findFirewall,
} from '../../src/digitalocean/firewall.ts';
import { renderRedisCloudInit } from '../../src/digitalocean/redis-cloud-init.ts';
import { nightHour, timeZoneOf } from '../../src/digitalocean/region.ts';
import type { Vpc } from '../../src/digitalocean/vpc.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import { readTargetRedis, redisSecrets, type TargetRedis } from '../../src/migration/target.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { redisIs } from '../../src/redis/rights.ts';
import type { Provisioning } from './provision.ts';
import { certificateStep, imageSteps, redisCertificates } from './redis-renewal.ts';
import { passwordsStep, presentAdmin } from './redis-passwords.ts';
import { coresOf } from './redis-plan.ts';
import { targetSubject } from './target-subject.ts';

/** A fresh droplet installs Docker and pulls the image: some three minutes, and a slow mirror longer. */
const REDIS_LIMIT_MS = 15 * 60_000;
const REDIS_PAUSE_MS = 1_000;
/** Each look costs two requests of the 5,000 an hour. */
const REDIS_LONGEST_PAUSE_MS = 5_000;

/** Firewall first, so that the droplet never stands without it. */
export function redisSteps(p: Provisioning, vpc: Vpc, runner: string): Step[] {
  const { redis } = p.plan;
  if (redis === null) return [];
  return [
    firewallStep(p, redis.port, vpc.range),
    dropletStep(p, redis, vpc.id),
    answersStep(p, redis.port, runner),
    passwordsStep(p, () => theRedis(p)),
    certificateStep(p, () => theRedis(p)),
    ...imageSteps(p, () => theRedis(p)),
    alertsStep(p, redis.size),
  ];
}

function firewallStep({ client, names }: Provisioning, port: number, range: string): Step {
  const wanted = { name: names.firewall, tag: names.tag, port, range };
  return defineStep({
    name: 'redis-firewall',
    settle: async () => {
      const firewall = await findFirewall(client, names.firewall);
      return firewall !== undefined && admitsBeyond(firewall, wanted) === undefined ? 'done' : 'not-done';
    },
    act: async () => {
      const { firewall, change } = await ensureFirewall(client, wanted);
      return { id: firewall.id, change };
    },
  });
}

function dropletStep(
  p: Provisioning,
  redis: NonNullable<Provisioning['plan']['redis']>,
  vpcId: string,
): Step {
  const { client, names, plan } = p;
  return defineStep({
    name: 'redis-droplet',
    settle: async () =>
      (await findDroplet(client, names.droplet, names.tag)) === undefined ? 'not-done' : 'done',
    act: async () => {
      const wanted = {
        name: names.droplet,
        datacentre: plan.datacentre,
        size: redis.size,
        vpcId,
        tag: names.tag,
        backupHour: nightHour(timeZoneOf(plan.datacentre)),
        userData: await redisUserData(p, redis.memoryMib),
      };
      const { droplet, created, removed } = await ensureDroplet(client, wanted);
      if (removed > 0)
        p.edge.log.warning(
          `DigitalOcean made ${removed + 1} droplets ${names.droplet} of one order: droplet ${droplet.id} is used, and ${removed} removed again.`,
        );
      await waitUntilActive(client, droplet.id);
      return { id: droplet.id, created };
    },
  });
}

/** Also lets the runner in, for what comes after it. */
function answersStep(p: Provisioning, port: number, runner: string): Step {
  const { client, names, edge } = p;
  const admitted = async (): Promise<boolean> => {
    const firewall = await findFirewall(client, names.firewall);
    if (firewall === undefined) return false;
    edge.saveState('firewall', firewall.id);
    edge.saveState('redis-port', String(port));
    await admitToRedis(client, firewall.id, runner, port);
    return true;
  };
  return defineStep({
    name: 'redis-answers',
    settle: async () => {
      if (!(await admitted())) return 'not-done';
      await waitForRedis(p);
      return 'done';
    },
    act: async () => {
      if (!(await admitted())) throw new Error(`The firewall ${names.firewall} is gone: run this again.`);
      return { state: await waitForRedis(p) };
    },
  });
}

/** E-mail to the account's address when memory, disk, CPU or load run out. */
function alertsStep({ client, names, edge }: Provisioning, size: string): Step {
  const cores = coresOf(size);
  return defineStep({
    name: 'redis-alerts',
    settle: async () =>
      missingAlerts(await findAlertPolicies(client, names.tag), cores).length === 0 ? 'done' : 'not-done',
    act: async () => {
      const email = await accountEmail(client);
      if (email === undefined) {
        edge.log.warning(
          'Nobody is told when the Redis droplet runs out of memory or disk: the DigitalOcean account has no verified e-mail ' +
            'address. Verify one, and run this again.',
        );
        return { created: 0 };
      }
      const created = await ensureAlertPolicies(client, {
        tag: names.tag,
        name: names.droplet,
        cores,
        email,
      });
      edge.log.info(`Alerts on memory, disk, CPU and load of ${names.droplet} go to ${email}.`);
      return { created };
    },
  });
}

async function theRedis(p: Provisioning): Promise<TargetRedis> {
  const redis = await readTargetRedis(p.client, targetSubject(p));
  if (redis === undefined) throw new Error(`The droplet ${p.names.droplet} is gone: run this again.`);
  return redis;
}

/** The cloud-config with everything that follows from the migration key. */
async function redisUserData(p: Provisioning, dropletMemoryMib: number): Promise<string> {
  const { image, port } = p.subject.config.redis;
  const secrets = redisSecrets(targetSubject(p));
  return renderRedisCloudInit({
    certificates: await redisCertificates(p),
    serverName: p.names.redisServerName,
    migrationId: p.subject.environment.migrationId,
    adminUser: p.names.redisAdminUser,
    adminPassword: secrets.adminPassword,
    appUser: p.names.redisAppUser,
    appPassword: secrets.appPassword,
    port,
    dropletMemoryMib,
    timeZone: timeZoneOf(p.plan.datacentre),
    ...(image === undefined ? {} : { image }),
  });
}

/** Waits until Redis answers over TLS to the derived password. A new one is closed by its ACL file. */
async function waitForRedis(p: Provisioning): Promise<string> {
  const { edge, client } = p;
  const started = edge.clock.now().getTime();
  const until = Math.min(client.deadline ?? Infinity, started + REDIS_LIMIT_MS);
  let pause = REDIS_PAUSE_MS;
  for (let told = started; ; pause = Math.min(REDIS_LONGEST_PAUSE_MS, pause * 1.3)) {
    try {
      const redis = await readTargetRedis(client, targetSubject(p));
      if (redis === undefined) throw new Error('the droplet has no address yet');
      const admin = await presentAdmin(p, redis);
      await withRedis(admin, { log: edge.log, signal: edge.signal }, (connection) => connection.ping());
      return await redisIs(admin, redis.appUser);
    } catch (error) {
      edge.signal.throwIfAborted();
      const now = edge.clock.now().getTime();
      if (now >= until) {
        throw new ConfigurationError(
          `Redis on the droplet ${p.names.droplet} does not answer after ${Math.round((now - started) / 1000)} s: ${messageOf(error)} ` +
            'If it was made just now, run this again: it waits on (the input `timeout` gives it longer). ' +
            "Look at the droplet's console (/var/log/cloud-init-output.log). If migration-key was changed since the droplet was " +
            'made, give the old key again, or remove the droplet and run this again.',
        );
      }
      if (now - told > 10_000) {
        edge.log.info(
          `Waiting for Redis (${Math.round((now - started) / 1000)} s so far, at most ${Math.round((until - now) / 1000)} s more): ${messageOf(error)}`,
        );
        told = now;
      }
      await edge.clock.sleep(pause, edge.signal);
    }
  }
}
