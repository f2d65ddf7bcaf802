import { z } from 'zod';
import { messageOf } from '../../../src/errors.ts';
import type { PostgresServer } from '../../servers/postgres.ts';
import { ApiError, conflict, notFound, parseBody, unprocessable } from '../api/error.ts';
import { page } from '../api/page.ts';
import { created, noContent, ok, param, type Call, type Route } from '../api/route.ts';
import type { Token } from '../api/tokens.ts';
import {
  showCluster,
  showConnection,
  showUser,
  type Cluster,
  type ClusterUser,
  type Pool,
} from './cluster.ts';
import { newPassword, type Clusters } from './clusters.ts';
import { clusterOptions } from './options.ts';
import { addDatabase, addUser, identifier, literal } from './server.ts';

/** Everything under `/v2/databases`. */
export function clusterRoutes(clusters: Clusters): Route[] {
  return [
    ...lifeRoutes(clusters),
    ...trustedSourceRoutes(clusters),
    ...databaseRoutes(clusters),
    ...userRoutes(clusters),
    ...poolRoutes(clusters),
    ...configRoutes(clusters),
  ];
}

function lifeRoutes(clusters: Clusters): Route[] {
  const at = '/v2/databases/:id';
  return [
    {
      method: 'GET',
      path: '/v2/databases/options',
      scope: 'database:read',
      handle: () => ok(clusterOptions(clusters.major)),
    },
    {
      method: 'GET',
      path: '/v2/databases',
      scope: 'database:read',
      handle: (call) => {
        const tag = call.query.get('tag_name');
        const found = clusters.list().filter((cluster) => tag === null || cluster.tags.has(tag));
        return page(
          call,
          'databases',
          found.map((cluster) => showCluster(cluster, call.token)),
        );
      },
    },
    {
      method: 'POST',
      path: '/v2/databases',
      scope: 'database:create',
      handle: async (call) =>
        created({ database: showCluster(await clusters.create(call.body), call.token) }),
    },
    {
      method: 'GET',
      path: at,
      scope: 'database:read',
      handle: (call) => ok({ database: showCluster(clusters.get(param(call, 'id')), call.token) }),
    },
    {
      method: 'DELETE',
      path: at,
      scope: 'database:delete',
      handle: async (call) => {
        await clusters.delete(param(call, 'id'));
        return noContent;
      },
    },
    {
      method: 'GET',
      path: `${at}/ca`,
      scope: 'database:read',
      handle: (call) => {
        const { authority } = clusters.get(param(call, 'id'));
        return ok({ ca: { certificate: Buffer.from(authority.pem).toString('base64') } });
      },
    },
    {
      method: 'PUT',
      path: `${at}/maintenance`,
      scope: 'database:update',
      handle: (call) => {
        const schema = z.object({ day: z.string(), hour: z.string() });
        clusters.get(param(call, 'id')).maintenance = parseBody(schema, call.body);
        return noContent;
      },
    },
    {
      method: 'GET',
      path: `${at}/backups`,
      scope: 'database:read',
      handle: (call) => page(call, 'backups', [], { database: clusters.get(param(call, 'id')).name }),
    },
  ];
}

function trustedSourceRoutes(clusters: Clusters): Route[] {
  const path = '/v2/databases/:id/firewall';
  return [
    {
      method: 'GET',
      path,
      scope: 'database:read',
      handle: (call) => ok({ rules: clusters.get(param(call, 'id')).rules }),
    },
    {
      method: 'PUT',
      path,
      scope: 'database:update',
      handle: (call) => {
        clusters.replaceTrustedSources(param(call, 'id'), call.body);
        return noContent;
      },
    },
  ];
}

