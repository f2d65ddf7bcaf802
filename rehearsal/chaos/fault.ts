import pg from 'pg';
import type { FaultKind, FaultSwitch } from '../faults.ts';
import type { StepFate } from '../runner/options.ts';
import type { TcpProxy } from '../servers/tcp-proxy.ts';
import { openRedis } from '../shop/redis.ts';
import type { EnvironmentName, OldSide, World } from '../world.ts';
import type { Clocks } from './clocks.ts';

/** What a fault has at hand: the environment is that of the job in which it strikes. */
export interface Scene {
  world: World;
  environment: EnvironmentName;
  side: OldSide;
  clocks: Clocks;
  /** Presses “Cancel workflow”. */
  cancel: () => void;
  /** Numbers in [0, 1) that follow from the run's seed. */
  random: () => number;
}

/** A fault that has struck. */
export interface Strike {
  /** What it does to the step at whose beginning it strikes, at once or in a moment. */
  fate?: StepFate | Promise<StepFate>;
  /** Whether anything met it by now; `ended`: the attempt in which it struck is over, and did not end well. */
  met(ended: boolean): boolean;
}

/** Something that goes wrong once. */
export interface ChaosFault {
  name: string;
  /** A fault of what is not there yet waits until it is. */
  isPossible?(scene: Scene): boolean;
  strike(scene: Scene): Strike;
}

const OUTAGE_MS = 1500;
const SLOW_MS = 6000;
/** A step is killed as it begins, or so much later at the most. */
const LATEST_MS = 400;
const API_FAULTS: readonly FaultKind[] = [429, 500, 503, 'timeout', 'cut', 'truncate', 'twice'];

/** What ends a step, or leads it astray. */
const OF_THE_RUNNER: readonly ChaosFault[] = [
  ending('the process is killed', true),
  ending('the runner dies', 'runner'),
  ending("the runner's disk is full", 'full-disk'),
  {
    name: 'the run is cancelled',
    strike: (scene) => {
      scene.cancel();
      return { met: (ended) => ended };
    },
  },
  {
    name: "the runners' clocks are wrong",
    strike: ({ clocks, random }) => {
      clocks.goWrong(random);
      return { met: () => clocks.wereWrong() };
    },
  },
];

const OF_THE_PLATFORMS: readonly ChaosFault[] = [
  api('Heroku', ({ world }) => world.heroku.faults),
  api('DigitalOcean', ({ world }) => world.digitalOcean.faults),
  api('GitHub', ({ world }) => world.github.faults),
];

const OF_THE_LINES: readonly ChaosFault[] = [
  line('the source database', ({ side }) => [side.proxies.postgres]),
  line('the source Redis', ({ side }) => [side.proxies.redis]),
  line('the new database', (scene) => clusterOf(scene)?.proxies ?? []),
  line('the new Redis', (scene) => newRedisOf(scene)?.proxies ?? []),
].flat();

const OF_THE_SERVERS: readonly ChaosFault[] = [
  background('the source database is restarted', ({ side }) => side.postgres.restart()),
  background('the source Redis is restarted', ({ side }) => side.redis.restart()),
  background('the source Redis fails over', ({ side }) => side.redis.failOver()),
  {
    ...background('the new database fails over', async (scene) => clusterOf(scene)?.restart()),
    isPossible: (scene) => clusterOf(scene) !== undefined,
  },
  {
    ...background('the new Redis is restarted', async (scene) => newRedisOf(scene)?.restart()),
    isPossible: (scene) => newRedisOf(scene) !== undefined,
  },
];

