import {
  certificateGeneration,
  redisAuthority,
  validity,
} from '../../src/digitalocean/redis-certificates.ts';
import {
  certificateEnd,
  renewCertificate,
  runImage,
  runningImage,
} from '../../src/digitalocean/redis-maintenance.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import { redisSecrets, type TargetRedis } from '../../src/migration/target.ts';
import type { Provisioning } from './provision.ts';
import { targetSubject } from './target-subject.ts';

// What provision, run again, changes of a Redis that is there: its certificate and its image. The droplet's keeper carries
// both out.

/** Renews the certificate once there is a later generation of it, as from 2031 on: the application notices nothing. */
export function certificateStep(p: Provisioning, theRedis: () => Promise<TargetRedis>): Step {
  const { edge } = p;
  const end = validity(certificateGeneration(edge.clock.now())).notAfter;
  return defineStep({
    name: 'redis-certificate',
    settle: async () => ((await certificateEnd((await theRedis()).admin)) >= end ? 'done' : 'not-done'),
    act: async () => {
      const { admin } = await theRedis();
      if ((await certificateEnd(admin)) >= end) return { until: end.toISOString() };
      const certificates = await redisCertificates(p);
      const fresh = { certificate: certificates.certificate, ca: certificates.ca, end };
      await renewCertificate(admin, fresh, { clock: edge.clock, log: edge.log, signal: edge.signal });
      edge.log.info(`Redis shows a certificate that is valid until ${end.toISOString().slice(0, 10)}.`);
      return { until: end.toISOString() };
    },
  });
}

/** Only an image that migration.yml names is put in another one's place: Redis restarts for it. */
export function imageSteps(p: Provisioning, theRedis: () => Promise<TargetRedis>): Step[] {
  const { edge } = p;
  const { image } = p.subject.config.redis;
  if (image === undefined) return [];
  return [
    defineStep({
      name: 'redis-image',
      settle: async () => ((await runningImage((await theRedis()).admin)) === image ? 'done' : 'not-done'),
      act: async () => {
        const { admin } = await theRedis();
        const { migrationId } = p.subject.environment;
        const authoritySeed = redisSecrets(targetSubject(p)).ca;
        const waiting = { clock: edge.clock, log: edge.log, signal: edge.signal };
        await runImage(admin, { authoritySeed, migrationId, image }, waiting);
        edge.log.info(`Redis runs ${image}.`);
        return { image };
      },
    }),
  ];
}

/** The server's certificate of today, from the migration key: the same in every run. */
export async function redisCertificates(
  p: Provisioning,
): Promise<{ ca: string; certificate: string; key: string }> {
  const { migrationId } = p.subject.environment;
  const secrets = redisSecrets(targetSubject(p));
  const authority = await redisAuthority(secrets.ca, migrationId, certificateGeneration(p.edge.clock.now()));
  return { ca: authority.pem, ...(await authority.issue(secrets.server, p.names.redisServerName)) };
}
