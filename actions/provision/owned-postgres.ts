import { z } from 'zod';
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

/** The Postgres clusters of this migration. */
export async function ownedPostgres({ client, names, prices }: Ownership): Promise<Owned[]> {
  const found = await taggedClusters(client, names.tag, ['pg', 'advanced_pg']);
  return found.map(({ id, name, engine, size, num_nodes, storage_size_mib }) => ({
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
}
