import { describeRecords } from '../../src/dns/record.ts';
import { missing, ok, unanswered, unknown, wanting, type Check } from '../../src/doctor/check.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { dnsOf } from '../names.ts';
import type { Declared } from './doctor-reading.ts';

/**
 * Whether the zone can be read where migration.yml says that it is served, with these credentials. DigitalOcean's own are
 * looked at with its token. Writing is not tried: the pre-flight of a cutover does.
 */
export async function zoneChecks(edge: Edge, { config, environments }: Declared): Promise<Check[]> {
  if (config?.dns === undefined || config.dns.provider === 'digitalocean') return [];
  const dns = dnsOf(edge, config, undefined);
  if (dns === undefined) return [];
  const checks: Check[] = [];
  for (const { domains } of environments) {
    for (const domain of domains) {
      const what = `${domain} at ${dns.title}`;
      try {
        const records = await dns.readAddresses(domain);
        checks.push(
          records.length > 0
            ? ok('DNS', what, describeRecords(records))
            : missing('DNS', what, 'no record', `Add the one that leads to Heroku to the zone ${dns.zone}`),
        );
      } catch (error) {
        edge.signal.throwIfAborted();
        const mend = 'docs/dns.md tells the permissions';
        if (error instanceof ConfigurationError) return [missing('DNS', what, messageOf(error), mend)];
        return [unanswered('DNS', what, messageOf(error), 'Run this again')];
      }
    }
  }
  if (config.traffic === 'cdn' && dns.origins !== undefined) checks.push(await planCheck(edge, dns.origins));
  checks.push(
    unknown(
      'DNS',
      `Writing to ${dns.zone}`,
      'not tried, since that would change something',
      'The pre-flight of a cutover proves it by a TXT record that it removes; `dry-run: true` does only that',
    ),
  );
  return checks;
}

async function planCheck(edge: Edge, origins: { readPlan(): Promise<string> }): Promise<Check> {
  const what = 'Plan that overrides the Host header';
  try {
    const plan = await origins.readPlan();
    return plan === 'enterprise'
      ? ok('DNS', what, plan)
      : missing(
          'DNS',
          what,
          plan === '' ? 'not told' : plan,
          "`traffic: cdn` needs Cloudflare's Enterprise plan; with any other turn the proxy off and write `traffic: dns`",
        );
  } catch (error) {
    edge.signal.throwIfAborted();
    return wanting('DNS', what, messageOf(error), 'docs/dns.md tells the permissions');
  }
}
