import { readAppById, type AppDomain } from './app.ts';
import type { DigitalOcean } from './client.ts';
import type { DnsProvider } from '../dns/provider.ts';

export interface DomainReadiness {
  domain: string;
  /** A certificate is there, so the switch of DNS costs no TLS errors. */
  ready: boolean;
  phase: string;
  certificateExpiresAt: string | null;
  /** What the zone needs. */
  records: { name: string; value: string }[];
}

const POLL_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;
/** Short: the records are for one validation and are asked again by name. */
const TXT_TTL = 300;

/**
 * Proves the domains to the certificate authority before DNS points here: writes the TXT records that App Platform asks
 * for into the zone and waits until each has its certificate. Domains that are not ready after `limitMs` are told, not
 * thrown: the cutover's pre-flight decides.
 *
 * @param dns who serves their zone, or `undefined` when a person writes the records.
 */
export async function validateDomains(
  client: DigitalOcean,
  appId: string,
  domains: string[],
  dns: DnsProvider | undefined,
  limitMs: number,
): Promise<DomainReadiness[]> {
  const started = client.clock.now().getTime();
  for (let pause = POLL_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    const live = (await readAppById(client, appId)).domains ?? [];
    const found = domains.map((domain) => readiness(domain, live));
    if (dns !== undefined) {
      for (const { records } of found) {
        for (const { name, value } of records) {
          const added = await dns.ensureText(name, value, TXT_TTL);
          if (added) client.log.info(`Wrote the TXT record ${name} that proves the domain`);
        }
      }
    }
    const waiting = found.filter(({ ready }) => !ready);
    if (waiting.length === 0) return found;
    if (client.clock.now().getTime() >= Math.min(client.deadline ?? Infinity, started + limitMs))
      return found;
    client.log.debug(
      `Certificates are missing for ${waiting.map(({ domain, phase }) => `${domain} (${phase})`).join(', ')}`,
    );
    await client.clock.sleep(pause, client.signal);
  }
}

function readiness(domain: string, live: AppDomain[]): DomainReadiness {
  const found = live.find(({ spec }) => spec?.domain === domain);
  const expires = found?.certificate_expires_at ?? null;
  const phase = found?.phase ?? 'PENDING';
  return {
    domain,
    ready: phase === 'ACTIVE' || expires !== null,
    phase,
    certificateExpiresAt: expires,
    records: (found?.validations ?? []).map(({ txt_name, txt_value }) => ({
      name: txt_name.replace(/\.$/, ''),
      value: txt_value,
    })),
  };
}
