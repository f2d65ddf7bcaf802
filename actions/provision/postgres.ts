import {
  ensureCluster,
  ensureDatabase,
  ensureUser,
  findCluster,
  waitUntilOnline,
  type Cluster,
} from '../../src/digitalocean/cluster.ts';
import { describeOrder, refuseUnoffered, type ClusterOrder } from '../../src/digitalocean/cluster-offer.ts';
import { dismissRunner, findFirewall } from '../../src/digitalocean/firewall.ts';
import { requireOurs } from '../../src/digitalocean/ownership.ts';
import { networkRule } from '../../src/digitalocean/trusted-source.ts';
import type { Vpc } from '../../src/digitalocean/vpc.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { JOURNAL_DATABASE } from '../../src/migration/journal.ts';
import { admitToCluster } from '../runner-access.ts';
import type { Provisioning } from './provision.ts';
import type { SourceDatabase } from './source-database.ts';

/** What the plan orders. */
export function orderOf({ plan }: Provisioning): ClusterOrder {
  const { engine, version, size, nodes } = plan.cluster;
  return { engine, version, size, nodes, datacentre: plan.datacentre };
}

/**
 * Refuses, before anything is made, a cluster that could not take the source's database or that DigitalOcean does not
 * sell. Reads only. Throws a ConfigurationError.
 */
export async function refuseUnfitCluster(p: Provisioning, source: SourceDatabase): Promise<void> {
  const { client, names, plan } = p;
  const found = await findCluster(client, names.cluster);
  if (found !== undefined) requireOurs('database cluster', names.cluster, found.tags ?? [], names.tag);
  const major = Number.parseInt(found?.version ?? plan.cluster.version, 10);
  if (major < source.facts.major) {
    throw new ConfigurationError(
      `Heroku's Postgres is ${source.facts.major} and ${found === undefined ? 'the plan' : `the cluster ${found.name}`} has ${major}: an older ` +
        'server cannot take a newer one’s database. ' +
        (found === undefined
          ? 'Run assess again for a plan with the version of today, and then this.'
          : 'Upgrade the cluster in the control panel (Settings, Upgrade), or remove it with `command: destroy` and run assess again.') +
        ' Nothing was changed.',
    );
  }
  if (found === undefined) await refuseUnoffered(client, orderOf(p));
}

/** The cluster of the plan, in this network, online. */
export async function ensurePlannedCluster(p: Provisioning, vpc: Vpc): Promise<Cluster> {
  const { client, names, plan, edge } = p;
  const order = orderOf(p);
  const made = await ensureCluster(client, {
    ...order,
    name: names.cluster,
    vpcId: vpc.id,
    tag: names.tag,
    storageMib: plan.cluster.storageMib,
    trusted: [networkRule(vpc.range)],
  });
  if (made.created)
    edge.log.info(
      `Cluster ${names.cluster}: ordered, ${describeOrder(order)}; waiting until it is online (some minutes)`,
    );
  const cluster = await waitUntilOnline(client, made.cluster.id, names.cluster);
  const network = cluster.private_network_uuid ?? vpc.id;
  if (network !== vpc.id) {
    throw new ConfigurationError(
      `The cluster ${cluster.name} is in another private network than ${vpc.name}, so the app could not reach it there. It ` +
        'cannot be moved by us: move it in the control panel (Settings, VPC network), or remove it with `command: destroy`. Nothing was changed.',
    );
  }
  return cluster;
}

/** Closes the cluster to everybody but the private network and, for this job, the runner. */
export async function letRunnerIn(p: Provisioning, clusterId: string, range: string): Promise<string> {
  const { client, names, plan } = p;
  const { pass, swept } = await admitToCluster(p.edge, client, clusterId, {
    always: [networkRule(range)],
  });
  const firewall = plan.redis === null ? undefined : await findFirewall(client, names.firewall);
  if (firewall !== undefined && plan.redis !== null) {
    // Another job behind the same address may end before this one, and leave it to this one to close Redis.
    p.edge.saveState('firewall', firewall.id);
    p.edge.saveState('redis-port', String(plan.redis.port));
    for (const stale of swept) await dismissRunner(client, firewall.id, stale, plan.redis.port);
  }
  return pass.address;
}

/** The application's database, the journal's, and the application's user with a password that DigitalOcean makes. */
export async function databasesAndUser(p: Provisioning, cluster: Cluster): Promise<void> {
  const { client, names, edge } = p;
  for (const name of [names.database, JOURNAL_DATABASE]) {
    if (await ensureDatabase(client, cluster.id, name)) edge.log.info(`Database ${name}: created`);
  }
  const { created, user } = await ensureUser(client, cluster.id, names.databaseUser);
  edge.mask(user.password);
  if (created) edge.log.info(`Database user ${names.databaseUser}: created`);
}
