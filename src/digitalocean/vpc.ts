import { z } from 'zod';
import { createOrFind, type DigitalOcean } from './client.ts';
import { requireOurs } from './ownership.ts';

const vpcSchema = z.object({
  id: z.string(),
  name: z.string(),
  region: z.string(),
  ip_range: z.string(),
  description: z.string().nullish(),
});

export interface Vpc {
  id: string;
  name: string;
  /** For example `10.114.0.0/20`. */
  range: string;
}

export async function findVpc(
  client: DigitalOcean,
  name: string,
): Promise<(Vpc & { description: string }) | undefined> {
  const vpcs = await client.all((page) => client.dots.vpc.listVpcs(page), 'vpcs', vpcSchema);
  const found = vpcs.find((vpc) => vpc.name === name);
  return (
    found && { id: found.id, name: found.name, range: found.ip_range, description: found.description ?? '' }
  );
}

/** The private network of the migration. A VPC has no tags, so its description carries the mark. */
export async function ensureVpc(
  client: DigitalOcean,
  wanted: { name: string; datacentre: string; tag: string },
): Promise<{ vpc: Vpc; created: boolean }> {
  const found = await findVpc(client, wanted.name);
  if (found !== undefined) {
    requireOurs('VPC', wanted.name, [found.description], wanted.tag);
    return { vpc: found, created: false };
  }
  const vpc = await createOrFind<Vpc>(
    async () => {
      const body = { name: wanted.name, region: wanted.datacentre, description: wanted.tag };
      const answer = await client.request('POST', '/vpcs', z.object({ vpc: vpcSchema }), body);
      return { id: answer.vpc.id, name: answer.vpc.name, range: answer.vpc.ip_range };
    },
    () => findVpc(client, wanted.name),
  );
  return { vpc, created: true };
}
