import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { redisAuthority, validity } from '../../src/digitalocean/redis-certificates.ts';
import {
  certificateEnd,
  renewCertificate,
  runImage,
  runningImage,
} from '../../src/digitalocean/redis-maintenance.ts';
import {
  CERTIFICATE_ORDER,
  CERTIFICATE_PROBLEM,
  certificateOrder,
  IMAGE_ORDER,
  IMAGE_PROBLEM,
  IMAGE_RUNS,
  imageOrder,
} from '../../src/digitalocean/redis-order.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { openRedis, redisIs } from '../../src/redis/rights.ts';
import { clientOf } from '../redis/two-sides.ts';
import {
  IMAGES,
  keptDroplet,
  MIGRATION,
  OLD_GENERATION,
  SERVER_NAME,
  type KeptDroplet,
} from './kept-droplet.ts';
import { full } from '../support/or-skipped.ts';
// What the test starts ends with it.
import '../support/servers.ts';

// The droplet's own scripts, run for real against a real Redis with the droplet's configuration.

/** These start the server anew or wait for the keeper, which takes seconds. */
const inFull = full ? test : test.skip;

let droplet: KeptDroplet;
let admin: Redis;
beforeAll(async () => {
  droplet = await keptDroplet();
  admin = clientOf(droplet.admin);
  await admin.set('kept', 'yes');
});

/** Whether a client that trusts this authority accepts the server, and until when its certificate is valid. */
function handshake(ca: string): Promise<{ accepted: boolean; until: string }> {
  const { host, port } = droplet.admin;
  return new Promise((resolve) => {
    const socket = connect({ host, port, ca, servername: SERVER_NAME, rejectUnauthorized: false }, () => {
      resolve({ accepted: socket.authorized, until: socket.getPeerCertificate().valid_to });
      socket.destroy();
    });
  });
}

async function pair(
  generation: number,
  { ca = droplet.secrets.ca, server = droplet.secrets.server, name = SERVER_NAME } = {},
): Promise<{ ca: string; certificate: string }> {
  const authority = await redisAuthority(ca, MIGRATION, generation);
  return { ca: authority.pem, certificate: (await authority.issue(server, name)).certificate };
}

test("the keeper's own user can read its orders and nothing else, and is made once", async () => {
  const before = droplet.read('var/lib/redis/users.acl');
  expect((await droplet.script('redis-prepare')).failed).toBe(false);
  expect(droplet.read('var/lib/redis/users.acl')).toBe(before);
  const keeper = {
    ...droplet.admin,
    username: 'keeper',
    password: droplet.read('etc/redis-keeper/password').trim(),
  };
  const redis = clientOf(keeper);
  expect(await redis.get(IMAGE_ORDER)).toBeNull();
  await expect(redis.get('kept')).rejects.toThrow(/NOPERM/);
  await expect(redis.set('heroku-to-digitalocean:open', '1')).rejects.toThrow(/NOPERM/);
  await expect(redis.flushall()).rejects.toThrow(/NOPERM/);
});

