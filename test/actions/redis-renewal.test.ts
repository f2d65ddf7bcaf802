import { expect } from '@jest/globals';
import type { Provisioning } from '../../actions/provision/provision.ts';
import { certificateStep, imageSteps } from '../../actions/provision/redis-renewal.ts';
import { systemClock } from '../../src/clock.ts';
import { certificateGeneration, validity } from '../../src/digitalocean/redis-certificates.ts';
import { certificateEnd, runningImage } from '../../src/digitalocean/redis-maintenance.ts';
import { silentLog } from '../../src/log.ts';
import type { Step } from '../../src/migration/saga.ts';
import type { TargetRedis } from '../../src/migration/target.ts';
import { withRedis } from '../../src/redis/connect.ts';
import {
  IMAGES,
  KEY,
  keptDroplet,
  MIGRATION,
  OLD_GENERATION,
  SERVER_NAME,
  type KeptDroplet,
} from '../digitalocean/kept-droplet.ts';
import { testInFull } from '../support/or-skipped.ts';
// What the test starts ends with it.
import '../support/servers.ts';

// provision's own steps against the droplet's own scripts: what `stage: infrastructure`, run again, does to a Redis.

const { signal } = new AbortController();
const context = { signal };

function provisioning(image?: string): Provisioning {
  const redis = { port: 6379, ...(image === undefined ? {} : { image }) };
  return {
    edge: { clock: systemClock, log: silentLog, signal, mask: () => undefined },
    subject: { config: { redis }, environment: { migrationId: MIGRATION } },
    names: { redisServerName: SERVER_NAME },
    key: KEY,
  } as unknown as Provisioning;
}

const redisOf = (droplet: KeptDroplet) => () =>
  Promise.resolve({ admin: droplet.admin, app: droplet.app } as TargetRedis);

/** Settles a step, acts when there is something to do, and settles it again, as the saga does. */
async function run(step: Step | undefined): Promise<unknown[]> {
  if (step?.settle === undefined) throw new Error('There is no such step.');
  const before = await step.settle(null, context);
  if (before === 'not-done') await step.act(null, context);
  return [before, await step.settle(null, context)];
}

testInFull(
  'a certificate of five years ago is renewed, without a restart, and then there is nothing to do',
  async () => {
    const droplet = await keptDroplet();
    const stop = droplet.keeping();
    try {
      const pid = droplet.read('redis.pid');
      const today = validity(certificateGeneration(new Date())).notAfter;
      expect(await certificateEnd(droplet.admin)).toEqual(validity(OLD_GENERATION).notAfter);
      expect(await run(certificateStep(provisioning(), redisOf(droplet)))).toEqual(['not-done', 'done']);
      expect(await certificateEnd(droplet.admin)).toEqual(today);
      expect(await run(certificateStep(provisioning(), redisOf(droplet)))).toEqual(['done', 'done']);
      expect(droplet.read('redis.pid')).toBe(pid);
    } finally {
      await stop();
    }
  },
);

testInFull(
  'another `redis.image` is run with the same data; one that does not answer is taken back and told',
  async () => {
    const droplet = await keptDroplet();
    const [first, second, broken] = IMAGES;
    await withRedis(droplet.admin, {}, (redis) => redis.set('kept', 'yes'));
    const stop = droplet.keeping();
    try {
      // Who names none leaves the image to whoever made the droplet.
      expect(imageSteps(provisioning(), redisOf(droplet))).toEqual([]);
      const [named] = imageSteps(provisioning(first), redisOf(droplet));
      const [upgrade] = imageSteps(provisioning(second), redisOf(droplet));
      const [fails] = imageSteps(provisioning(broken), redisOf(droplet));
      expect(await run(upgrade)).toEqual(['not-done', 'done']);
      expect(await runningImage(droplet.admin)).toBe(second);
      expect(await run(upgrade)).toEqual(['done', 'done']);
      await expect(run(fails)).rejects.toThrow(/did not answer/);
      expect(await runningImage(droplet.admin)).toBe(second);
      expect(await withRedis(droplet.admin, {}, (redis) => redis.get('kept'))).toBe('yes');
      expect(await run(named)).toEqual(['not-done', 'done']);
    } finally {
      await stop();
    }
  },
  120_000,
);
