import { z } from 'zod';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { readRecord, writeRecord, type DnsRecord } from '../../src/digitalocean/dns.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import type { Subject } from '../subject.ts';
import type { Provisioning } from './provision.ts';

const STEP = 'dns-ttl ';

/** Lowers the TTL of each domain well before the cutover: resolvers keep a record as long as it said when they asked. */
export function ttlSteps(p: Provisioning): Step[] {
  const { client, plan, edge } = p;
  const { dns } = plan;
  if (dns === null) return [];
  return plan.domains.map((domain) => {
    const lowered = (record: DnsRecord | undefined): boolean => record === undefined || record.ttl <= dns.ttl;
    return defineStep({
      name: `${STEP}${domain}`,
      prior: async () => ({ ttl: (await readRecord(client, dns.zone, domain))?.ttl ?? null }),
      settle: async () => (lowered(await readRecord(client, dns.zone, domain)) ? 'done' : 'not-done'),
      act: async () => {
        const record = await readRecord(client, dns.zone, domain);
        if (record === undefined) {
          edge.log.warning(
            `${domain} has no A or CNAME record in the zone ${dns.zone}: the cutover will create one.`,
          );
          return { ttl: null };
        }
        if (lowered(record)) return { ttl: record.ttl };
        await writeRecord(client, dns.zone, domain, { ...record, ttl: dns.ttl });
        edge.log.info(`${domain}: TTL lowered from ${record.ttl} s to ${dns.ttl} s`);
        return { ttl: dns.ttl };
      },
      undo: async ({ ttl }) => {
        const record = await readRecord(client, dns.zone, domain);
        if (record !== undefined && ttl !== null)
          await writeRecord(client, dns.zone, domain, { ...record, ttl });
      },
    });
  });
}

const ttlSchema = z.object({ ttl: z.number().nullable() });

/**
 * Gives the records the TTL back that they had before `provision application` lowered it. One that somebody has set to
 * another since is left as it is.
 */
export async function restoreTtls(
  client: DigitalOcean,
  { config }: Subject,
  journal: Journal,
): Promise<void> {
  if (config.dns === undefined) return;
  const { zone } = config.dns;
  for (const { name, status, prior, result } of await journal.steps('provision application')) {
    const before = ttlSchema.safeParse(prior).data?.ttl ?? null;
    const lowered = ttlSchema.safeParse(result).data?.ttl ?? null;
    if (!name.startsWith(STEP) || status !== 'done' || before === null || before === lowered) continue;
    const domain = name.slice(STEP.length);
    const record = await readRecord(client, zone, domain);
    if (record === undefined || record.ttl !== lowered) continue;
    await writeRecord(client, zone, domain, { ...record, ttl: before });
    client.log.info(`${domain}: TTL back from ${lowered} s to ${before} s`);
  }
}
