import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startDigitalOcean, type DigitalOceanWorld } from '../../rehearsal/digitalocean/world.ts';
import { prepareHerokuDatabase } from '../../rehearsal/heroku/postgres.ts';
import { unverifiableCertificate } from '../../rehearsal/heroku/unverifiable-certificate.ts';
import { keyValueStoreConfiguration, keyValueStoreUrl } from '../../rehearsal/heroku/key-value-store.ts';
import { startHeroku, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import { createAuthority, type Authority, type Certificate } from '../../rehearsal/servers/certificates.ts';
import { startPostgres, type PostgresServer } from '../../rehearsal/servers/postgres.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { startRedis } from '../../rehearsal/servers/redis.ts';
import { silentLog } from '../../src/log.ts';

export const HEROKU_TOKEN = 'HRKU-of-the-worlds';
export const DIGITALOCEAN_TOKEN = 'dop_v1_of-the-worlds';

/** Is in every password and every secret config value of every world: it may be seen nowhere. */
export const CANARY = 'zq81canary';

/** A secret such as a config var holds: no two are the same, and each has the canary in it. */
export function secret(): string {
  return `${CANARY}${randomBytes(12).toString('hex')}`;
}

/** What several worlds stand on: a DigitalOcean and one server for all of their databases, as Heroku's Essential tier has it. */
export interface Ground {
  readonly authority: Authority;
  readonly digitalOcean: DigitalOceanWorld;
  readonly postgres: PostgresServer;
  readonly certificate: Certificate;
  stop(): Promise<void>;
}

export async function startGround(settings: Record<string, string> = {}): Promise<Ground> {
  const authority = await createAuthority('the worlds');
  const certificate = await unverifiableCertificate();
  const [digitalOcean, postgres] = await Promise.all([
    startDigitalOcean({
      log: silentLog,
      authority,
      egressAddress: () => '203.0.113.10',
      images: () => undefined,
    }),
    startPostgres({
      name: 'worlds',
      tls: certificate,
      // Nothing may write by itself: that no transaction took a number is the proof that nobody wrote.
      settings: { autovacuum: 'off', ...settings },
    }),
  ]);
  digitalOcean.tokens.add(DIGITALOCEAN_TOKEN, 'all');
  return {
    authority,
    digitalOcean,
    postgres,
    certificate,
    stop: async () => {
      await digitalOcean.stop();
      await stopAll();
    },
  };
}

export interface Database {
  name: string;
  /** The role that Heroku made; it owns everything and is no superuser. */
  owner: string;
  /** As DATABASE_URL has it. */
  url: string;
  /** A session of another client that stays open until the world ends. */
  client(applicationName: string, as?: { user: string; password: string }): Promise<pg.Client>;
}

export interface Store {
  /** As REDIS_URL has it. */
  url: string;
  /** With a session that is there only meanwhile. */
  within<T>(body: (redis: Redis) => Promise<T>): Promise<T>;
  /** A session of another client that stays open until the world ends. */
  client(name: string): Promise<Redis>;
}

/** One account at Heroku with whatever a world puts there, and a workspace. */
export interface Site {
  readonly ground: Ground;
  readonly heroku: HerokuWorld;
  /** The workspace of the runner; migration.yml lies in it. */
  readonly directory: string;
  readonly databases: Database[];
  readonly stores: Store[];
  /** A database as Heroku makes them; `sql` is run by its owner, `asHeroku` by somebody with more rights. */
  database(options?: {
    sql?: string;
    asHeroku?: (made: { name: string; owner: string }) => string;
    connectionLimit?: number;
  }): Promise<Database>;
  /** A Key-Value Store as Heroku makes them, but for the lines of redis.conf that are given. */
  store(options: {
    maxMemoryMib: number;
    configuration?: string[];
    fill?: (redis: Redis) => Promise<unknown>;
  }): Promise<Store>;
  /** Writes files into a directory of the workspace. */
  write(files: Readonly<Record<string, string>>, below?: string): string;
  stop(): Promise<void>;
}

export async function openSite(ground: Ground): Promise<Site> {
  const heroku = await startHeroku({
    log: silentLog,
    authority: ground.authority,
    // Scheduler's clock stands still: nobody is to run anything here.
    played: { schedulerMinuteMs: 3_600_000, requestsPerHour: 100_000 },
  });
  heroku.tokens.add(HEROKU_TOKEN, ['read', 'read-protected']);
  const directory = temporaryDirectory('world');
  const databases: Database[] = [];
  const stores: Store[] = [];
  const clients: pg.Client[] = [];
  const listeners: Redis[] = [];
  return {
    ground,
    heroku,
    directory,
    databases,
    stores,
    database: async ({ sql, asHeroku, connectionLimit = 20 } = {}) => {
      const made = await makeDatabase(ground, connectionLimit, clients);
      if (sql !== undefined)
        await ground.postgres.query(made.name, `SET SESSION AUTHORIZATION "${made.owner}"; ${sql}`);
      if (asHeroku !== undefined) await ground.postgres.query(made.name, asHeroku(made));
      await ground.postgres.query(made.name, 'VACUUM (ANALYZE)');
      databases.push(made);
      return made;
    },
    store: async ({ maxMemoryMib, configuration = [], fill }) => {
      const made = await makeStore(ground, { maxMemoryMib, configuration }, listeners);
      if (fill) await made.within(fill);
      stores.push(made);
      return made;
    },
    write: (files, below = '.') => {
      const root = join(directory, below);
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      return root;
    },
    stop: async () => {
      await Promise.all(clients.map((client) => client.end()));
      for (const listener of listeners) listener.disconnect();
      await heroku.stop();
    },
  };
}

/** One after the other: the first one makes Heroku's own role, too. */
let making: Promise<unknown> = Promise.resolve();

function makeDatabase(...given: Parameters<typeof makeNextDatabase>): Promise<Database> {
  const made = making.then(() => makeNextDatabase(...given));
  making = made.catch(() => undefined);
  return made;
}

async function makeNextDatabase(
  { postgres }: Ground,
  connectionLimit: number,
  clients: pg.Client[],
): Promise<Database> {
  const name = `d${randomBytes(7).toString('hex')}`;
  const owner = `u${randomBytes(7).toString('hex')}`;
  const password = secret();
  const { url } = await prepareHerokuDatabase(postgres, {
    database: name,
    user: owner,
    password,
    connectionLimit,
  });
  return {
    name,
    owner,
    url,
    client: async (applicationName, as = { user: owner, password }) => {
      const { host, port } = postgres;
      const ssl = { rejectUnauthorized: false };
      const client = new pg.Client({
        host,
        port,
        database: name,
        ...as,
        ssl,
        application_name: applicationName,
      });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
  };
}

async function makeStore(
  { certificate }: Ground,
  { maxMemoryMib, configuration }: { maxMemoryMib: number; configuration: string[] },
  listeners: Redis[],
): Promise<Store> {
  const password = secret();
  const usual = keyValueStoreConfiguration({ password, maxMemoryBytes: maxMemoryMib * 2 ** 20 });
  const server = await startRedis({
    name: 'world',
    configuration: [...usual, ...configuration],
    tls: certificate,
  });
  const open = (name?: string): Redis => {
    const { host, port } = server;
    const redis = new Redis({
      ...{
        host,
        port,
        password,
        lazyConnect: true,
        tls: { rejectUnauthorized: false },
        retryStrategy: () => null,
      },
      ...(name === undefined ? {} : { connectionName: name }),
    });
    redis.on('error', () => undefined);
    return redis;
  };
  return {
    url: keyValueStoreUrl(server, password),
    within: async (body) => {
      const redis = open();
      await redis.connect();
      try {
        return await body(redis);
      } finally {
        await redis.quit();
      }
    },
    client: async (name) => {
      const redis = open(name);
      await redis.connect();
      listeners.push(redis);
      return redis;
    },
  };
}
