import { validateDomains } from '../../src/digitalocean/domain.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { formatDuration } from '../../src/report/format.ts';
import type { DigitalOceanGround } from './digitalocean-ground.ts';
import { Disproved } from './outcome.ts';

/** What people report of certificates there, twice over. */
const LIMIT_MS = 20 * 60_000;

/** Proves a name that leads nowhere by the TXT record that App Platform asks for, and waits for its certificate. */
export async function plainDomain(ground: DigitalOceanGround, dns: DnsProvider | undefined): Promise<string> {
  const { domain, client } = ground;
  if (domain === undefined || dns === undefined)
    throw new Error('migration.yml names no zone (`dns`), so there is no name to try');
  if ((await dns.readAddresses(domain)).length > 0)
    throw new Error(
      `${domain} is in use: give the input domain a name of the zone ${dns.zone} that leads nowhere`,
    );
  const app = await ground.app();
  const started = client.clock.now().getTime();
  const [found] = await validateDomains(client, app.id, [domain], dns, LIMIT_MS);
  if (found?.ready === true)
    return `${domain} has a certificate, proven by the TXT record ${found.records.map(({ name }) => name).join(', ')}, and leads nowhere`;
  if (found === undefined || found.records.length === 0)
    throw new Disproved(
      `App Platform asks for no TXT record of ${domain}; it is ${found?.phase ?? 'unknown'}`,
    );
  throw new Disproved(
    `${domain} has its TXT record and no certificate after ${formatDuration(client.clock.now().getTime() - started)}: it is ${found.phase}`,
  );
}