describe('a certificate', () => {
  inFull('is renewed from outside, and seen there; what the droplet refuses is told', async () => {
    const waiting = { clock: systemClock, log: silentLog };
    const stop = droplet.keeping();
    try {
      const { notAfter: old } = validity(OLD_GENERATION);
      expect(await certificateEnd(droplet.admin)).toEqual(old);
      const wrong = { ...(await pair(1, { ca: Buffer.alloc(32, 7) })), end: validity(1).notAfter };
      await expect(renewCertificate(droplet.admin, wrong, waiting)).rejects.toThrow(
        /refuses.*another authority/,
      );
      expect(await certificateEnd(droplet.admin)).toEqual(old);
    } finally {
      await stop();
    }
    const fresh = { ...(await pair(1)), end: validity(1).notAfter };
    const late = renewCertificate(droplet.admin, fresh, { ...waiting, limitMs: 500 });
    await expect(late).rejects.toThrow(/journalctl -u redis-keeper/);
    await admin.del(CERTIFICATE_ORDER, CERTIFICATE_PROBLEM);
  });

  test('is renewed without a restart, and whoever trusts the old authority goes on', async () => {
    const [old, fresh] = [await pair(OLD_GENERATION), await pair(1)];
    const pid = droplet.read('redis.pid');
    expect(await handshake(old.ca)).toEqual({ accepted: true, until: 'Jan  1 00:00:00 2031 GMT' });
    await admin.set(CERTIFICATE_ORDER, certificateOrder(1, fresh));
    expect((await droplet.script('redis-keeper')).said).toContain('Certificate: renewed');
    expect(await admin.get(CERTIFICATE_PROBLEM)).toBe('');
    const renewed = { accepted: true, until: 'Jan  1 00:00:00 2036 GMT' };
    expect(await handshake(old.ca)).toEqual(renewed);
    expect(await handshake(fresh.ca)).toEqual(renewed);
    expect(droplet.read('redis.pid')).toBe(pid);
    expect(await admin.get('kept')).toBe('yes');
    expect(new X509Certificate(droplet.read('etc/redis/tls/ca.crt')).validTo).toBe(renewed.until);
    // The same order is not carried out again, and a keeper without work writes nothing.
    await droplet.script('redis-keeper');
    const changes = async (): Promise<string | undefined> =>
      /rdb_changes_since_last_save:(\d+)/.exec(await admin.info('persistence'))?.[1];
    const before = await changes();
    expect((await droplet.script('redis-keeper')).said).not.toContain('Certificate');
    expect(await changes()).toBe(before);
  });

  inFull.each([
    ['of another authority', () => pair(1, { ca: Buffer.alloc(32, 7) }), 'it is of another authority'],
    ['that is not valid yet', () => pair(2), 'it is not valid today'],
    ['for another name', () => pair(1, { name: 'redis.other.internal' }), 'did not sign it for'],
    ['for another key', () => pair(1, { server: Buffer.alloc(32, 9) }), 'not for the key of this server'],
    [
      'that ends earlier than the present one',
      () => pair(OLD_GENERATION),
      'the present one is valid for longer',
    ],
    [
      'that another authority signed under our name',
      async () => ({
        ca: (await pair(1)).ca,
        certificate: (await pair(1, { ca: Buffer.alloc(32, 7) })).certificate,
      }),
      'did not sign it for',
    ],
  ])('%s is refused, and the reason is told', async (_which, make, reason) => {
    const before = droplet.read('etc/redis/tls/server.crt');
    await admin.set(CERTIFICATE_ORDER, certificateOrder(Date.now(), await make()));
    await droplet.script('redis-keeper');
    expect(await admin.get(CERTIFICATE_PROBLEM)).toContain(reason);
    expect(droplet.read('etc/redis/tls/server.crt')).toBe(before);
  });

  inFull('that is none is not even looked at', async () => {
    await admin.set(CERTIFICATE_ORDER, '$(touch /tmp/never); `reboot`');
    await admin.del(CERTIFICATE_PROBLEM);
    expect((await droplet.script('redis-keeper')).failed).toBe(false);
    expect(await admin.get(CERTIFICATE_PROBLEM)).toBeNull();
  });
});

