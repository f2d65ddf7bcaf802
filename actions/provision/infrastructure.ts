import { findCluster, type Cluster } from '../../src/digitalocean/cluster.ts';
import { findDroplet } from '../../src/digitalocean/droplet.ts';
import { findFirewall } from '../../src/digitalocean/firewall.ts';
import { ensureVpc, findVpc, type Vpc } from '../../src/digitalocean/vpc.ts';
import { runSteps } from '../../src/migration/saga.ts';
import { readTarget } from '../../src/migration/target.ts';
import { withJournal } from './journal.ts';
import { databasesAndUser, ensurePlannedCluster, grantStep, letRunnerIn } from './postgres.ts';
import type { Provisioning } from './provision.ts';
import { addRedis, redisSteps } from './redis.ts';
import type { ProvisionReport, Resource } from './summary.ts';
import { targetSubject } from './target-subject.ts';

/**
 * Network, cluster with the application's database and user, journal, Redis droplet behind its firewall. The journal
 * lives on the cluster, so what comes before it is only found by name; what comes after it is journalled.
 */
export async function provisionInfrastructure(p: Provisioning): Promise<ProvisionReport> {
  if (p.dryRun) return planOnly(p);
  const resources: Resource[] = [];

  const { vpc, cluster } = await p.edge.log.group('Network and cluster', () =>
    networkAndCluster(p, resources),
  );
  const address = await letRunnerIn(p, cluster.id, vpc.range);
  await p.edge.log.group('Databases and user', () => databasesAndUser(p, cluster, resources));

  const target = await readTarget(p.client, targetSubject(p));
  const { migrationId } = p.subject.environment;
  const journalled = await withJournal(p.edge, target.journal, migrationId, async (journal, lease) => {
    const { log, clock, signal } = p.edge;
    const steps = [grantStep(p, target), ...(p.plan.redis === null ? [] : redisSteps(p, vpc, address))];
    return runSteps(journal, lease, steps, { phase: 'provision infrastructure', log, clock, signal });
  });
  addRedis(p, resources, journalled.changed);
  const changed = journalled.changed || resources.some(({ change }) => change !== 'kept');
  return { changed, resources, notes: [] };
}

async function networkAndCluster(
  p: Provisioning,
  resources: Resource[],
): Promise<{ vpc: Vpc; cluster: Cluster }> {
  const { client, names, edge } = p;
  const { datacentre } = p.plan;
  const { vpc, created } = await ensureVpc(client, { name: names.vpc, datacentre, tag: names.tag });
  resources.push(resource('VPC', vpc.name, created, `${vpc.range} in ${datacentre}`, 0));
  edge.log.info(`VPC ${vpc.name}: ${created ? 'created' : 'there already'}, ${vpc.range}`);

  const cluster = await ensurePlannedCluster(p, vpc.id, resources);
  return { vpc, cluster };
}

function resource(
  kind: string,
  name: string,
  created: boolean,
  detail: string,
  usdPerMonth: number | null,
): Resource {
  return { kind, name, change: created ? 'created' : 'kept', detail, usdPerMonth };
}

/** What would be done: looks everything up and changes nothing. */
async function planOnly(p: Provisioning): Promise<ProvisionReport> {
  const { client, names, plan } = p;
  const [vpc, cluster, droplet, firewall] = await Promise.all([
    findVpc(client, names.vpc),
    findCluster(client, names.cluster),
    findDroplet(client, names.droplet, names.tag),
    findFirewall(client, names.firewall),
  ]);
  const line = (
    kind: string,
    name: string,
    found: unknown,
    detail: string,
    usd: number | null,
  ): Resource => ({
    kind,
    name,
    change: found === undefined ? 'to create' : 'kept',
    detail,
    usdPerMonth: usd,
  });
  const resources = [
    line('VPC', names.vpc, vpc, plan.datacentre, 0),
    line(
      'Postgres cluster',
      names.cluster,
      cluster,
      `PostgreSQL ${plan.cluster.version}, ${plan.cluster.size}`,
      plan.cluster.usdPerMonth,
    ),
    ...(plan.redis === null
      ? []
      : [
          line('Firewall', names.firewall, firewall, `port ${plan.redis.port}`, 0),
          line('Redis droplet', names.droplet, droplet, plan.redis.size, plan.redis.usdPerMonth),
        ]),
  ];
  for (const { kind, name, change, detail } of resources)
    p.edge.log.info(`${kind} ${name}: ${change} (${detail})`);
  return { changed: false, resources, notes: [] };
}
