import type { Cluster } from '../../src/digitalocean/cluster.ts';
import { requireOurs } from '../../src/digitalocean/ownership.ts';
import { ensureVpc, findVpc, type FoundVpc, type Vpc } from '../../src/digitalocean/vpc.ts';
import type { ClusterOffer } from '../../src/migration/recorded-offer.ts';
import { runSteps } from '../../src/migration/saga.ts';
import { readTarget, type Target } from '../../src/migration/target.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readOfferedExtensions } from '../../src/postgres/offered-extensions.ts';
import { withJournal } from './journal.ts';
import { carrySettings, databaseNotes, postgresSteps } from './postgres-database.ts';
import { plannedPostgres } from './postgres-lines.ts';
import { databasesAndUser, ensurePlannedCluster, letRunnerIn, refuseUnfitCluster } from './postgres.ts';
import { comparePrices, differingPrices } from './prices.ts';
import type { Provisioning } from './provision.ts';
import { redisSteps } from './redis.ts';
import { plannedRedis } from './redis-plan.ts';
import { isToDo, tellPlan, type Resource } from './resource.ts';
import type { ProvisionReport } from './summary.ts';
import { readSourceDatabase } from './source-database.ts';
import { targetSubject } from './target-subject.ts';

/**
 * Network, cluster with the application's database and user, journal, Redis droplet behind its firewall. First the diff
 * of intended against actual, which a dry run ends with. The journal lives on the cluster, so what comes before it is
 * only found by name; what comes after it is journalled.
 */
export async function provisionInfrastructure(p: Provisioning): Promise<ProvisionReport> {
  const source = await readSourceDatabase(p);
  await refuseUnfitCluster(p, source);
  const resources = await p.edge.log.group('Plan', () => plannedInfrastructure(p));
  const report = {
    resources,
    notes: [],
    priceDifferences: differingPrices(comparePrices(p.plan, 'infrastructure', p.prices)),
  };
  if (p.dryRun) return { ...report, changed: false };

  const { vpc, cluster } = await p.edge.log.group('Network and cluster', () => networkAndCluster(p));
  const address = await letRunnerIn(p, cluster.id, vpc.range);
  await p.edge.log.group('Databases and user', () => databasesAndUser(p, cluster));

  const target = await readTarget(p.client, targetSubject(p));
  const { migrationId } = p.subject.environment;
  const journalled = await withJournal(p.edge, target.journal, migrationId, async (journal, lease) => {
    const { log, clock, signal } = p.edge;
    // First, since the droplet below takes minutes.
    const settings = await log.group('Settings', () => carrySettings(p, target, source));
    const steps = [
      ...postgresSteps(p, target, source),
      ...(p.plan.redis === null ? [] : redisSteps(p, vpc, address)),
    ];
    const saga = await runSteps(journal, lease, steps, {
      phase: 'provision infrastructure',
      log,
      clock,
      signal,
    });
    const offered = await offerOf(p, cluster, target);
    return {
      changed: saga.changed || settings.changed,
      notes: databaseNotes(source, settings.fates),
      offered,
    };
  });
  return {
    ...report,
    notes: journalled.notes,
    offered: journalled.offered,
    changed: journalled.changed || resources.some(isToDo),
  };
}

async function networkAndCluster(p: Provisioning): Promise<{ vpc: Vpc; cluster: Cluster }> {
  const { client, names, edge } = p;
  const { datacentre } = p.plan;
  const { vpc, created } = await ensureVpc(client, { name: names.vpc, datacentre, tag: names.tag });
  edge.log.info(`VPC ${vpc.name}: ${created ? 'created' : 'there already'}, ${vpc.range}`);
  return { vpc, cluster: await ensurePlannedCluster(p, vpc) };
}

/** What the cluster itself says that it offers: the next assess holds the source against that, not against documentation. */
async function offerOf({ edge }: Provisioning, { engine }: Cluster, target: Target): Promise<ClusterOffer> {
  const session = { applicationName: 'h2d provision', log: edge.log, signal: edge.signal };
  return { engine, ...(await withConnection(target.loader, session, readOfferedExtensions)) };
}

/** The diff, told. Reads only. */
async function plannedInfrastructure(p: Provisioning): Promise<Resource[]> {
  const vpc = await findVpc(p.client, p.names.vpc);
  const resources = [vpcLine(p, vpc), ...(await plannedPostgres(p, vpc)), ...(await plannedRedis(p, vpc))];
  tellPlan(p.edge.log, resources);
  return resources;
}

function vpcLine({ names, plan }: Provisioning, vpc: FoundVpc | undefined): Resource {
  const line = { kind: 'VPC', name: names.vpc, usdPerMonth: 0 };
  if (vpc === undefined)
    return { ...line, change: 'create', detail: `private network in ${plan.datacentre}` };
  requireOurs('VPC', names.vpc, [vpc.description], names.tag);
  if (vpc.datacentre === plan.datacentre)
    return { ...line, change: 'keep', detail: `${vpc.range} in ${vpc.datacentre}` };
  return {
    ...line,
    change: 'drift',
    detail:
      `it lies in ${vpc.datacentre}, and the plan says ${plan.datacentre}. It cannot be moved: put \`region\` in migration.yml ` +
      'back, or remove the new side with `command: destroy` and provision it anew',
  };
}