describe('an upgrade', () => {
  const order = (serial: number, image: string, seed = droplet.secrets.ca, migration = MIGRATION): string =>
    imageOrder(seed, migration, serial, image);

  async function ordered(text: string): Promise<string | null> {
    await withRedis(droplet.admin, {}, (redis) => redis.set(IMAGE_ORDER, text));
    await droplet.script('redis-keeper');
    return withRedis(droplet.admin, {}, (redis) => redis.get(IMAGE_RUNS));
  }

  inFull('that the authority has not signed for this server is ignored', async () => {
    const [first, second] = IMAGES;
    expect(await ordered(order(10, second, Buffer.alloc(32, 7)))).toBe(first);
    expect(await ordered(order(10, second, droplet.secrets.ca, 'shop-other'))).toBe(first);
    expect(await ordered(order(10, second).replace('10\n', '11\n'))).toBe(first);
    expect(await ordered(`10\n${second}\n\n`)).toBe(first);
    expect(await ordered('10; reboot')).toBe(first);
    expect(existsSync(join(droplet.root, 'etc/redis-keeper/serial'))).toBe(false);
  });

  inFull('runs the other image with the same data, users and openness', async () => {
    await openRedis(droplet.admin, 'app');
    const pid = droplet.read('redis.pid');
    expect(await ordered(order(10, IMAGES[1]))).toBe(IMAGES[1]);
    expect(droplet.read('redis.pid')).not.toBe(pid);
    await withRedis(droplet.admin, {}, async (redis) => {
      expect(await redis.get('kept')).toBe('yes');
      expect(await redis.get(IMAGE_PROBLEM)).toBe('');
    });
    expect(await redisIs(droplet.admin, 'app')).toBe('open');
    expect(existsSync(join(droplet.root, 'var/lib/redis.before'))).toBe(false);
  });

  inFull('that was carried out before, or is older, is not carried out again', async () => {
    expect(await ordered(order(9, IMAGES[0]))).toBe(IMAGES[1]);
    expect(await ordered(order(10, IMAGES[0]))).toBe(IMAGES[1]);
  });

  inFull('to a server that does not start ends with the one before, its data and the reason', async () => {
    expect(await ordered(order(11, IMAGES[2]))).toBe(IMAGES[1]);
    await withRedis(droplet.admin, {}, async (redis) => {
      expect(await redis.get('kept')).toBe('yes');
      expect(await redis.get(IMAGE_PROBLEM)).toContain(`did not answer: ${IMAGES[1]} runs again`);
    });
    // Not every minute again.
    const pid = droplet.read('redis.pid');
    await droplet.script('redis-keeper');
    expect(droplet.read('redis.pid')).toBe(pid);
  });

  inFull('is ordered from outside, and its end is seen there', async () => {
    const stop = droplet.keeping();
    const waiting = { clock: systemClock, log: silentLog };
    const wanted = { authoritySeed: droplet.secrets.ca, migrationId: MIGRATION };
    try {
      await runImage(droplet.admin, { ...wanted, image: IMAGES[0] }, waiting);
      expect(await runningImage(droplet.admin)).toBe(IMAGES[0]);
      await delay(1000);
      await expect(runImage(droplet.admin, { ...wanted, image: IMAGES[2] }, waiting)).rejects.toThrow(
        /did not answer/,
      );
      await delay(1000);
      await runImage(droplet.admin, { ...wanted, image: IMAGES[1] }, waiting);
      expect(await withRedis(droplet.admin, {}, (redis) => redis.get('kept'))).toBe('yes');
    } finally {
      await stop();
    }
  });

  inFull('by hand takes an image by digest only', async () => {
    expect(await droplet.script('redis-upgrade', 'redis:latest')).toMatchObject({ failed: true });
    expect((await droplet.script('redis-upgrade', `redis@sha256:${'9'.repeat(64)}`)).said).toContain(
      'manifest unknown',
    );
    expect(droplet.read('etc/redis-keeper/image')).toBe(`IMAGE=${IMAGES[1]}\n`);
    expect((await droplet.script('redis-upgrade', IMAGES[0])).said).toContain(`it was ${IMAGES[1]}`);
  });
});

inFull('a Redis that stays unhealthy is restarted, with its data', async () => {
  const pid = droplet.read('redis.pid');
  droplet.write('health', 'unhealthy\n');
  await droplet.script('redis-keeper');
  expect(droplet.read('redis.pid')).not.toBe(pid);
  expect(await withRedis(droplet.admin, {}, (redis) => redis.get('kept'))).toBe('yes');
});

inFull(
  'the quiet hour restarts nothing before the side is open, and the machine only when it asks for it',
  async () => {
    await withRedis(droplet.admin, {}, (redis) => redis.del('heroku-to-digitalocean:open'));
    expect((await droplet.script('redis-maintenance')).said).toContain('not open yet');
    expect(droplet.told()).toEqual([]);
    await openRedis(droplet.admin, 'app');
    await droplet.script('redis-maintenance');
    const updates = [
      'apt-get update --quiet',
      'apt-get install --yes --quiet --only-upgrade docker.io containerd runc',
    ];
    expect(droplet.told()).toEqual(updates);
    droplet.write('run/reboot-required', '');
    await droplet.script('redis-maintenance');
    expect(droplet.told()).toEqual([...updates, ...updates, 'systemctl reboot']);
  },
);
