import type { FaultKind, FaultSwitch } from '../faults.ts';
import type { TcpProxy } from '../servers/tcp-proxy.ts';
import { openRedis } from '../shop/redis.ts';
import type { EnvironmentName, OldSide, World } from '../world.ts';

/** What a fault has at hand. */
export interface Scene {
  world: World;
  environment: EnvironmentName;
  side: OldSide;
  /** Numbers in [0, 1) that follow from the run's seed. */
  random: () => number;
}

/**
 * Something that goes wrong once. What it answers happens to the process that printed the line at which it struck:
 * killed with SIGKILL, its machine dead, or told to end as a cancelled run is.
 */
export interface ChaosFault {
  name: string;
  strike(scene: Scene): true | 'runner' | 'interrupt' | undefined;
}

const OUTAGE_MS = 1500;
const API_FAULTS: readonly FaultKind[] = [429, 500, 503, 'timeout', 'cut', 'truncate'];

/** Everything that is drawn from. What is not played here: a full disk and a wrong clock on the runner. */
export const CHAOS_FAULTS: readonly ChaosFault[] = [
  { name: 'the process is killed', strike: () => true },
  { name: 'the runner dies', strike: () => 'runner' },
  { name: 'the run is cancelled', strike: () => 'interrupt' },
  api('Heroku', ({ world }) => world.heroku.faults),
  api('DigitalOcean', ({ world }) => world.digitalOcean.faults),
  api('GitHub', ({ world }) => world.github.faults),
  outage('the source database', ({ side }) => side.proxies.postgres),
  outage('the source Redis', ({ side }) => side.proxies.redis),
  slowLine('the source database', ({ side }) => side.proxies.postgres),
  slowLine('the source Redis', ({ side }) => side.proxies.redis),
  background('the source database is restarted', ({ side }) => side.postgres.restart()),
  background('the source Redis is restarted', ({ side }) => side.redis.restart()),
  background('the new cluster fails over', async ({ world, environment }) => {
    const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
    await cluster?.query(
      'postgres',
      `select pg_terminate_backend(pid) from pg_stat_activity where datname is not null and pid <> pg_backend_pid()`,
    );
  }),
  background('a deploy changes the schema', async ({ side, environment, random }) => {
    const column = `note_${Math.floor(random() * 1e6)}`;
    await side.postgres.query(
      `d${environment}`,
      `set lock_timeout = '2s'; alter table orders add ${column} text`,
    );
  }),
  background('a long transaction holds a table', async ({ side, environment }) => {
    await side.postgres.query(
      `d${environment}`,
      `begin; lock table orders in row exclusive mode; select pg_sleep(3); commit`,
    );
  }),
  background('one key is written all the time', async ({ side }) => {
    const redis = openRedis({ REDIS_URL: side.redisUrl }, { maxRetriesPerRequest: 0, commandTimeout: 2000 });
    redis.on('error', () => undefined);
    try {
      for (let n = 0; n < 1000; n += 1) await redis.set('hot', `${n}`);
    } finally {
      redis.disconnect();
    }
  }),
];

function api(company: string, faults: (scene: Scene) => FaultSwitch): ChaosFault {
  return {
    name: `${company}'s API misbehaves`,
    strike: (scene) => {
      const kind = API_FAULTS[Math.floor(scene.random() * API_FAULTS.length)] ?? 500;
      const times = 1 + Math.floor(scene.random() * 3);
      faults(scene).inject({ kind, times, after: Math.floor(scene.random() * 4) });
      return undefined;
    },
  };
}

function outage(what: string, proxyOf: (scene: Scene) => TcpProxy): ChaosFault {
  return {
    name: `${what} is cut off for a moment`,
    strike: (scene) => {
      const proxy = proxyOf(scene);
      proxy.knobs.refuse = true;
      proxy.cut();
      setTimeout(() => (proxy.knobs.refuse = false), OUTAGE_MS);
      return undefined;
    },
  };
}

function slowLine(what: string, proxyOf: (scene: Scene) => TcpProxy): ChaosFault {
  return {
    name: `the line to ${what} is slow`,
    strike: (scene) => {
      const { knobs } = proxyOf(scene);
      Object.assign(knobs, { delayMs: 40, bytesPerSecond: 2_000_000 });
      setTimeout(() => Object.assign(knobs, { delayMs: 0, bytesPerSecond: 0 }), 4 * OUTAGE_MS);
      return undefined;
    },
  };
}

/** Goes on beside the run. That it fails itself, on a server that is just gone, is part of the weather. */
function background(name: string, happen: (scene: Scene) => Promise<unknown>): ChaosFault {
  return {
    name,
    strike: (scene) => {
      happen(scene).catch(() => undefined);
      return undefined;
    },
  };
}
