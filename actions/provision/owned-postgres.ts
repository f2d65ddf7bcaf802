import { z } from 'zod';
import { findClusterAlerts } from '../../src/digitalocean/cluster-alert.ts';
import { orUndefined, type DigitalOcean } from '../../src/digitalocean/client.ts';
import type { Owned, Ownership } from './resource.ts';

const clusterSchema = z.object({
  id: z.string(),
  name: z.string(),
  engine: z.string(),
  size: z.string(),
  num_nodes: z.number().default(1),
  storage_size_mib: z.number().nullish(),
  tags: z.array(z.string()).nullish(),
});
type TaggedCluster = z.infer<typeof clusterSchema>;

/** Database clusters of the given engines that carry exactly this tag. */
export async function taggedClusters(
  client: DigitalOcean,
  tag: string,
  engines: readonly string[],
): Promise<TaggedCluster[]> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.database.listDatabaseClusters(page);
  const all = await client.all(read, 'databases', clusterSchema);
  return all.filter(({ tags, engine }) => tags?.includes(tag) === true && engines.includes(engine));
}

/** The Postgres clusters of this migration, and what watches them. */
export async function ownedPostgres({ client, names, prices }: Ownership): Promise<Owned[]> {
  const found = await taggedClusters(client, names.tag, ['pg', 'advanced_pg']);
  // Also those that were left when somebody removed the cluster by hand.
  const watched = [...found, ...(found.length === 0 ? [{ id: undefined, name: names.cluster }] : [])];
  const policies = (await Promise.all(watched.map((one) => findClusterAlerts(client, one)))).flat();
  const alerts = policies.map(({ id, description }) => ({
    kind: 'Alert policy',
    name: description,
    id,
    mark: 'the cluster that it is on',
    usdPerMonth: 0,
    destroy: async () => {
      await orUndefined(() => client.request('DELETE', `/monitoring/alerts/${id}`, z.unknown()));
    },
  }));
  const clusters = found.map(({ id, name, engine, size, num_nodes, storage_size_mib }) => ({
    kind: 'Postgres cluster',
    name,
    id,
    mark: `tag ${names.tag}`,
    usdPerMonth:
      prices.cluster(engine, size, num_nodes, storage_size_mib ?? null) ??
      prices.cluster(engine, size, num_nodes, null),
    destroy: async () => {
      await orUndefined(() => client.request('DELETE', `/databases/${id}`, z.unknown()));
    },
  }));
  return [...alerts, ...clusters];
}
