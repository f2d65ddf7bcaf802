import { createAlertPolicies, listAlertPolicies, type AlertPolicy, type Threshold } from './alert-policy.ts';
import type { DigitalOcean } from './client.ts';

/**
 * What somebody should look at before the database stops. A full disk makes the cluster read-only (docs, "PostgreSQL
 * limits"); an indexing takes the processor for minutes, so that only half an hour of it is told; and PostgreSQL leaves
 * memory to the system's cache, which DigitalOcean does not count.
 */
const THRESHOLDS: readonly Threshold[] = [
  { type: 'v1/dbaas/alerts/disk_utilization_alerts', what: 'disk', above: 80, window: '10m' },
  { type: 'v1/dbaas/alerts/memory_utilization_alerts', what: 'memory', above: 90, window: '10m' },
  { type: 'v1/dbaas/alerts/cpu_alerts', what: 'CPU', above: 90, window: '30m' },
];

/** A cluster by its name, and by its id once it has one. */
export interface WatchedCluster {
  id: string | undefined;
  name: string;
}

/**
 * The alert policies on a cluster alone. They know no tags: an id is what they are on, and the name before their words is
 * by what they are found when the cluster is gone.
 */
export async function findClusterAlerts(
  client: DigitalOcean,
  { id, name }: WatchedCluster,
): Promise<AlertPolicy[]> {
  return (await listAlertPolicies(client))
    .filter(({ type }) => type.startsWith('v1/dbaas/'))
    .filter(
      ({ entities, description }) =>
        (entities?.length === 1 && entities[0] === id) || description.startsWith(`${name}: `),
    )
    .map(({ uuid, type, description }) => ({ id: uuid, type, description }));
}

/** Those that are missing; one that is there is left as it is, since a person may have adapted it. */
export function missingClusterAlerts(found: readonly AlertPolicy[]): Threshold[] {
  return THRESHOLDS.filter(({ type }) => !found.some((policy) => policy.type === type));
}

/**
 * Alerts by e-mail on disk, memory and CPU of a cluster. Returns how many were created.
 *
 * @param email a verified address of the account; DigitalOcean accepts no other
 */
export async function ensureClusterAlerts(
  client: DigitalOcean,
  cluster: { id: string; name: string },
  email: string,
): Promise<number> {
  const missing = missingClusterAlerts(await findClusterAlerts(client, cluster));
  const on = { name: cluster.name, tags: [], entities: [cluster.id], email };
  await createAlertPolicies(client, missing, on);
  return missing.length;
}
