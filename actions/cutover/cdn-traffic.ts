import type { NameRecord } from '../../src/dns/record.ts';
import { describeRecords } from '../../src/dns/record.ts';
import type { Origins } from '../../src/dns/provider.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';
import { maintenanceMode, park, providerOf } from './dns-traffic.ts';
import type { TrafficSteps } from './traffic.ts';

/**
 * Visitors stay with the CDN that they know, and it takes them to another origin: no resolver has to follow, and the new
 * app needs neither the domain nor a certificate for it.
 */
export function cdnTraffic(parties: Parties): TrafficSteps {
  return {
    hold: [maintenanceMode(parties), park(parties)],
    lead: parties.subject.environment.domains.map((domain) => moveOrigin(parties, domain)),
  };
}

/** One step a name: each has its own prior state to go back to. */
export function cdnStepName(domain: string): string {
  return `cdn ${domain}`;
}

/** A proxied record's lifetime is the CDN's own. */
const PROXIED_TTL = 300;

/**
 * The record first, then the name that the origin is asked under. Between the two, for as long as Cloudflare takes for
 * one request, App Platform is asked for a name that it does not know; the other way round Heroku would be, and says
 * "no such app" with a 404, which a sender of webhooks does not repeat.
 */
function moveOrigin(parties: Parties, domain: string): Step {
  return defineStep<{ records: NameRecord[]; host: string | null }, { records: NameRecord[]; host: string }>({
    name: cdnStepName(domain),
    prior: async () => ({
      records: await providerOf(parties).readAddresses(domain),
      host: (await originsOf(parties).readHost(domain)) ?? null,
    }),
    act: async ({ records: before }) => {
      const host = await parties.newSide.ingressHost();
      const records: NameRecord[] = [{ type: 'CNAME', data: host, ttl: PROXIED_TTL, proxied: true }];
      await providerOf(parties).writeAddresses(domain, records);
      await originsOf(parties).ensureHost(domain, host);
      parties.log.info(
        `${domain}: ${describeRecords(before)} → ${describeRecords(records)}, asked as ${host}`,
      );
      return { records, host };
    },
  });
}

export function originsOf(parties: Pick<Parties, 'dns'>): Origins {
  const { origins } = providerOf(parties);
  if (origins !== undefined) return origins;
  throw new ConfigurationError(
    '`traffic: cdn` needs `dns: { provider: cloudflare }` in migration.yml: put it back as it was at the cutover.',
  );
}
