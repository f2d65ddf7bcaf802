import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import { createOrFind, expect, orUndefined, type DigitalOcean } from './client.ts';
import { explainOrderRefusal, type ClusterOrder } from './cluster-offer.ts';
import { requireOurs } from './ownership.ts';
import type { NewRule } from './trusted-source.ts';
import { waitFor } from './wait.ts';

const connectionSchema = z.object({
  host: z.string(),
  port: z.number(),
  user: z.string().optional(),
  password: z.string().optional(),
  database: z.string().optional(),
});

const clusterSchema = z.object({
  id: z.string(),
  name: z.string(),
  engine: z.string(),
  version: z.string().default(''),
  region: z.string(),
  size: z.string(),
  num_nodes: z.number().default(1),
  status: z.string(),
  tags: z.array(z.string()).nullish(),
  private_network_uuid: z.string().nullish(),
  connection: connectionSchema.nullish(),
  private_connection: connectionSchema.nullish(),
  storage_size_mib: z.number().nullish(),
  maintenance_window: z.object({ day: z.string(), hour: z.string() }).nullish(),
});

export type Cluster = z.infer<typeof clusterSchema>;

export interface WantedCluster extends ClusterOrder {
  name: string;
  vpcId: string;
  tag: string;
  /** Storage in MiB, when it is not what the size comes with. */
  storageMib: number | null;
  /** Let in from the first moment: without a rule a new cluster is open to the internet. */
  trusted: readonly NewRule[];
}

export interface Endpoint {
  host: string;
  port: number;
}

/** How to reach a cluster. Passwords and the CA come from the API each time; mask the passwords before anything else. */
export interface ClusterAddresses {
  public: Endpoint;
  private: Endpoint;
  admin: { user: string; password: string };
  defaultDatabase: string;
  /** PEM of the CA that signs the cluster's certificate. */
  ca: string;
}

/** Terraform waits as long; there is no status for "failed". */
const CLUSTER_LIMIT_MS = 30 * 60_000;

export async function findCluster(client: DigitalOcean, name: string): Promise<Cluster | undefined> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.database.listDatabaseClusters(page);
  return (await client.all(read, 'databases', clusterSchema)).find((cluster) => cluster.name === name);
}

/**
 * Finds the cluster by name and tag, or creates it (status `creating`), closed to everybody but `trusted`. What it is made
 * of is not changed here. Throws a ConfigurationError when it is somebody else's or DigitalOcean does not sell it.
 */
export async function ensureCluster(
  client: DigitalOcean,
  wanted: WantedCluster,
): Promise<{ cluster: Cluster; created: boolean }> {
  const find = async (): Promise<Cluster | undefined> => {
    const found = await findCluster(client, wanted.name);
    if (found !== undefined) requireOurs('database cluster', wanted.name, found.tags ?? [], wanted.tag);
    return found;
  };
  const found = await find();
  if (found !== undefined) return { cluster: found, created: false };
  try {
    const cluster = await createOrFind<Cluster>(async () => {
      // dots-wrapper drops rules and storage.
      const answer = await client.request('POST', '/databases', z.object({ database: clusterSchema }), {
        name: wanted.name,
        engine: wanted.engine,
        version: wanted.version,
        region: wanted.datacentre,
        size: wanted.size,
        num_nodes: wanted.nodes,
        private_network_uuid: wanted.vpcId,
        tags: [wanted.tag],
        rules: wanted.trusted,
        ...(wanted.storageMib === null ? {} : { storage_size_mib: wanted.storageMib }),
      });
      return answer.database;
    }, find);
    return { cluster, created: true };
  } catch (error) {
    throw explainOrderRefusal(error, wanted);
  }
}

/** Waits until the cluster is `online`, which takes minutes after its creation. */
export function waitUntilOnline(client: DigitalOcean, id: string, name: string): Promise<Cluster> {
  return waitFor(client, {
    what: `cluster ${name} to be online`,
    limitMs: CLUSTER_LIMIT_MS,
    look: async () => {
      const cluster = await readCluster(client, id);
      return cluster.status === 'online' ? { done: cluster } : { state: cluster.status };
    },
  });
}

