import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Certificate } from '../servers/certificates.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { startTcpProxy, type TcpProxy } from '../servers/tcp-proxy.ts';
import { keyValueStoreConfiguration } from './key-value-store.ts';

/** A Redis as an add-on has it: an address that stays, behind which one server serves and another may take over. */
export interface KeyValueStoreServer extends Pick<RedisServer, 'log' | 'restart' | 'stop'> {
  /** The address that the add-on hands out. */
  proxy: TcpProxy;
  /**
   * A replica takes over behind the same address and the old server is gone, as when its machine dies: every connection
   * ends, nothing answers for a moment, and the server that answers then is another one (`run_id`). The replica has
   * everything that was acknowledged: a tail that only the dead machine had is lost with or without a migration.
   */
  failOver(): Promise<void>;
}

export interface KeyValueStoreOptions {
  name: string;
  password: string;
  /** The authority is the one by which a replica knows the server that it follows. */
  tls: Certificate & { authority: string };
}

/** How long nothing answers at the least. */
const GONE_MS = 1000;
const SYNC_LIMIT_MS = 30_000;

export async function startKeyValueStore(options: KeyValueStoreOptions): Promise<KeyValueStoreServer> {
  const { name, password, tls } = options;
  let server = await startRedis({ name, tls, configuration: keyValueStoreConfiguration({ password }) });
  const proxy = await startTcpProxy({ target: () => ({ host: server.host, port: server.port }) });
  return {
    proxy,
    log: () => server.log(),
    restart: () => server.restart(),
    stop: async () => {
      await proxy.close();
      await server.stop();
    },
    failOver: async () => {
      const old = server;
      const replica = await startReplica(old, options);
      const watched = follow(old, replica.server, options);
      try {
        await watched.until('is up');
        proxy.knobs.refuse = true;
        proxy.cut();
        await watched.until('has everything');
        await watched.replica.call(replica.promotion, 'NO', 'ONE');
        server = replica.server;
        await old.kill9();
        await delay(GONE_MS);
      } finally {
        watched.close();
        proxy.knobs.refuse = false;
      }
    },
  };
}

/** A server that follows another one until it is told otherwise, by a command of a name that nobody can guess. */
async function startReplica(
  of: RedisServer,
  { name, password, tls }: KeyValueStoreOptions,
): Promise<{ server: RedisServer; promotion: string }> {
  const promotion = `REPLICAOF-${randomBytes(12).toString('hex')}`;
  const server = await startRedis({
    name: `${name}-replica`,
    tls,
    configuration: [
      ...keyValueStoreConfiguration({ password }).filter((line) => !/^rename-command REPLICAOF\b/.test(line)),
      `rename-command REPLICAOF ${promotion}`,
      'tls-replication yes',
      `replicaof ${of.host} ${of.port}`,
      `masterauth ${password}`,
    ],
  });
  return { server, promotion };
}

/** Both as their administrator sees them. */
function follow(leader: RedisServer, follower: RedisServer, { password }: KeyValueStoreOptions) {
  const [from, to] = [openClient(leader, password), openClient(follower, password)];
  const holds = async (what: 'is up' | 'has everything'): Promise<boolean> => {
    const [of, by] = await Promise.all([from.info('replication'), to.info('replication')]);
    if (field(by, 'master_link_status') !== 'up') return false;
    return what === 'is up' || field(of, 'master_repl_offset') === field(by, 'slave_repl_offset');
  };
  return {
    replica: to,
    until: async (what: 'is up' | 'has everything'): Promise<void> => {
      const deadline = Date.now() + SYNC_LIMIT_MS;
      while (!(await holds(what))) {
        if (Date.now() > deadline) throw new Error(`The replica never ${what}:\n${follower.log()}`);
        await delay(20);
      }
    },
    close: () => {
      from.disconnect();
      to.disconnect();
    },
  };
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

function openClient({ host, port }: RedisServer, password: string): Redis {
  const client = new Redis({ host, port, password, tls: { rejectUnauthorized: false } });
  client.on('error', () => undefined);
  return client;
}
