import { z } from 'zod';
import { ConfigurationError, messageOf } from '../errors.ts';
import { orUndefined, type DigitalOcean } from './client.ts';
import { readRegistries, type Registries } from './registry.ts';

/** What a token is, what it may read, and the limits of its team. */
export interface DigitalOceanAccess {
  /** False: DigitalOcean does not know the token, and nothing else was asked. */
  known: boolean;
  /** By scope: whether reading was admitted; the reason where that stayed open. */
  reads: Record<string, { granted: boolean | undefined; why: string }>;
  /** Undefined without `account:read`. */
  account: DigitalOceanAccount | undefined;
  /** How many there are already; undefined where that may not be read. */
  droplets: number | undefined;
  clusters: number | undefined;
  /** Whether the zone is in the account; undefined when nobody asked, or nothing was answered. */
  zone: boolean | undefined;
  /** Where images may be pushed; undefined where that may not be read. */
  registries: Registries | undefined;
}

export interface DigitalOceanAccount {
  /** `active`, `warning` or `locked`. */
  status: string;
  message: string;
  emailVerified: boolean;
  dropletLimit: number;
}

const accountSchema = z.object({
  account: z.object({
    status: z.string(),
    status_message: z.string().default(''),
    email_verified: z.boolean(),
    droplet_limit: z.number(),
  }),
});
const counted = z.object({
  meta: z.object({ total: z.number() }).optional(),
  // The list of clusters has no pages, and no total.
  databases: z.array(z.unknown()).nullish(),
});
const anything = z.object({});

/** The address that tells whether a scope is there, each by a GET of one item at most. */
const READS = {
  'account:read': '/account',
  'app:read': '/apps?per_page=1',
  'database:read': '/databases',
  'droplet:read': '/droplets?per_page=1',
  'firewall:read': '/firewalls?per_page=1',
  'vpc:read': '/vpcs?per_page=1',
  'monitoring:read': '/monitoring/alerts?per_page=1',
  'domain:read': '/domains?per_page=1',
  'tag:read': '/tags?per_page=1',
  'project:read': '/projects?per_page=1',
  'sizes:read': '/sizes?per_page=1',
  'regions:read': '/regions?per_page=1',
} as const;
export type ReadScope = keyof typeof READS;
export const readScopes = Object.keys(READS) as ReadScope[];

/**
 * Looks at the token by GET only, side by side. What is refused is told, not thrown.
 *
 * @param zone of the domains; undefined when DigitalOcean does not serve it.
 */
export async function readDigitalOceanAccess(
  client: DigitalOcean,
  zone: string | undefined,
): Promise<DigitalOceanAccess> {
  const answers = await Promise.all(
    readScopes.map(async (scope) => {
      const shape = scope === 'account:read' ? accountSchema : anything.loose();
      return { scope, ...(await asked(client, () => client.request('GET', READS[scope], shape))) };
    }),
  );
  const answerOf = (scope: ReadScope) => answers.find((answer) => answer.scope === scope)?.value;
  const known = answers.some(({ unknownToken }) => !unknownToken);
  const account = accountSchema.safeParse(answerOf('account:read'));
  const total = (scope: ReadScope): number | undefined => {
    const answer = counted.safeParse(answerOf(scope)).data;
    return answer?.meta?.total ?? answer?.databases?.length;
  };
  return {
    known,
    reads: Object.fromEntries(answers.map(({ scope, granted, why }) => [scope, { granted, why }])),
    account: account.success
      ? {
          status: account.data.account.status,
          message: account.data.account.status_message.trim(),
          emailVerified: account.data.account.email_verified,
          dropletLimit: account.data.account.droplet_limit,
        }
      : undefined,
    droplets: total('droplet:read'),
    clusters: total('database:read'),
    zone: zone === undefined || !known ? undefined : await hasZone(client, zone),
    registries: known ? (await asked(client, () => readRegistries(client))).value : undefined,
  };
}

async function hasZone(client: DigitalOcean, zone: string): Promise<boolean | undefined> {
  const path = `/domains/${encodeURIComponent(zone)}`;
  const { granted, value } = await asked(client, () =>
    orUndefined(() => client.request('GET', path, anything.loose())),
  );
  return granted === true ? value !== undefined : undefined;
}

interface Asked<T> {
  granted: boolean | undefined;
  why: string;
  unknownToken: boolean;
  value?: T;
}

async function asked<T>(client: DigitalOcean, read: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { granted: true, why: '', unknownToken: false, value: await read() };
  } catch (error) {
    client.signal?.throwIfAborted();
    const why = messageOf(error);
    const refused = error instanceof ConfigurationError;
    const unknownToken = refused && /does not know the token/.test(why);
    return { granted: refused ? false : undefined, why, unknownToken };
  }
}
