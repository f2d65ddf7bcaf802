import type { DigitalOceanAccess, ReadScope } from '../digitalocean/access.ts';
import { tierTold } from '../digitalocean/registry.ts';
import { REGISTRY_TIER, REGISTRY_USD } from '../migration/cost.ts';
import { missing, ok, unanswered, unknown, wanting, type Check } from './check.ts';

const TOKENS = 'https://cloud.digitalocean.com/account/api/tokens';
const STORE =
  'and store it as the secret DIGITALOCEAN_TOKEN (`gh secret set DIGITALOCEAN_TOKEN --env <environment>`)';
const REGISTRY = 'https://cloud.digitalocean.com/registry';
const LIMITS = 'https://cloud.digitalocean.com/account/team/droplet_limit_increase';

/** What reading cannot tell: DigitalOcean names a token's scopes nowhere, and trying these would change something. */
export const UNSEEN_SCOPES = {
  /** For a migration and the way back. */
  migration: [
    'app:create',
    'app:update',
    'database:create',
    'database:update',
    'database:view_credentials',
    'domain:create',
    'domain:update',
    'domain:delete',
    'droplet:create',
    'firewall:create',
    'firewall:update',
    'monitoring:create',
    'project:assign_resource',
    'registry:create',
    'registry:update',
    'tag:create',
    'vpc:create',
  ],
  /** Asked for when droplets, clusters and apps are created. */
  creating: ['actions:read', 'image:read', 'registry:read'],
  /** Of provision's `command: destroy`. */
  destroy: [
    'app:delete',
    'database:delete',
    'droplet:delete',
    'firewall:delete',
    'monitoring:delete',
    'registry:delete',
    'tag:delete',
    'vpc:update',
    'vpc:delete',
  ],
} as const;

/** A team may have ten clusters unless support raises it (DigitalOcean docs, "Limits", 2025-11). */
const CLUSTERS_OF_A_TEAM = 10;

export interface DigitalOceanFacts {
  /** `undefined`: no token was given. */
  access: DigitalOceanAccess | undefined;
  /** The zone of the domains; undefined when migration.yml names none. */
  zone: string | undefined;
  /** What each environment would create and where; empty while that is not known. */
  offers: OfferCheck[];
}

/** Whether one thing that an environment needs can be created in its region. */
export interface OfferCheck {
  environment: string;
  /** `PostgreSQL db-s-1vcpu-1gb in fra1` */
  what: string;
  /** Undefined: DigitalOcean's offers could not be read. */
  offered: boolean | undefined;
  /** What to write instead. */
  mend: string;
  /** New droplets and clusters that it takes. */
  droplets: number;
  clusters: number;
}

export function digitalOceanChecks(facts: DigitalOceanFacts): Check[] {
  const { access } = facts;
  if (access === undefined) {
    return [
      missing(
        'DigitalOcean',
        'Token',
        'none was given',
        `Make one with full access, or with the scopes that the READMEs of the actions list, at ${TOKENS}, ${STORE}`,
      ),
    ];
  }
  if (!access.known) {
    return [
      missing(
        'DigitalOcean',
        'Token',
        'DigitalOcean does not know it: it was revoked, has expired, or was cut when it was pasted',
        `Make a new one at ${TOKENS}, ${STORE}`,
      ),
    ];
  }
  return [
    ok('DigitalOcean', 'Token', 'DigitalOcean knows it'),
    ...readScopeChecks(access, facts),
    unknown(
      'DigitalOcean',
      'Scopes that change something',
      `not seen, since trying them would change something: ${UNSEEN_SCOPES.migration.join(', ')}; nor, which creating asks for, ${UNSEEN_SCOPES.creating.join(', ')}; nor, only to take the new side away again, ${UNSEEN_SCOPES.destroy.join(', ')}`,
      `Compare them with the token's at ${TOKENS}; one with full access has them all`,
    ),
    ...accountChecks(access),
    ...limitChecks(access, facts.offers),
    ...zoneChecks(access, facts.zone),
    registryCheck(access),
    ...facts.offers.map(offerCheck),
  ];
}

/** Which scopes a phase would refuse without: some serve the zone only, or the droplet of Redis. */
function neededFor({ zone, offers }: DigitalOceanFacts): (scope: ReadScope) => boolean {
  const droplet = offers.length === 0 || offers.some(({ droplets }) => droplets > 0);
  return (scope) => {
    if (scope === 'domain:read') return zone !== undefined;
    return droplet || !['droplet:read', 'firewall:read'].includes(scope);
  };
}