export async function readCluster(client: DigitalOcean, id: string): Promise<Cluster> {
  const answer = await client.dots.database.getDatabaseCluster({ database_cluster_id: id });
  return expect(answer, z.object({ database: clusterSchema }), 'GET /databases').database;
}

/**
 * Both endpoints, doadmin's password and the CA. Throws a ConfigurationError when the token lacks
 * `database:view_credentials`: without it DigitalOcean leaves the password out.
 */
export async function clusterAddresses(client: DigitalOcean, id: string): Promise<ClusterAddresses> {
  const [cluster, ca] = await Promise.all([readCluster(client, id), readClusterCa(client, id)]);
  const { connection } = cluster;
  if (!connection)
    throw new Error(
      `Cluster ${cluster.name} has no address yet (${cluster.status}): run this again in a minute.`,
    );
  const privateEnd = cluster.private_connection ?? connection;
  return {
    public: { host: connection.host, port: connection.port },
    private: { host: privateEnd.host, port: privateEnd.port },
    admin: { user: connection.user ?? 'doadmin', password: requirePassword(connection.password, 'doadmin') },
    defaultDatabase: connection.database ?? 'defaultdb',
    ca,
  };
}

/** When DigitalOcean may restart the cluster for its own updates: a weekday, and an hour in UTC. */
export async function setMaintenanceWindow(
  client: DigitalOcean,
  id: string,
  window: { day: string; hour: string },
): Promise<void> {
  await client.request('PUT', `/databases/${id}/maintenance`, z.unknown(), window);
}

async function readClusterCa(client: DigitalOcean, id: string): Promise<string> {
  const schema = z.object({ ca: z.object({ certificate: z.string() }) });
  const answer = await client.request('GET', `/databases/${id}/ca`, schema);
  return Buffer.from(answer.ca.certificate, 'base64').toString('utf8');
}

/** Names of the databases in the cluster. */
export async function listDatabases(client: DigitalOcean, clusterId: string): Promise<string[]> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.database.listDatabaseClusterDbs({ ...page, database_cluster_id: clusterId });
  return (await client.all(read, 'dbs', z.object({ name: z.string() }))).map(({ name }) => name);
}

/** Creates a database in the cluster when it is missing; true when it was. */
export async function ensureDatabase(
  client: DigitalOcean,
  clusterId: string,
  name: string,
): Promise<boolean> {
  const find = async (): Promise<string | undefined> =>
    (await listDatabases(client, clusterId)).find((database) => database === name);
  if ((await find()) !== undefined) return false;
  await createOrFind(async () => {
    await client.dots.database.createDatabaseClusterDb({ database_cluster_id: clusterId, db_name: name });
    return name;
  }, find);
  return true;
}

const userSchema = z.object({ name: z.string(), password: z.string().optional() });

/** A user of the cluster with its password; `undefined` when there is none. */
export function findUser(
  client: DigitalOcean,
  clusterId: string,
  name: string,
): Promise<{ name: string; password: string } | undefined> {
  return orUndefined(async () => {
    const answer = await client.dots.database.getDatabaseClusterUser({
      database_cluster_id: clusterId,
      user_name: name,
    });
    const { user } = expect(answer, z.object({ user: userSchema }), 'GET /databases/users');
    return { name: user.name, password: requirePassword(user.password, name) };
  });
}

/** Creates a user when it is missing; DigitalOcean makes the password. */
export async function ensureUser(
  client: DigitalOcean,
  clusterId: string,
  name: string,
): Promise<{ user: { name: string; password: string }; created: boolean }> {
  const found = await findUser(client, clusterId, name);
  if (found !== undefined) return { user: found, created: false };
  const user = await createOrFind(
    async () => {
      const schema = z.object({ user: userSchema });
      const answer = await client.request('POST', `/databases/${clusterId}/users`, schema, { name });
      return { name, password: requirePassword(answer.user.password, name) };
    },
    () => findUser(client, clusterId, name),
  );
  return { user, created: true };
}

function requirePassword(password: string | undefined, user: string): string {
  if (password !== undefined && password !== '') return password;
  throw new ConfigurationError(
    `DigitalOcean did not tell the password of database user "${user}": the token lacks the scope \`database:view_credentials\`. ` +
      'Edit it at https://cloud.digitalocean.com/account/api/tokens, then run this again.',
  );
}
