import { digitalOceanZone } from '../src/digitalocean/dns.ts';
import type { DigitalOcean } from '../src/digitalocean/client.ts';
import { commandProvider } from '../src/dns/command.ts';
import { lazyOrigins, lazyProvider, type DnsProvider } from '../src/dns/provider.ts';
import { parseResolvers } from '../src/dns/resolvers.ts';
import { ConfigurationError } from '../src/errors.ts';
import type { Edge } from '../src/github/run.ts';
import type { MigrationConfig } from '../src/migration/config.ts';
import type { Parties } from './parties.ts';

/** With who serves the zone, and the resolvers that are watched: for the phases that move names. */
export function withNames(edge: Edge, parties: Parties): Parties {
  const resolvers = parseResolvers(edge.inputs.required('resolvers'));
  return { ...parties, dns: dnsOf(edge, parties.subject.config, parties.newSide.client), resolvers };
}

/**
 * The provider that migration.yml names, with the credentials of this action's inputs. The clients of Cloudflare and AWS
 * are loaded when the zone is first looked at, so that who needs neither does not wait for them.
 *
 * @param client of DigitalOcean; without one its own zones are not served.
 */
export function dnsOf(
  edge: Edge,
  { dns }: Pick<MigrationConfig, 'dns'>,
  client: DigitalOcean | undefined,
): DnsProvider | undefined {
  if (dns === undefined) return undefined;
  const { log, clock } = edge;
  switch (dns.provider) {
    case 'digitalocean':
      return client === undefined ? undefined : digitalOceanZone(client, dns.zone);
    case 'cloudflare': {
      const provider = lazyProvider('Cloudflare', dns.zone, async () => {
        const { cloudflareProvider } = await import('../src/dns/cloudflare.ts');
        const token = edge.inputs.secret('cloudflare-token');
        return cloudflareProvider({
          token,
          apiUrl: edge.inputs.url('cloudflare-api-url'),
          zone: dns.zone,
          log,
          clock,
        });
      });
      return { ...provider, origins: lazyOrigins(provider.opened) };
    }
    case 'route53':
      return lazyProvider('Route 53', dns.zone, async () => {
        const { route53Provider } = await import('../src/dns/route53.ts');
        return route53Provider({
          credentials: awsCredentials(edge),
          apiUrl: edge.inputs.url('route53-api-url'),
          zone: dns.zone,
          zoneId: dns.zoneId,
          log,
          clock,
        });
      });
    case 'command':
      return commandProvider({
        command: dns.command ?? '',
        zone: dns.zone,
        secret: edge.inputs.optionalSecret('dns-command-secret'),
        environment: process.env,
        log,
        clock,
      });
  }
}

/** Those of the inputs; `undefined`: the SDK looks into the environment, where an action for OpenID Connect puts a role's. */
function awsCredentials(
  edge: Edge,
): { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined {
  const accessKeyId = edge.inputs.optionalSecret('aws-access-key-id');
  const secretAccessKey = edge.inputs.optionalSecret('aws-secret-access-key');
  const sessionToken = edge.inputs.optionalSecret('aws-session-token');
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigurationError(
      'Of the inputs aws-access-key-id and aws-secret-access-key only one is set: they belong together.',
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
