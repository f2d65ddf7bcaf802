import { z } from 'zod';
import { findAlertPolicies } from '../../src/digitalocean/alert-policy.ts';
import { orUndefined } from '../../src/digitalocean/client.ts';
import { taggedClusters } from './owned-postgres.ts';
import type { Owned, Ownership } from './resource.ts';

const dropletSchema = z.object({
  id: z.number(),
  name: z.string(),
  size_slug: z.string().default(''),
  tags: z.array(z.string()).nullish(),
  features: z.array(z.string()).nullish(),
});
const firewallSchema = z.object({
  id: z.string(),
  name: z.string(),
  tags: z.array(z.string()).nullish(),
});

/** What Redis runs on, by the exact tag: droplets with their backups, their alerts, the firewalls, managed clusters. */
export async function ownedRedis({ client, names, prices }: Ownership): Promise<Owned[]> {
  const { tag } = names;
  const mark = `tag ${tag}`;
  const listDroplets = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.droplet.listDroplets({ ...page, tag_name: tag });
  const listFirewalls = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.firewall.listFirewalls(page);
  const [droplets, policies, firewalls, clusters] = await Promise.all([
    client.all(listDroplets, 'droplets', dropletSchema),
    findAlertPolicies(client, tag),
    client.all(listFirewalls, 'firewalls', firewallSchema),
    taggedClusters(client, tag, ['valkey', 'redis']),
  ]);
  const remove = async (path: string): Promise<void> => {
    await orUndefined(() => client.request('DELETE', path, z.unknown()));
  };
  return [
    ...droplets
      .filter(({ tags }) => tags?.includes(tag) === true)
      .map(({ id, name, size_slug, features }) => ({
        kind: 'Droplet',
        name,
        id: String(id),
        mark,
        usdPerMonth: prices.droplet(size_slug, features?.includes('backups') ?? true),
        note: 'its backups go with it',
        destroy: () => remove(`/droplets/${id}`),
      })),
    ...policies.map(({ id, description }) => ({
      kind: 'Alert policy',
      name: description,
      id,
      mark,
      usdPerMonth: 0,
      destroy: () => remove(`/monitoring/alerts/${id}`),
    })),
    ...firewalls
      .filter(({ tags }) => tags?.includes(tag) === true)
      .map(({ id, name }) => ({
        kind: 'Firewall',
        name,
        id,
        mark,
        usdPerMonth: 0,
        destroy: () => remove(`/firewalls/${id}`),
      })),
    ...clusters.map(({ id, name, engine, size, num_nodes }) => ({
      kind: 'Redis cluster',
      name,
      id,
      mark,
      usdPerMonth: prices.cluster(engine, size, num_nodes),
      destroy: () => remove(`/databases/${id}`),
    })),
  ];
}
