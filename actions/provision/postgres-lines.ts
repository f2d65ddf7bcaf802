import { findCluster, findUser, listDatabases, type Cluster } from '../../src/digitalocean/cluster.ts';
import { findClusterAlerts, missingClusterAlerts } from '../../src/digitalocean/cluster-alert.ts';
import { describeOrder } from '../../src/digitalocean/cluster-offer.ts';
import { findPool, poolIs } from '../../src/digitalocean/connection-pool.ts';
import { requireOurs } from '../../src/digitalocean/ownership.ts';
import { JOURNAL_DATABASE } from '../../src/migration/journal.ts';
import { plannedPool } from './postgres-database.ts';
import { orderOf } from './postgres.ts';
import type { Provisioning } from './provision.ts';
import type { PlannedResources, Resource } from './resource.ts';

/** The diff of everything Postgres: cluster, databases, user, connection pool. Reads only. */
export const plannedPostgres: PlannedResources = async (p, vpc) => {
  const { client, names } = p;
  const found = await findCluster(client, names.cluster);
  if (found !== undefined) requireOurs('database cluster', names.cluster, found.tags ?? [], names.tag);
  const id = found?.status === 'creating' ? undefined : found?.id;
  const [databases, user, pool] =
    id === undefined
      ? [[], undefined, undefined]
      : await Promise.all([
          listDatabases(client, id),
          findUser(client, id, names.databaseUser),
          findPool(client, id, names.pool),
        ]);
  const part = (kind: string, name: string, isThere: boolean, detail: string): Resource => ({
    kind,
    name,
    change: isThere ? 'keep' : 'create',
    detail,
    usdPerMonth: null,
  });
  const alerts = await alertLines(p, found);
  const wanted = plannedPool(p);
  return [
    clusterLine(p, found, vpc?.id),
    part('Database', names.database, databases.includes(names.database), `in ${names.cluster}`),
    part('Database', JOURNAL_DATABASE, databases.includes(JOURNAL_DATABASE), 'what this migration has done'),
    part('Database user', names.databaseUser, user !== undefined, 'owns the tables'),
    ...alerts,
    ...(wanted === undefined
      ? []
      : [
          {
            kind: 'Connection pool',
            name: wanted.name,
            change: pool === undefined ? ('create' as const) : poolIs(pool, wanted) ? 'keep' : 'change',
            detail:
              pool === undefined || poolIs(pool, wanted)
                ? `${wanted.size} connections, ${wanted.mode} mode`
                : `${pool.size} connections, ${pool.mode} mode → ${wanted.size}, ${wanted.mode}`,
            usdPerMonth: 0,
          } satisfies Resource,
        ]),
    ...(wanted === undefined && pool !== undefined
      ? [
          {
            kind: 'Connection pool',
            name: pool.name,
            change: 'drift',
            detail:
              'the plan has none any more, and the app goes past it. Remove it in the control panel when nothing uses it',
            usdPerMonth: 0,
          } satisfies Resource,
        ]
      : []),
  ];
};

/** None for a throw-away cluster: nobody is called for it. */
async function alertLines(
  { client, names, subject }: Provisioning,
  found: Cluster | undefined,
): Promise<Resource[]> {
  if (subject.environment.throwAway !== undefined) return [];
  const policies = await findClusterAlerts(client, { id: found?.id, name: names.cluster });
  const missing = missingClusterAlerts(policies);
  return [
    {
      kind: 'Alert policies',
      name: names.cluster,
      change: missing.length === 0 ? 'keep' : policies.length === 0 ? 'create' : 'change',
      detail: 'disk, memory and CPU, to the e-mail address of the account',
      usdPerMonth: 0,
    },
  ];
}

function clusterLine(p: Provisioning, found: Cluster | undefined, vpcId: string | undefined): Resource {
  const { names, plan, prices } = p;
  const line = { kind: 'Postgres cluster', name: names.cluster };
  const price = (engine: string, size: string, nodes: number, storageMib: number | null): number | null =>
    prices.cluster(engine, size, nodes, storageMib);
  const { engine, size, nodes, storageMib } = plan.cluster;
  if (found === undefined) {
    const disk = storageMib === null ? '' : `, ${storageMib / 1024} GiB of disk`;
    return {
      ...line,
      change: 'create',
      detail: `${describeOrder(orderOf(p))}${disk}`,
      usdPerMonth: price(engine, size, nodes, storageMib),
    };
  }
  const differences = differencesOf(p, found, vpcId);
  const actual = `PostgreSQL ${found.version}, ${found.num_nodes} × ${found.size} in ${found.region}`;
  return {
    ...line,
    change: differences.length === 0 ? 'keep' : 'drift',
    detail: differences.length === 0 ? actual : `${actual}; ${differences.join('; ')}`,
    usdPerMonth: price(found.engine, found.size, found.num_nodes, storageMib),
  };
}

/** What is not as planned, each with what to do: a cluster that serves is not resized, upgraded or moved by us. */
function differencesOf({ plan }: Provisioning, found: Cluster, vpcId: string | undefined): string[] {
  const { engine, version, size, nodes, storageMib } = plan.cluster;
  const disk = found.storage_size_mib ?? null;
  return [
    found.size === size
      ? undefined
      : `the plan says ${size}: resize it in the control panel, or set \`postgres.size\` in migration.yml to what is there`,
    found.num_nodes === nodes
      ? undefined
      : `the plan says ${nodes} node${nodes === 1 ? '' : 's'}: change them in the control panel, or answer \`postgres/standby\``,
    found.engine === engine
      ? undefined
      : `the plan says the other edition (${engine}): destroy and provision it anew`,
    Number.parseInt(found.version, 10) === Number.parseInt(version, 10)
      ? undefined
      : `the plan says PostgreSQL ${version}: run assess again for a plan with what is there`,
    found.region === plan.datacentre
      ? undefined
      : `the plan says ${plan.datacentre}: put \`region\` in migration.yml back, or destroy and provision it anew`,
    vpcId === undefined || !found.private_network_uuid || found.private_network_uuid === vpcId
      ? undefined
      : 'it is in another private network, where the app cannot reach it: move it in the control panel',
    storageMib === null || disk === null || disk >= storageMib
      ? undefined
      : `it has ${Math.round(disk / 1024)} GiB of disk and the plan says ${storageMib / 1024}: add storage in the control panel`,
  ].filter((difference) => difference !== undefined);
}
