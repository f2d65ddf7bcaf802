import {
  ensureCluster,
  ensureDatabase,
  ensureUser,
  waitUntilOnline,
  type Cluster,
} from '../../src/digitalocean/cluster.ts';
import { trust } from '../../src/digitalocean/trusted-source.ts';
import { egressAddress } from '../../src/github/egress.ts';
import { JOURNAL_DATABASE } from '../../src/migration/journal.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import type { Target } from '../../src/migration/target.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { quoteIdentifier } from '../../src/postgres/names.ts';
import type { Provisioning } from './provision.ts';
import type { Resource } from './summary.ts';

/** The cluster of the plan, online. */
export async function ensurePlannedCluster(
  p: Provisioning,
  vpcId: string,
  resources: Resource[],
): Promise<Cluster> {
  const { client, names, plan, edge } = p;
  const made = await ensureCluster(client, {
    name: names.cluster,
    datacentre: plan.datacentre,
    size: plan.cluster.size,
    version: plan.cluster.version,
    engine: plan.cluster.engine,
    nodes: plan.cluster.nodes,
    vpcId,
    tag: names.tag,
  });
  if (made.created)
    edge.log.info(`Cluster ${names.cluster}: created, waiting until it is online (some minutes)`);
  const cluster = await waitUntilOnline(client, made.cluster.id, names.cluster);
  warnOfDrift(p, cluster);
  const detail = `PostgreSQL ${cluster.version}, ${cluster.size}`;
  resources.push(resource('Postgres cluster', cluster.name, made.created, detail, plan.cluster.usdPerMonth));
  return cluster;
}

function warnOfDrift({ plan, edge }: Provisioning, cluster: Cluster): void {
  if (cluster.size !== plan.cluster.size) {
    edge.log.warning(
      `Cluster ${cluster.name} is ${cluster.size} and the plan says ${plan.cluster.size}: it is not resized here. ` +
        'Resize it in the control panel, or set `postgres.size` in migration.yml to what is there.',
    );
  }
}

/** Closes the cluster to everybody but the private network and, for this job, the runner. */
export async function letRunnerIn(p: Provisioning, clusterId: string, range: string): Promise<string> {
  const address = await egressAddress(p.edge.inputs.url('egress-url'), p.edge.signal);
  // Saved before the change, so that the post step knows of it however the job ends.
  p.edge.saveState('runner-address', address);
  p.edge.saveState('cluster', clusterId);
  await trust(p.client, clusterId, [range, address]);
  p.edge.log.info(`The cluster admits ${range} and, for this job, the runner (${address}).`);
  return address;
}

export async function databasesAndUser(
  p: Provisioning,
  cluster: Cluster,
  resources: Resource[],
): Promise<void> {
  const { client, names } = p;
  for (const name of [names.database, JOURNAL_DATABASE]) {
    const created = await ensureDatabase(client, cluster.id, name);
    resources.push(resource('Database', name, created, `in ${cluster.name}`, null));
  }
  const { created, user } = await ensureUser(client, cluster.id, names.databaseUser);
  p.edge.mask(user.password);
  resources.push(resource('Database user', names.databaseUser, created, 'owns the tables', null));
}

/** Since PostgreSQL 15 an ordinary user may create nothing in `public`; only doadmin can grant it. */
export function grantStep(p: Provisioning, target: Target): Step {
  const options = { applicationName: 'h2d provision', log: p.edge.log, signal: p.edge.signal };
  const user = quoteIdentifier(target.owner.user);
  const granted = (): Promise<boolean> =>
    withConnection(target.loader, options, async (client) => {
      const { rows } = await client.query<{ granted: boolean }>(
        `SELECT has_database_privilege($1, current_database(), 'CREATE')
            AND has_schema_privilege($1, 'public', 'CREATE') AS granted`,
        [target.owner.user],
      );
      return rows[0]?.granted === true;
    });
  return defineStep({
    name: 'grant-application-user',
    settle: async () => ((await granted()) ? { done: { user: target.owner.user } } : 'not-done'),
    act: () =>
      withConnection(target.loader, options, async (client) => {
        await client.query(
          `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${quoteIdentifier(target.owner.database)} TO ${user}`,
        );
        await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${user}`);
        return { user: target.owner.user };
      }),
  });
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
