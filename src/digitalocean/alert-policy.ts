import { z } from 'zod';
import { listAt, orUndefined, type DigitalOcean } from './client.ts';

const policySchema = z.looseObject({
  uuid: z.string(),
  type: z.string(),
  description: z.string().default(''),
  tags: z.array(z.string()).nullish(),
  entities: z.array(z.string()).nullish(),
  value: z.number(),
  enabled: z.boolean().default(true),
});

export interface AlertPolicy {
  id: string;
  /** What is measured, such as `v1/insights/droplet/cpu`. */
  type: string;
  description: string;
}

/** A value that somebody should look at. */
export interface Threshold {
  type: string;
  what: string;
  /** Percent; for the load, processes that want to run. */
  above: number;
  window: '5m' | '10m' | '30m' | '1h';
}

/**
 * What somebody should look at before it stops a queue. Redis may use three quarters of the memory less 256 MiB, so
 * 85 % means that it is full or that something else grows; its disk holds the data about three times while they are
 * written anew; it works on one core, so a load above all of them is not its own.
 */
function thresholds(cores: number): Threshold[] {
  return [
    { type: 'v1/insights/droplet/memory_utilization_percent', what: 'memory', above: 85, window: '10m' },
    { type: 'v1/insights/droplet/disk_utilization_percent', what: 'disk', above: 70, window: '10m' },
    { type: 'v1/insights/droplet/cpu', what: 'CPU', above: 85, window: '10m' },
    { type: 'v1/insights/droplet/load_15', what: 'load', above: cores * 2, window: '30m' },
  ];
}

/** The alert policies on droplets that carry this tag and no other. */
export async function findAlertPolicies(client: DigitalOcean, tag: string): Promise<AlertPolicy[]> {
  return (await listAlertPolicies(client))
    .filter(({ tags }) => tags?.length === 1 && tags[0] === tag)
    .map(({ uuid, type, description }) => ({ id: uuid, type, description }));
}

/** Every alert policy of the team. */
export function listAlertPolicies(client: DigitalOcean): Promise<z.infer<typeof policySchema>[]> {
  return listAt(client, '/monitoring/alerts', 'policies', policySchema);
}

/**
 * Creates policies that tell by e-mail. Should an answer be lost, the next run finds the policy by what it is on and its
 * type; should an order arrive twice, its twin is removed.
 *
 * @param on droplets by their tag, or one database cluster by its id
 */
export async function createAlertPolicies(
  client: DigitalOcean,
  missing: readonly Threshold[],
  on: { name: string; tags: string[]; entities: string[]; email: string },
): Promise<void> {
  const wanted = missing.map(({ type, what, above, window }) => ({
    type,
    description: `${on.name}: ${what} above ${above}${what === 'load' ? '' : ' %'}`,
    compare: 'GreaterThan',
    value: above,
    window,
    entities: on.entities,
    tags: on.tags,
    alerts: { email: [on.email], slack: [] },
    enabled: true,
  }));
  for (const policy of wanted) await client.request('POST', '/monitoring/alerts', z.unknown(), policy);
  if (wanted.length > 0) await removeTwins(client, new Set(wanted.map(({ description }) => description)));
}

/** Of policies that say the very same, whom they tell included, one stays. */
async function removeTwins(client: DigitalOcean, descriptions: ReadonlySet<string>): Promise<void> {
  const seen = new Set<string>();
  for (const { uuid, ...said } of await listAlertPolicies(client)) {
    if (!descriptions.has(said.description)) continue;
    const content = JSON.stringify(said);
    if (seen.has(content))
      await orUndefined(() => client.request('DELETE', `/monitoring/alerts/${uuid}`, z.unknown()));
    seen.add(content);
  }
}

/** The policies that are missing; those that are there are left as they are, since a person may have adapted them. */
export function missingAlerts(found: readonly AlertPolicy[], cores: number): Threshold[] {
  return thresholds(cores).filter(({ type }) => !found.some((policy) => policy.type === type));
}

/**
 * Alerts by e-mail on memory, disk, CPU and load of the droplets with the tag. Returns how many were created.
 *
 * @param email a verified address of the account; DigitalOcean accepts no other
 */
export async function ensureAlertPolicies(
  client: DigitalOcean,
  wanted: { tag: string; name: string; cores: number; email: string },
): Promise<number> {
  const missing = missingAlerts(await findAlertPolicies(client, wanted.tag), wanted.cores);
  const { name, tag, email } = wanted;
  await createAlertPolicies(client, missing, { name, tags: [tag], entities: [], email });
  return missing.length;
}

/** The account's own address, when it is verified. */
export async function accountEmail(client: DigitalOcean): Promise<string | undefined> {
  const shape = z.object({
    account: z.looseObject({ email: z.string().default(''), email_verified: z.boolean().default(false) }),
  });
  const { account } = await client.request('GET', '/account', shape);
  return account.email_verified && account.email !== '' ? account.email : undefined;
}