const nameSchema = z.object({ name: z.string().regex(/^[^\s"'\\]{1,63}$/, 'invalid name') });

function databaseRoutes(clusters: Clusters): Route[] {
  const path = '/v2/databases/:id/dbs';
  const existing = (call: Call): { cluster: Cluster; server: PostgresServer; name: string } => {
    const name = param(call, 'name');
    const found = clusters.online(param(call, 'id'));
    if (!found.cluster.databases.includes(name)) throw notFound();
    return { ...found, name };
  };
  return [
    {
      method: 'GET',
      path,
      scope: 'database:read',
      handle: (call) => {
        const { databases } = clusters.get(param(call, 'id'));
        return page(
          call,
          'dbs',
          databases.map((name) => ({ name })),
        );
      },
    },
    {
      method: 'POST',
      path,
      scope: 'database:create',
      handle: async (call) => {
        const { name } = parseBody(nameSchema, call.body);
        const { cluster, server } = clusters.online(param(call, 'id'));
        if (cluster.databases.includes(name)) throw unprocessable('database name is not available');
        const owner = clusters.otherwise.includes('doadmin-owns-nothing') ? 'postgres' : 'doadmin';
        await refusing(() => addDatabase(server, name, owner));
        cluster.databases.push(name);
        return created({ db: { name } });
      },
    },
    {
      method: 'GET',
      path: `${path}/:name`,
      scope: 'database:read',
      handle: (call) => ok({ db: { name: existing(call).name } }),
    },
    {
      method: 'DELETE',
      path: `${path}/:name`,
      scope: 'database:delete',
      handle: async (call) => {
        const { cluster, server, name } = existing(call);
        if (name === 'defaultdb') throw new ApiError(403, 'forbidden', 'cannot delete the default database');
        await refusing(() => server.query('postgres', `drop database ${identifier(name)} with (force)`));
        cluster.databases = cluster.databases.filter((other) => other !== name);
        return noContent;
      },
    },
  ];
}

const userSchema = nameSchema.extend({
  settings: z.object({ pg_allow_replication: z.boolean().default(false) }).optional(),
});

function userRoutes(clusters: Clusters): Route[] {
  const path = '/v2/databases/:id/users';
  const existing = (call: Call): { cluster: Cluster; server: PostgresServer; user: ClusterUser } => {
    const found = clusters.online(param(call, 'id'));
    const user = found.cluster.users.find(({ name }) => name === param(call, 'name'));
    if (user === undefined) throw notFound();
    return { ...found, user };
  };
  return [
    {
      method: 'GET',
      path,
      scope: 'database:read',
      handle: (call) => {
        const { users } = clusters.get(param(call, 'id'));
        return page(
          call,
          'users',
          users.map((user) => showUser(user, call.token)),
        );
      },
    },
    {
      method: 'POST',
      path,
      scope: 'database:create',
      handle: async (call) => {
        const { name, settings } = parseBody(userSchema, call.body);
        const { cluster, server } = clusters.online(param(call, 'id'));
        if (cluster.users.some((user) => user.name === name)) throw conflict('user name is not available');
        const replication = settings?.pg_allow_replication ?? false;
        const user: ClusterUser = { name, role: 'normal', password: newPassword(), replication };
        const superuser = clusters.otherwise.includes('users-are-superusers');
        await refusing(() => addUser(server, { ...user, superuser }));
        cluster.users.push(user);
        return created({ user: showUser(user, call.token) });
      },
    },
    {
      method: 'GET',
      path: `${path}/:name`,
      scope: 'database:read',
      handle: (call) => ok({ user: showUser(existing(call).user, call.token) }),
    },
    {
      method: 'DELETE',
      path: `${path}/:name`,
      scope: 'database:delete',
      handle: async (call) => {
        const { cluster, server, user } = existing(call);
        if (user.role === 'primary') throw new ApiError(403, 'forbidden', 'cannot delete the default user');
        await refusing(() => server.query('postgres', `drop role ${identifier(user.name)}`));
        cluster.users = cluster.users.filter((other) => other !== user);
        return noContent;
      },
    },
    {
      method: 'POST',
      path: `${path}/:name/reset_auth`,
      scope: 'database:update',
      handle: async (call) => {
        const { server, user } = existing(call);
        user.password = newPassword();
        const statement = `alter role ${identifier(user.name)} password ${literal(user.password)}`;
        await refusing(() => server.query('postgres', statement));
        return ok({ user: showUser(user, call.token) });
      },
    },
  ];
}

const poolShape = z.object({
  mode: z.enum(['session', 'transaction', 'statement']),
  size: z.number().int().min(1),
  db: z.string(),
  user: z.string().optional(),
});
const poolSchema = nameSchema.extend(poolShape.shape);

/** 422 for a pool of a database or a user that is not there, or of more connections than the cluster gives to pools. */
function requirePossible(cluster: Cluster, wanted: z.infer<typeof poolShape>, name: string): void {
  if (!cluster.databases.includes(wanted.db)) throw unprocessable(`database ${wanted.db} does not exist`);
  if (wanted.user !== undefined && !cluster.users.some((user) => user.name === wanted.user))
    throw unprocessable(`user ${wanted.user} does not exist`);
  const others = cluster.pools.filter((pool) => pool.name !== name);
  const taken = others.reduce((sum, { size }) => sum + size, 0);
  if (taken + wanted.size > cluster.size.connections)
    throw unprocessable(`invalid size: ${cluster.size.connections - taken} connections are left for pools`);
}

/** Pools as PgBouncer has them: a port of their own, where a pool's name is the database to connect to. */
function poolRoutes(clusters: Clusters): Route[] {
  const path = '/v2/databases/:id/pools';
  const existing = (call: Call): { cluster: Cluster; pool: Pool } => {
    const cluster = clusters.get(param(call, 'id'));
    const pool = cluster.pools.find(({ name }) => name === param(call, 'name'));
    if (pool === undefined) throw notFound();
    return { cluster, pool };
  };
  return [
    {
      method: 'GET',
      path,
      scope: 'database:read',
      handle: (call) => {
        const cluster = clusters.get(param(call, 'id'));
        return page(
          call,
          'pools',
          cluster.pools.map((pool) => showPool(cluster, pool, call.token)),
        );
      },
    },
    {
      method: 'POST',
      path,
      scope: 'database:create',
      handle: (call) => {
        const wanted = parseBody(poolSchema, call.body);
        const { cluster } = clusters.online(param(call, 'id'));
        if (cluster.pools.some(({ name }) => name === wanted.name))
          throw conflict('pool name is not available');
        requirePossible(cluster, wanted, wanted.name);
        const pool = { ...wanted, user: wanted.user };
        cluster.pools.push(pool);
        return created({ pool: showPool(cluster, pool, call.token) });
      },
    },
    {
      method: 'GET',
      path: `${path}/:name`,
      scope: 'database:read',
      handle: (call) => {
        const { cluster, pool } = existing(call);
        return ok({ pool: showPool(cluster, pool, call.token) });
      },
    },
    {
      method: 'PUT',
      path: `${path}/:name`,
      scope: 'database:update',
      handle: (call) => {
        const wanted = parseBody(poolShape, call.body);
        const { cluster, pool } = existing(call);
        requirePossible(cluster, wanted, pool.name);
        Object.assign(pool, wanted, { user: wanted.user });
        return noContent;
      },
    },
    {
      method: 'DELETE',
      path: `${path}/:name`,
      scope: 'database:delete',
      handle: (call) => {
        const { cluster, pool } = existing(call);
        cluster.pools = cluster.pools.filter((other) => other !== pool);
        return noContent;
      },
    },
  ];
}

/** What of `postgres_advanced_config` is played: given to the real server. */
const configSchema = z.object({
  config: z.strictObject({
    deadlock_timeout: z.number().int().min(500).max(1_800_000).optional(),
    log_min_duration_statement: z.number().int().min(-1).max(86_400_000).optional(),
    log_error_verbosity: z.enum(['TERSE', 'DEFAULT', 'VERBOSE']).optional(),
    temp_file_limit: z.number().int().min(-1).max(2_147_483_647).optional(),
    track_functions: z.enum(['all', 'pl', 'none']).optional(),
    track_io_timing: z.enum(['off', 'on']).optional(),
    'pg_stat_statements.track': z.enum(['all', 'top', 'none']).optional(),
  }),
});

function configRoutes(clusters: Clusters): Route[] {
  const path = '/v2/databases/:id/config';
  return [
    {
      method: 'GET',
      path,
      scope: 'database:read',
      handle: (call) => ok({ config: Object.fromEntries(clusters.get(param(call, 'id')).config) }),
    },
    {
      method: 'PATCH',
      path,
      scope: 'database:update',
      handle: async (call) => {
        const { config } = parseBody(configSchema, call.body);
        const { cluster, server } = clusters.online(param(call, 'id'));
        for (const [name, value] of Object.entries(config)) {
          const parts = name.split('.').map(identifier).join('.');
          await refusing(() =>
            server.query('postgres', `alter system set ${parts} = ${literal(String(value).toLowerCase())}`),
          );
          if (value !== undefined) cluster.config.set(name, value);
        }
        await refusing(() => server.query('postgres', 'select pg_reload_conf()'));
        return ok({ config: Object.fromEntries(cluster.config) });
      },
    },
  ];
}

function showPool(cluster: Cluster, pool: Pool, token: Token): object {
  const { user = 'doadmin', ...rest } = pool;
  return {
    ...rest,
    user,
    connection: showConnection(cluster, cluster.publicPooler, token, pool.name, user),
    private_connection: showConnection(cluster, cluster.privatePooler, token, pool.name, user),
  };
}

/** What PostgreSQL refuses, the API refuses. */
async function refusing<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw unprocessable(messageOf(error));
  }
}
