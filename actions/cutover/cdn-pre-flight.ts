import { PLAN_WITH_HOST_OVERRIDE } from '../../src/dns/cloudflare-plan.ts';
import { describeRecords } from '../../src/dns/record.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Parties } from '../parties.ts';
import { originsOf } from './cdn-traffic.ts';
import type { NameRead } from './dns-pre-flight.ts';
import type { Finding } from './findings.ts';

/** Whether Cloudflare can take visitors to the new app: under the name that this knows, and over TLS. */
export async function cdnFindings(parties: Parties, names: readonly NameRead[]): Promise<Finding[]> {
  const found = await Promise.all([
    told('plan of the zone at Cloudflare', () => planFinding(parties)),
    told('TLS between Cloudflare and the origin', () => sslFinding(parties)),
    ...names.map((one) => told(`origin rule of ${one.domain}`, () => ruleFinding(parties, one.domain))),
  ]);
  return [...names.map(proxiedFinding), ...found];
}

/** A refusal of Cloudflare's is a finding like the others: all of them are told at once. */
async function told(what: string, look: () => Promise<Omit<Finding, 'what'>>): Promise<Finding> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { what, found: 'not known', remedy: error.message };
  }
}

function proxiedFinding({ domain, records }: NameRead): Finding {
  const what = `DNS of ${domain}`;
  const found = describeRecords(records);
  if (records.every(({ proxied }) => proxied === true)) return { what, found };
  return {
    what,
    found,
    remedy:
      'Cloudflare does not proxy it (DNS only), so it has no origin that could be switched: turn the proxy on and see that Heroku is well ' +
      'behind it, or write `traffic: dns`.',
  };
}

async function planFinding(parties: Parties): Promise<Omit<Finding, 'what'>> {
  const plan = await originsOf(parties).readPlan();
  if (plan === PLAN_WITH_HOST_OVERRIDE) return { found: plan };
  return {
    found: plan === '' ? 'not told' : plan,
    remedy:
      "App Platform answers under the app's own name only, so Cloudflare must override the Host header by an origin rule, and that is part of " +
      'its Enterprise plan. With any other: turn the proxy of the records off and write `traffic: dns`.',
  };
}

async function sslFinding(parties: Parties): Promise<Omit<Finding, 'what'>> {
  const mode = await originsOf(parties).readSslMode();
  if (mode === 'full' || mode === 'strict' || mode === 'origin_pull') return { found: mode };
  return {
    found: mode,
    remedy:
      'Cloudflare would ask App Platform over plain HTTP, which redirects to HTTPS, round and round: set SSL/TLS to Full (strict).',
  };
}

/** Asked now, so that a token without the permission is noticed before anything is touched. */
async function ruleFinding(parties: Parties, domain: string): Promise<Omit<Finding, 'what'>> {
  const host = await originsOf(parties).readHost(domain);
  if (host === undefined) return { found: 'none yet' };
  const ingress = await parties.newSide.ingressHost();
  if (host === ingress) return { found: `${host} already` };
  return {
    found: host,
    remedy: `It leads to another app than this migration's (${ingress}): remove that rule at Cloudflare.`,
  };
}