/** What the application's own people and code do. */
const OF_THE_APPLICATION: readonly ChaosFault[] = [
  background('a deploy changes the schema', ({ side, random }) =>
    // With the application's rights: behind the fence it is refused, as in earnest.
    asTheApplication(
      side,
      `set lock_timeout = '2s'; alter table orders add note_${Math.floor(random() * 1e6)} text`,
    ),
  ),
  background('a long transaction holds a table', ({ side }) =>
    asTheApplication(side, `begin; lock table orders in row exclusive mode; select pg_sleep(3); commit`),
  ),
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

/** Everything that is drawn from: first the kind, then one of it. */
export const CHAOS_FAULTS: readonly (readonly ChaosFault[])[] = [
  OF_THE_RUNNER,
  OF_THE_PLATFORMS,
  OF_THE_LINES,
  OF_THE_SERVERS,
  OF_THE_APPLICATION,
];

async function asTheApplication({ databaseUrl }: OldSide, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, ssl: { rejectUnauthorized: false } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function clusterOf({ world, environment }: Scene) {
  return world.digitalOcean
    .clusters()
    .find(({ name, status }) => name === `shop-${environment}` && status === 'online');
}

function newRedisOf({ world, environment }: Scene) {
  return world.digitalOcean.droplets().find(({ name }) => name === `shop-${environment}-redis`)?.redis;
}

/** What a step does not come through, as it begins or in the middle of it. */
function ending(name: string, fate: StepFate): ChaosFault {
  return {
    name,
    strike: ({ random }) => {
      const afterMs = random() < 0.5 ? 0 : random() * LATEST_MS;
      const later = (): Promise<StepFate> =>
        new Promise((resolve) => setTimeout(() => resolve(fate), afterMs));
      return { fate: afterMs === 0 ? fate : later(), met: (ended) => ended };
    },
  };
}

function api(company: string, faults: (scene: Scene) => FaultSwitch): ChaosFault {
  return {
    name: `${company}'s API misbehaves`,
    strike: (scene) => {
      const kind = API_FAULTS[Math.floor(scene.random() * API_FAULTS.length)] ?? 500;
      const times = 1 + Math.floor(scene.random() * 3);
      const met = faults(scene).inject({ kind, times, after: Math.floor(scene.random() * 4) });
      return { met: () => met() > 0 };
    },
  };
}

const STRAIGHT: TcpProxy['knobs'] = { refuse: false, delayMs: 0, bytesPerSecond: 0 };

/** Every way to a server, cut for a moment or slow for a while. */
function line(what: string, proxiesOf: (scene: Scene) => readonly TcpProxy[]): ChaosFault[] {
  const isPossible = (scene: Scene): boolean => proxiesOf(scene).some((proxy) => proxy.connections() > 0);
  const turn = (scene: Scene, knobs: Partial<TcpProxy['knobs']>, forMs: number): Strike => {
    const proxies = proxiesOf(scene);
    const isUsed = isPossible(scene);
    for (const proxy of proxies) Object.assign(proxy.knobs, knobs);
    const straight = Object.fromEntries(Object.keys(knobs).map((name) => [name, STRAIGHT[name as 'refuse']]));
    setTimeout(() => proxies.forEach((proxy) => Object.assign(proxy.knobs, straight)), forMs);
    return { met: () => isUsed };
  };
  return [
    {
      name: `${what} is cut off for a moment`,
      isPossible,
      strike: (scene) => {
        const strike = turn(scene, { refuse: true }, OUTAGE_MS);
        for (const proxy of proxiesOf(scene)) proxy.cut();
        return strike;
      },
    },
    {
      name: `the line to ${what} is slow`,
      isPossible,
      strike: (scene) => turn(scene, { delayMs: 40, bytesPerSecond: 2_000_000 }, SLOW_MS),
    },
  ];
}

/** Goes on beside the run. That it fails itself, on a server that is just gone, is part of the weather; nothing met it then. */
function background(name: string, happen: (scene: Scene) => Promise<unknown>): ChaosFault {
  return {
    name,
    strike: (scene) => {
      let happened = false;
      happen(scene).then(
        () => (happened = true),
        () => undefined,
      );
      return { met: () => happened };
    },
  };
}
