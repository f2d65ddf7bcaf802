import { domainToASCII } from 'node:url';

import { isApex, type Domain } from '../heroku/domains.ts';
import { configSchema } from './config-schema.ts';
import type { NamedApp } from './propose-names.ts';

export interface ProposedDomains {
  /** The zone of the records; undefined when no app has a domain that can move. */
  zone: string | undefined;
  /** By environment: the host names that move with it. */
  moving: Record<string, string[]>;
  /** By environment: those that migration.yml cannot name, and why. */
  staying: Record<string, { hostname: string; why: string }[]>;
}

const environmentsSchema = configSchema.shape.environments;

/**
 * The custom domains of each environment, and the zone that holds most of production's. One file writes the records of one
 * zone; domains of another are told and left out. A zone's name is guessed from the domains: Heroku does not know it.
 */
export function proposeDomains(apps: readonly NamedApp[]): ProposedDomains {
  const moving: Record<string, string[]> = {};
  const staying: ProposedDomains['staying'] = {};
  const zone = zoneOf(apps);
  const seen = new Set<string>();
  for (const { environment, inventory } of apps) {
    moving[environment] = [];
    staying[environment] = [];
    for (const { hostname } of custom(inventory.domains)) {
      const name = written(hostname);
      const why = whyNot(name, hostname, zone, seen);
      if (why === undefined && name !== undefined) {
        seen.add(name);
        moving[environment].push(name);
      } else if (why !== undefined) staying[environment].push({ hostname, why });
    }
  }
  return { zone, moving, staying };
}

function whyNot(
  name: string | undefined,
  hostname: string,
  zone: string | undefined,
  seen: ReadonlySet<string>,
): string | undefined {
  if (hostname.startsWith('*.')) return 'wildcards are not supported yet';
  if (name === undefined) return 'it is no host name that a record can have';
  if (seen.has(name)) return 'it stands in this file already';
  if (zone === undefined || (name !== zone && !name.endsWith(`.${zone}`))) {
    return 'it is in another zone, and one file writes the records of one';
  }
  return undefined;
}

/** Production's domains decide, since its visitors are the ones that matter most. */
function zoneOf(apps: readonly NamedApp[]): string | undefined {
  const count = new Map<string, number>();
  for (const { environment, inventory } of apps) {
    for (const { hostname } of custom(inventory.domains)) {
      const name = written(hostname);
      if (name === undefined) continue;
      const zone = apexOf(name);
      count.set(zone, (count.get(zone) ?? 0) + (environment === 'production' ? 1_000 : 1));
    }
  }
  return [...count].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))[0]?.[0];
}

function apexOf(name: string): string {
  let rest = name;
  while (!isApex(rest) && rest.split('.').length > 2) rest = rest.slice(rest.indexOf('.') + 1);
  return rest;
}

/** As migration.yml takes it: lower case, international names in the letters of DNS. */
function written(hostname: string): string | undefined {
  const name = domainToASCII(hostname.toLowerCase().replace(/\.$/, ''));
  const asked = { any: { 'heroku-app': 'any', region: 'any', domains: [name] } };
  return environmentsSchema.safeParse(asked).success ? name : undefined;
}

function custom(domains: readonly Domain[]): Domain[] {
  return domains.filter(({ kind }) => kind === 'custom');
}
