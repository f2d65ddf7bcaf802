import { z } from 'zod';
import { createOrFind, expect, orUndefined, type DigitalOcean } from './client.ts';
import { requireOurs } from './ownership.ts';
import { waitFor } from './wait.ts';

const dropletSchema = z.object({
  id: z.number(),
  name: z.string(),
  status: z.string(),
  size_slug: z.string().default(''),
  features: z.array(z.string()).nullish(),
  region: z.looseObject({ slug: z.string() }).nullish(),
  tags: z.array(z.string()).nullish(),
  networks: z
    .object({ v4: z.array(z.object({ ip_address: z.string(), type: z.string() })).default([]) })
    .default({ v4: [] }),
});

export interface Droplet {
  id: number;
  name: string;
  status: string;
  size: string;
  tags: string[];
  backups: boolean;
  monitoring: boolean;
  /** For example `fra1`. */
  datacentre: string | undefined;
  /** `undefined` until it is active. */
  publicAddress: string | undefined;
  privateAddress: string | undefined;
}

export interface WantedDroplet {
  name: string;
  datacentre: string;
  size: string;
  vpcId: string;
  tag: string;
  /** Hour (UTC) at which the weekly backup may begin: 0, 4, 8, 12, 16 or 20. */
  backupHour: number;
  /** cloud-init, at most 64 KiB. Readable by everyone who may read the droplet's metadata from inside it. */
  userData: string;
}

/** Ubuntu LTS by its plain image: the Docker 1-click is years old. */
const IMAGE = 'ubuntu-24-04-x64';
const DROPLET_LIMIT_MS = 10 * 60_000;

/** The droplet of that name with our tag: the oldest, when an order that arrived twice has made two. */
export async function findDroplet(
  client: DigitalOcean,
  name: string,
  tag: string,
): Promise<Droplet | undefined> {
  const [oldest] = await findDroplets(client, name, tag);
  return oldest;
}

/** Names of droplets are not unique. The oldest first: every job of a migration must mean the same one. */
async function findDroplets(client: DigitalOcean, name: string, tag: string): Promise<Droplet[]> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.droplet.listDroplets({ ...page, tag_name: tag });
  return (await client.all(read, 'droplets', dropletSchema))
    .filter((droplet) => droplet.name === name)
    .sort((one, other) => one.id - other.id)
    .map(toDroplet);
}

/**
 * Finds the droplet by our tag and its name, or creates it with monitoring and weekly backups on and no SSH key: nobody
 * logs in over the network. Younger ones of the same name and tag, which an order that arrived twice has made, have never been
 * used and are removed.
 */
export async function ensureDroplet(
  client: DigitalOcean,
  wanted: WantedDroplet,
): Promise<{ droplet: Droplet; created: boolean; removed: number }> {
  const find = (): Promise<Droplet | undefined> => findDroplet(client, wanted.name, wanted.tag);
  const found = await find();
  if (found !== undefined) {
    requireOurs('droplet', wanted.name, found.tags, wanted.tag);
    return { droplet: found, created: false, removed: await removeYounger(client, found, wanted.tag) };
  }
  const ordered = await createOrFind<Droplet>(async () => {
    // Not by dots-wrapper, whose types know no backup policy.
    const shape = z.object({ droplet: dropletSchema });
    const answer = await client.request('POST', '/droplets', shape, {
      name: wanted.name,
      region: wanted.datacentre,
      size: wanted.size,
      image: IMAGE,
      vpc_uuid: wanted.vpcId,
      tags: [wanted.tag],
      user_data: wanted.userData,
      monitoring: true,
      backups: true,
      // The night before the quiet hour of Sunday, in which the machine may restart.
      backup_policy: { plan: 'weekly', weekday: 'SAT', hour: wanted.backupHour },
      ipv6: false,
      ssh_keys: [],
    });
    return toDroplet(answer.droplet);
  }, find);
  const droplet = (await find()) ?? ordered;
  return { droplet, created: true, removed: await removeYounger(client, droplet, wanted.tag) };
}

async function removeYounger(client: DigitalOcean, { id, name }: Droplet, tag: string): Promise<number> {
  const younger = (await findDroplets(client, name, tag)).filter((droplet) => droplet.id > id);
  for (const droplet of younger)
    await orUndefined(() => client.request('DELETE', `/droplets/${droplet.id}`, z.unknown()));
  return younger.length;
}

/** Waits until the droplet is active and has both addresses. What cloud-init does then takes some minutes more. */
export function waitUntilActive(
  client: DigitalOcean,
  id: number,
): Promise<Droplet & { publicAddress: string; privateAddress: string }> {
  return waitFor(client, {
    what: `droplet ${id} to be active`,
    limitMs: DROPLET_LIMIT_MS,
    look: async () => {
      const answer = await client.dots.droplet.getDroplet({ droplet_id: id });
      const droplet = toDroplet(
        expect(answer, z.object({ droplet: dropletSchema }), 'GET /droplets').droplet,
      );
      const { publicAddress, privateAddress, status } = droplet;
      const ready = status === 'active' && publicAddress !== undefined && privateAddress !== undefined;
      return ready ? { done: { ...droplet, publicAddress, privateAddress } } : { state: status };
    },
  });
}

function toDroplet(found: z.infer<typeof dropletSchema>): Droplet {
  const address = (type: string): string | undefined =>
    found.networks.v4.find((network) => network.type === type)?.ip_address;
  return {
    id: found.id,
    name: found.name,
    status: found.status,
    size: found.size_slug,
    tags: found.tags ?? [],
    backups: found.features?.includes('backups') === true,
    monitoring: found.features?.includes('monitoring') === true,
    datacentre: found.region?.slug,
    publicAddress: address('public'),
    privateAddress: address('private'),
  };
}
