import type { Authority } from '../../servers/certificates.ts';
import type { PostgresServer } from '../../servers/postgres.ts';
import type { TcpProxy } from '../../servers/tcp-proxy.ts';
import type { Token } from '../api/tokens.ts';
import { postgresEndOfLife, type ClusterSize } from '../catalogue.ts';
import type { Tagged } from '../tags.ts';
import type { Engine } from './options.ts';
import type { Pooler } from './pooler.ts';
import type { Rule } from './trusted-sources.ts';

export interface ClusterUser {
  name: string;
  role: 'primary' | 'normal';
  password: string;
  replication: boolean;
}

export interface Pool {
  name: string;
  mode: string;
  size: number;
  db: string;
  user: string | undefined;
}

/** A managed PostgreSQL cluster: what the API says of it, and the real server behind it. */
export interface Cluster extends Tagged {
  id: string;
  name: string;
  engine: Engine;
  version: string;
  region: string;
  size: ClusterSize;
  nodes: number;
  storageMib: number;
  vpcId: string;
  projectId: string;
  status: 'creating' | 'online';
  createdAt: string;
  users: ClusterUser[];
  databases: string[];
  rules: Rule[];
  pools: Pool[];
  /** What `PATCH …/config` has set. */
  config: Map<string, string | number>;
  maintenance: { day: string; hour: string };
  authority: Authority;
  /** Undefined while it is being created. */
  server: PostgresServer | undefined;
  /** Undefined while it is being created. */
  pooler: Pooler | undefined;
  publicEndpoint: TcpProxy;
  privateEndpoint: TcpProxy;
  /** Where PgBouncer listens, in public and in the private network. */
  publicPooler: TcpProxy;
  privatePooler: TcpProxy;
  /** The public endpoint as each app reaches it: admitted by `app:` rules. */
  appEndpoints: Map<string, TcpProxy>;
}

/** The scope that shows user names and passwords. */
const CREDENTIALS = 'database:view_credentials';

export function urnOf(cluster: { id: string }): string {
  return `do:dbaas:${cluster.id}`;
}

/** A cluster as `GET /v2/databases/:id` shows it to this token. */
export function showCluster(cluster: Cluster, token: Token): object {
  const end = postgresEndOfLife[cluster.version];
  return {
    id: cluster.id,
    name: cluster.name,
    engine: cluster.engine,
    version: cluster.version,
    semantic_version: `${cluster.version}.0`,
    num_nodes: cluster.nodes,
    size: cluster.size.slug,
    region: cluster.region,
    status: cluster.status,
    created_at: cluster.createdAt,
    private_network_uuid: cluster.vpcId,
    tags: [...cluster.tags],
    db_names: cluster.status === 'online' ? cluster.databases : null,
    users: cluster.users.map((user) => showUser(user, token)),
    maintenance_window: { ...cluster.maintenance, pending: false },
    project_id: cluster.projectId,
    storage_size_mib: cluster.storageMib,
    ...(end === undefined ? {} : { version_end_of_life: end }),
    connection: showConnection(cluster, cluster.publicEndpoint, token),
    private_connection: showConnection(cluster, cluster.privateEndpoint, token),
  };
}

export function showUser(user: ClusterUser, token: Token): object {
  return {
    name: user.name,
    role: user.role,
    ...(token.may(CREDENTIALS) ? { password: user.password } : {}),
    settings: { pg_allow_replication: user.replication },
  };
}

/** Without the scope for credentials, neither user nor password nor the URI that contains them. */
export function showConnection(
  cluster: Cluster,
  endpoint: { host: string; port: number },
  token: Token,
  database = 'defaultdb',
  userName = 'doadmin',
): object {
  const { host, port } = endpoint;
  const user = cluster.users.find(({ name }) => name === userName);
  const common = { protocol: 'postgresql', database, host, port, ssl: true };
  if (!token.may(CREDENTIALS) || user === undefined) return common;
  const login = `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}`;
  return {
    ...common,
    uri: `postgresql://${login}@${host}:${port}/${database}?sslmode=require`,
    user: user.name,
    password: user.password,
  };
}
