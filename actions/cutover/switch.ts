import { readRecord, writeRecord } from '../../src/digitalocean/dns.ts';
import type { DnsRecord } from '../../src/digitalocean/dns.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { setAsideJobs } from '../../src/redis/jobs/index.ts';
import { sumOfEach } from '../jobs.ts';
import { openNewSide } from '../opening.ts';
import type { Parties } from '../parties.ts';
import type { RedisSteps } from './redis.ts';

/** An old worker that is started by mistake finds nothing to run a second time. */
export function setOldJobsAside({ subject, oldSide, log }: Parties, redis: Pick<RedisSteps, 'letGo'>): Step {
  return defineStep({
    name: 'set-old-jobs-aside',
    act: async () => {
      // Our own renaming would wait with the writers that are held.
      await redis.letGo();
      const { migrationId } = subject.environment;
      return { keys: await sumOfEach(oldSide, { log }, (old) => setAsideJobs(old, migrationId)) };
    },
  });
}

export function openTheNewSide({ newSide, clock, checkLease }: Parties): Step {
  return defineStep({
    name: 'open-new-side',
    act: async () => {
      // A run that slept through a roll-back must not open a second side.
      await checkLease();
      await openNewSide(newSide);
      return { at: clock.now().toISOString() };
    },
  });
}

/** One step a name: each has its own prior record to go back to. */
export function dnsStepName(domain: string): string {
  return `dns ${domain}`;
}

export function moveName({ subject, newSide }: Parties, domain: string): Step {
  const { dns } = subject.config;
  if (dns === undefined) throw new Error('Domains without a dns section were refused at the start.');
  return defineStep<
    { record: { type: DnsRecord['type']; data: string; ttl: number } | null },
    { data: string; ttl: number }
  >({
    name: dnsStepName(domain),
    prior: async () => ({ record: (await readRecord(newSide.client, dns.zone, domain)) ?? null }),
    act: async () => {
      const record: DnsRecord =
        domain === dns.zone
          ? { type: 'A', data: APEX_ADDRESS, ttl: dns.ttl }
          : { type: 'CNAME', data: await newSide.ingressHost(), ttl: dns.ttl };
      await writeRecord(newSide.client, dns.zone, domain, record);
      return { data: record.data, ttl: record.ttl };
    },
  });
}

/** App Platform's shared ingress for apex names (DigitalOcean, "Manage domains", 2025-12-11). */
const APEX_ADDRESS = '162.159.140.98';