function readScopeChecks({ reads }: DigitalOceanAccess, facts: DigitalOceanFacts): Check[] {
  const isNeeded = neededFor(facts);
  return (Object.entries(reads) as [ReadScope, DigitalOceanAccess['reads'][string]][]).map(
    ([scope, { granted, why }]) => {
      const what = `Scope ${scope}`;
      const mend = `Tick ${scope} of the token at ${TOKENS}`;
      const needed = isNeeded(scope);
      if (granted === true) return ok('DigitalOcean', what, 'granted');
      if (granted === undefined) {
        const again = 'Run this again; https://status.digitalocean.com tells of trouble';
        return needed
          ? unanswered('DigitalOcean', what, why, again)
          : unknown('DigitalOcean', what, why, again);
      }
      return needed
        ? missing('DigitalOcean', what, 'refused', mend)
        : wanting('DigitalOcean', what, 'refused', mend);
    },
  );
}

function accountChecks({ account }: DigitalOceanAccess): Check[] {
  if (account === undefined) {
    return [
      unknown(
        'DigitalOcean',
        'Account',
        'its status and limits could not be read: that takes account:read',
        'Look at https://cloud.digitalocean.com/account',
      ),
    ];
  }
  const { status, message, emailVerified } = account;
  const said = message === '' ? status : `${status}: ${message}`;
  return [
    status === 'active'
      ? ok('DigitalOcean', 'Account active', said)
      : (status === 'locked' ? missing : wanting)(
          'DigitalOcean',
          'Account active',
          said,
          'https://cloud.digitalocean.com/account/billing, or https://cloudsupport.digitalocean.com',
        ),
    emailVerified
      ? ok('DigitalOcean', 'E-mail verified', 'yes')
      : missing(
          'DigitalOcean',
          'E-mail verified',
          'no: nothing can be created before it is',
          'https://cloud.digitalocean.com/account/profile',
        ),
  ];
}

function limitChecks({ account, droplets, clusters }: DigitalOceanAccess, offers: OfferCheck[]): Check[] {
  const newDroplets = offers.reduce((sum, offer) => sum + offer.droplets, 0);
  const newClusters = offers.reduce((sum, offer) => sum + offer.clusters, 0);
  const found: Check[] = [];
  if (account !== undefined && droplets !== undefined) {
    const seen = `${droplets} of ${account.dropletLimit}, and ${newDroplets} may be added`;
    found.push(
      droplets + newDroplets <= account.dropletLimit
        ? ok('DigitalOcean', 'Limit of droplets', seen)
        : missing('DigitalOcean', 'Limit of droplets', seen, `Ask for more at ${LIMITS}`),
    );
  }
  if (clusters !== undefined) {
    const seen = `${clusters} now, and ${newClusters} may be added; a team has ${CLUSTERS_OF_A_TEAM} unless support raised it`;
    found.push(
      clusters + newClusters <= CLUSTERS_OF_A_TEAM
        ? ok('DigitalOcean', 'Limit of database clusters', seen)
        : wanting(
            'DigitalOcean',
            'Limit of database clusters',
            seen,
            'Ask for more at https://cloudsupport.digitalocean.com',
          ),
    );
  }
  return found;
}

function zoneChecks({ zone: found }: DigitalOceanAccess, zone: string | undefined): Check[] {
  if (zone === undefined) return [];
  const what = `DNS zone ${zone}`;
  if (found === true) return [ok('DigitalOcean', what, 'in the account')];
  if (found === undefined) {
    return [unanswered('DigitalOcean', what, 'could not be read', 'See the scope domain:read above')];
  }
  return [
    missing(
      'DigitalOcean',
      what,
      'not in the account',
      `\`doctl compute domain create ${zone}\`, copy its records there, then name ns1, ns2 and ns3.digitalocean.com at the registrar`,
    ),
  ];
}

/** Images may go elsewhere, so that no want of it is a problem of ours. */
function registryCheck({ registries }: DigitalOceanAccess): Check {
  const what = 'Container registry';
  if (registries === undefined)
    return unknown('DigitalOcean', what, 'not seen: that takes registry:read', `Look at ${REGISTRY}`);
  const { names, tier } = registries;
  if (names.length === 0) {
    return ok(
      'DigitalOcean',
      what,
      `none yet: the one that the variable IMAGE_REPOSITORY names is made before the first push (${REGISTRY_TIER}, ${REGISTRY_USD} USD a month for the whole account)`,
    );
  }
  const seen = [names.join(', '), tierTold(tier)].filter((text) => text !== '').join(': ');
  return tier?.slug === 'starter'
    ? wanting('DigitalOcean', what, `${seen}; a second image hardly fits`, `Choose basic under ${REGISTRY}`)
    : ok('DigitalOcean', what, seen);
}

function offerCheck({ environment, what, offered, mend }: OfferCheck): Check {
  const named = `${environment}: ${what}`;
  if (offered === true) return ok('DigitalOcean', named, 'offered');
  return offered === undefined
    ? unanswered('DigitalOcean', named, "DigitalOcean's offers could not be read", 'See the scopes above')
    : missing('DigitalOcean', named, 'not offered', mend);
}
