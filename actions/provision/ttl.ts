import type { DnsProvider } from '../../src/dns/provider.ts';
import { longestTtl, type NameRecord } from '../../src/dns/record.ts';
import type { Log } from '../../src/log.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import { LOWERING_PHASE, LOWERING_STEP, ttlSchema } from '../cutover/lowered-ttl.ts';
import type { Provisioning } from './provision.ts';

/** Lowers the TTL of each domain well before the cutover: resolvers keep a record as long as it said when they asked. */
export function ttlSteps({ dns, plan, edge }: Provisioning): Step[] {
  // Behind a CDN no resolver has to follow.
  if (dns === undefined || plan.dns === null || plan.traffic === 'cdn') return [];
  const { ttl: wanted } = plan.dns;
  return plan.domains.map((domain) =>
    defineStep<{ ttl: number | null }, { ttl: number | null }>({
      name: `${LOWERING_STEP}${domain}`,
      prior: async () => ({ ttl: lifetimeOf(await dns.readAddresses(domain)) }),
      settle: async () =>
        (lifetimeOf(await dns.readAddresses(domain)) ?? 0) <= wanted ? 'done' : 'not-done',
      act: async () => {
        const records = await dns.readAddresses(domain);
        const ttl = lifetimeOf(records);
        if (ttl === null) {
          edge.log.warning(
            `${domain} has no A or CNAME record in the zone ${dns.zone}: the cutover will create one.`,
          );
          return { ttl };
        }
        if (ttl <= wanted) return { ttl };
        await dns.writeAddresses(domain, withLifetime(records, wanted));
        edge.log.info(`${domain}: TTL lowered from ${ttl} s to ${wanted} s`);
        return { ttl: wanted };
      },
      undo: async ({ ttl }) => {
        const records = await dns.readAddresses(domain);
        if (records.length > 0 && ttl !== null) await dns.writeAddresses(domain, withLifetime(records, ttl));
      },
    }),
  );
}

/** Seconds; `null` without a record. */
export function lifetimeOf(records: readonly NameRecord[]): number | null {
  return records.length === 0 ? null : longestTtl(records.filter(({ proxied }) => proxied !== true));
}

/** An alias and a proxied record have no lifetime that could be set. */
function withLifetime(records: readonly NameRecord[], ttl: number): NameRecord[] {
  return records.map((record) =>
    record.type === 'ALIAS' || record.proxied === true ? record : { ...record, ttl },
  );
}

/**
 * Gives the records the TTL back that they had before `provision application` lowered it. One that somebody has set to
 * another since is left as it is.
 */
export async function restoreTtls(dns: DnsProvider | undefined, journal: Journal, log: Log): Promise<void> {
  if (dns === undefined) return;
  for (const { name, status, prior, result } of await journal.steps(LOWERING_PHASE)) {
    const before = ttlSchema.safeParse(prior).data?.ttl ?? null;
    const lowered = ttlSchema.safeParse(result).data?.ttl ?? null;
    if (!name.startsWith(LOWERING_STEP) || status !== 'done' || before === null || before === lowered)
      continue;
    const domain = name.slice(LOWERING_STEP.length);
    const records = await dns.readAddresses(domain);
    if (lowered === null || lifetimeOf(records) !== lowered) continue;
    await dns.writeAddresses(domain, withLifetime(records, before));
    log.info(`${domain}: TTL back from ${lowered} s to ${before} s`);
  }
}
