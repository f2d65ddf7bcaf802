import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import { createOrFind, orUndefined, type DigitalOcean } from './client.ts';
import { requireOurs } from './ownership.ts';
import { DigitalOceanError } from './refusal.ts';
import { waitFor } from './wait.ts';

const vpcSchema = z.object({
  id: z.string(),
  name: z.string(),
  region: z.string(),
  ip_range: z.string(),
  description: z.string().nullish(),
  default: z.boolean().nullish(),
});

export interface Vpc {
  id: string;
  name: string;
  /** For example `10.114.0.0/20`. */
  range: string;
}

/** What is read of a private network beside what others need of it. */
export interface FoundVpc extends Vpc {
  /** The datacentre, for example `fra1`. */
  datacentre: string;
  /** Carries the mark, as a VPC has no tags. */
  description: string;
  /** The network that everything in the datacentre joins which names none; it cannot be deleted. */
  isDefault: boolean;
}

export async function listVpcs(client: DigitalOcean): Promise<FoundVpc[]> {
  const vpcs = await client.all((page) => client.dots.vpc.listVpcs(page), 'vpcs', vpcSchema);
  return vpcs.map(toVpc);
}

export async function findVpc(client: DigitalOcean, name: string): Promise<FoundVpc | undefined> {
  return (await listVpcs(client)).find((vpc) => vpc.name === name);
}

function toVpc(found: z.infer<typeof vpcSchema>): FoundVpc {
  return {
    id: found.id,
    name: found.name,
    range: found.ip_range,
    datacentre: found.region,
    description: found.description ?? '',
    isDefault: found.default === true,
  };
}

/**
 * The private network of the migration. A VPC has no tags, so its description carries the mark. Throws a
 * ConfigurationError when ours lies in another datacentre: nothing in this one could join it, and it cannot be moved.
 */
export async function ensureVpc(
  client: DigitalOcean,
  wanted: { name: string; datacentre: string; tag: string },
): Promise<{ vpc: Vpc; created: boolean }> {
  const found = await findVpc(client, wanted.name);
  if (found !== undefined) {
    requireOurs('VPC', wanted.name, [found.description], wanted.tag);
    if (found.datacentre !== wanted.datacentre) {
      throw new ConfigurationError(
        `The VPC ${wanted.name} of this migration lies in ${found.datacentre}, and the plan says ${wanted.datacentre}. It cannot ` +
          'be moved, and what is in the other datacentre cannot join it: put `region` in migration.yml back, or remove the ' +
          'new side with `command: destroy` and provision it anew. Nothing was changed.',
      );
    }
    return { vpc: found, created: false };
  }
  const vpc = await createOrFind<Vpc>(
    async () => {
      const body = { name: wanted.name, region: wanted.datacentre, description: wanted.tag };
      return toVpc((await client.request('POST', '/vpcs', z.object({ vpc: vpcSchema }), body)).vpc);
    },
    () => findVpc(client, wanted.name),
  );
  return { vpc, created: true };
}

const MEMBERS_LIMIT_MS = 15 * 60_000;

/**
 * Removes a network once its members are gone; they vanish some time after they were deleted. The default network of a
 * datacentre cannot be deleted (the first one made there becomes it): that one is given to the account under the name
 * that DigitalOcean's own default would have, without our mark. Returns which of the two.
 */
export async function removeVpc(client: DigitalOcean, vpc: FoundVpc): Promise<'removed' | 'given away'> {
  if (vpc.isDefault) {
    const names = new Set((await listVpcs(client)).map(({ name }) => name));
    const usual = `default-${vpc.datacentre}`;
    const name = names.has(usual) ? `${usual}-${vpc.id.slice(0, 8)}` : usual;
    await client.request('PATCH', `/vpcs/${vpc.id}`, z.unknown(), { name, description: '' });
    return 'given away';
  }
  await waitFor(client, {
    what: `VPC ${vpc.name} to be empty`,
    limitMs: MEMBERS_LIMIT_MS,
    look: async () => {
      try {
        await orUndefined(() => client.request('DELETE', `/vpcs/${vpc.id}`, z.unknown()));
        return { done: true };
      } catch (error) {
        // 403 "Can not delete VPC with members"; also 409 by the error list of the API reference.
        if (!(error instanceof DigitalOceanError) || ![403, 409, 412, 422].includes(error.status))
          throw error;
        return { state: await membersOf(client, vpc.id) };
      }
    },
    whereToLook: 'https://cloud.digitalocean.com/networking/vpc which resources are still in it',
  });
  return 'removed';
}

async function membersOf(client: DigitalOcean, id: string): Promise<string> {
  const schema = z.object({
    members: z.array(z.object({ name: z.string().nullish(), urn: z.string().nullish() })).nullish(),
  });
  const answer = await orUndefined(() => client.request('GET', `/vpcs/${id}/members?per_page=200`, schema));
  const names = (answer?.members ?? []).map(({ name, urn }) => name ?? urn ?? 'unnamed');
  return names.length === 0 ? 'still in use' : `in use by ${names.join(', ')}`;
}
