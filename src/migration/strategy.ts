import { z } from 'zod';

import type { Activity } from '../postgres/counters.ts';
import type { DatabaseFacts } from '../postgres/facts.ts';
import type { LiveFacts } from '../postgres/live-facts.ts';
import { formatBytes, formatDuration } from '../report/format.ts';
import {
  forecastDowntime,
  measuredPart,
  type Forecast,
  type ForecastPhase,
  type Strategy,
} from './forecast.ts';
import { lastDrain, type LastDrainInput } from './last-drain.ts';
import type { RehearsedSteps } from './rehearsed-steps.ts';

export type { Strategy } from './forecast.ts';

const interval = z.object({ low: z.number(), expected: z.number(), high: z.number() });

const strategyForecast = z.object({
  low: z.number(),
  expected: z.number(),
  high: z.number(),
  /** Whether even the upper end stays within the budget. */
  fits: z.boolean(),
  /** From the beginning of the copy beforehand to the end of the window; a person's waiting is not in it. */
  total: interval,
  /** The part that takes the longest, its share of the expected downtime (0 to 1), and what would shorten it. */
  dominant: z.object({ name: z.string(), share: z.number(), shorten: z.string() }),
  phases: z.array(
    z.object({
      name: z.string(),
      low: z.number(),
      expected: z.number(),
      high: z.number(),
      basis: z.string(),
    }),
  ),
});
export type StrategyForecast = z.infer<typeof strategyForecast>;

export const strategyChoiceSchema = z.object({
  strategy: z.enum(['window', 'live']),
  /** `migration.yml`: the file names it; `auto`: chosen here. */
  by: z.enum(['migration.yml', 'auto']),
  /** One sentence for the reviewer. */
  why: z.string(),
  /** The arithmetic in words, one step a line. */
  arithmetic: z.array(z.string()),
  /** Both strategies' downtime, milliseconds; `null` when nothing is known of the database. */
  forecasts: z.object({ window: strategyForecast, live: strategyForecast }).nullable(),
  /** Why the live strategy cannot be, each with what to do; empty when it can. */
  obstacles: z.array(
    z.object({
      what: z.string(),
      why: z.string(),
      remedy: z.string(),
      /** It holds at this moment only: no choice hangs on it, and the copy looks again before it begins. */
      passes: z.boolean().optional(),
    }),
  ),
});
/** Which strategy, by whose word, and the figures that speak for and against it. */
export type StrategyChoice = z.infer<typeof strategyChoiceSchema>;
export type Obstacle = StrategyChoice['obstacles'][number];

export interface StrategyInput {
  wanted: 'auto' | Strategy;
  budgetMs: number;
  /** Lifetime of the DNS records, when names move. */
  dnsTtlMs: number | undefined;
  /** `traffic: front-door`: requests wait in a forwarder instead of finding a maintenance page. */
  frontDoor?: boolean;
  /** Absent when the database could not be read. */
  database: Pick<DatabaseFacts, 'sizeBytes' | 'tables'> | undefined;
  live: LiveFacts | undefined;
  /** What Redis uses in memory, bytes; 0 without a Redis. */
  redisBytes: number;
  /** `workers.quiet-timeout`: as long the site may write on after the last catch-up. */
  quietTimeoutMs: number;
  /** How busy the database is; it makes the last drain longer, and no choice hangs on it, since it differs by the hour. */
  activity?: Pick<Activity, 'writesPerSecond' | 'average'> | undefined;
  /** What was measured before; the assumptions below without it. */
  measured?: MeasuredBefore | undefined;
  /** How many share the copy beforehand; the one inside the window is always one runner's. 1 unless given. */
  runners?: number | undefined;
}

/** What an earlier practice copy of the environment tells of the next one, and a rehearsed cutover of the real one. */
export interface MeasuredBefore {
  copyBytesPerSecond?: number;
  parityBytesPerSecond?: number;
  /** Of a live one that had enough to drain. */
  drainRowsPerSecond?: number;
  /** The last pass of the window, in practice, and the look for jobs that follows it. */
  redis?: { finalPassMs: number; jobsMs: number };
  rehearsed?: RehearsedSteps;
}

/** Bytes in one second: what is careful to expect, the usual, and what a good day gives; and where they are from. */
interface Throughput {
  slow: number;
  usual: number;
  fast: number;
  source: string;
}

const MB = 1e6;

/**
 * A whole copy, indexes included, from Heroku to a small managed cluster. Others report 10 MB/s (a live dump from Heroku),
 * 18 MB/s (within a region) and 28 MB/s (100 GB an hour); this project measured 85 MB/s on one machine with two cores.
 */
const ASSUMED_COPY: Throughput = {
  slow: 10 * MB,
  usual: 20 * MB,
  fast: 40 * MB,
  source: 'assumed from 10 to 28 MB/s that others report of moves from Heroku, as read in November 2026',
};

/** Every row of both sides hashed: 104 MB/s on one machine with two cores, and small clusters have one. */
const ASSUMED_PARITY: Throughput = {
  slow: 25 * MB,
  usual: 50 * MB,
  fast: 100 * MB,
  source: 'assumed from 104 MB/s on two cores, measured in November 2026',
};

/** 1 GB of memory took 20 s on one machine with two cores; the network of two companies lies between here. */
const ASSUMED_REDIS: Throughput = {
  slow: 5 * MB,
  usual: 20 * MB,
  fast: 50 * MB,
  source: 'assumed from 50 MB/s of memory on two cores, measured in November 2026',
};

/** One holds the snapshot, one looks for schema changes, one copies, one installs. */
const CONNECTIONS_NEEDED = 4;
/** Older ones get no corrections any more, and nothing here is tested against them. */
const OLDEST_MAJOR = 12;

/**
 * Chooses between a copy inside the maintenance window and a live one that is kept in step, and shows the arithmetic.
 * The window strategy changes nothing on the source, so `auto` takes it whenever even its upper end fits the budget;
 * live where it does not and where live is possible.
 */
export function chooseStrategy(input: StrategyInput): StrategyChoice {
  const obstacles = input.live === undefined ? [] : liveObstacles(input.live);
  const by = input.wanted === 'auto' ? 'auto' : 'migration.yml';
  if (input.database === undefined) {
    const strategy = input.wanted === 'live' ? 'live' : 'window';
    return {
      strategy,
      by,
      why: 'The database could not be read, so nothing was weighed.',
      arithmetic: [],
      forecasts: null,
      obstacles,
    };
  }
  const sizes = sizesOf(input.database, input.live, input.redisBytes);
  const rates = ratesOf(input);
  const parts = {
    window: windowParts(sizes, rates),
    live: liveParts(sizes, rates, lastDrain(drainOf(input))),
  };
  const forecasts = {
    window: forecastOf('window', parts.window, input),
    live: forecastOf('live', parts.live, input),
  };
  const atRest = liveParts(sizes, rates, lastDrain({ ...drainOf(input), activity: undefined }));
  const isLiveShorter = forecastOf('live', atRest, input).high < forecasts.window.high;
  const { strategy, why } = decide(input.wanted, forecasts, isLiveShorter, obstacles);
  const before = sharedAmong(input.runners ?? 1, parts.window);
  return {
    strategy,
    by,
    why,
    arithmetic: arithmeticOf(sizes, parts, forecasts, input),
    forecasts: {
      window: inShort(forecasts.window, before),
      live: inShort(forecasts.live, before),
    },
    obstacles,
  };
}

/** The copy beforehand when runners share it: at best so many times as quick. They share nothing else. */
function sharedAmong(runners: number, parts: readonly ForecastPhase[]): ForecastPhase[] {
  return parts.map((part) =>
    part.name === 'copy'
      ? {
          ...part,
          low: part.low / runners,
          expected: part.expected / runners,
          high: part.high / runners,
        }
      : part,
  );
}

type Forecasts = Record<Strategy, Forecast>;

/** @param isLiveShorter whatever is being written at this moment */
function decide(
  wanted: StrategyInput['wanted'],
  { window, live }: Forecasts,
  isLiveShorter: boolean,
  obstacles: readonly Obstacle[],
): { strategy: Strategy; why: string } {
  const fit = (forecast: Forecast): string => (forecast.fits ? 'fits' : 'does not fit');
  const budget = formatDuration(window.budget);
  if (wanted !== 'auto') {
    const [mine, other] = wanted === 'live' ? [live, window] : [window, live];
    return {
      strategy: wanted,
      why:
        `migration.yml says \`strategy: ${wanted}\`: up to ${formatDuration(mine.high)} of downtime, which ${fit(mine)} the budget of ${budget}. ` +
        `${wanted === 'live' ? 'The window strategy' : 'The live strategy'} would take up to ${formatDuration(other.high)}.`,
    };
  }
  if (window.fits) {
    return {
      strategy: 'window',
      why: `Even the upper end of a copy inside the window (${formatDuration(window.high)}) fits the budget of ${budget}, and it changes nothing on Heroku beforehand; live would take up to ${formatDuration(live.high)}.`,
    };
  }
  const lasting = obstacles.filter(({ passes }) => passes !== true);
  if (lasting.length > 0) {
    return {
      strategy: 'window',
      why: `A copy inside the window may take ${formatDuration(window.high)}, more than the budget of ${budget}, and live cannot be: ${lasting.map(({ what }) => what).join('; ')}.`,
    };
  }
  return isLiveShorter
    ? {
        strategy: 'live',
        why: `A copy inside the window may take ${formatDuration(window.high)}, more than the budget of ${budget}; live takes up to ${formatDuration(live.high)}, which ${fit(live)}.`,
      }
    : {
        strategy: 'window',
        why: `Neither fits the budget of ${budget}: a copy inside the window may take ${formatDuration(window.high)} and live ${formatDuration(live.high)}, since what it cannot follow is copied inside the window, too.`,
      };
}

/** What stands in the way of capturing changes, each with what to do about it. */
export function liveObstacles(live: LiveFacts): Obstacle[] {
  const { major, inRecovery, mayCreateSchema, foreignTables, freeConnections } = live;
  const found: (Obstacle | false)[] = [
    major < OLDEST_MAJOR && {
      what: `the live strategy needs PostgreSQL ${OLDEST_MAJOR} or newer`,
      why: `the source is of version ${major}`,
      remedy: 'Upgrade it on Heroku first (`heroku pg:upgrade`), or write `strategy: window`.',
    },
    inRecovery && {
      what: 'DATABASE_URL leads to a follower',
      why: 'nothing can be written to it, so changes cannot be captured there',
      remedy: 'Promote the leader (`heroku pg:promote`) and run assess again, or write `strategy: window`.',
    },
    !mayCreateSchema && {
      what: 'the role of DATABASE_URL may not create a schema',
      why: 'the logs of changes need one of their own',
      remedy: 'Attach the default credential as DATABASE, or write `strategy: window`.',
    },
    foreignTables.length > 0 && {
      what: `${foreignTables.join(', ')} belong${foreignTables.length === 1 ? 's' : ''} to another role`,
      why: "only a table's owner may put a trigger on it, and without one its changes would be lost",
      remedy:
        'Give them to the role of DATABASE_URL (ALTER TABLE … OWNER TO …), or write `strategy: window`.',
    },
    freeConnections !== null &&
      freeConnections < CONNECTIONS_NEEDED && {
        what: `${freeConnections} connections to the source are free`,
        why: `copying while the application serves needs ${CONNECTIONS_NEEDED}`,
        remedy: "Lower the application's pools or take a larger plan, or write `strategy: window`.",
        passes: true,
      },
  ];
  return found.filter((obstacle) => obstacle !== false);
}

interface Sizes {
  all: number;
  /** Tables without a usable key, with their number. */
  keyless: number;
  keylessTables: number;
  largeObjects: number;
  redis: number;
}

function sizesOf(
  database: NonNullable<StrategyInput['database']>,
  live: LiveFacts | undefined,
  redisBytes: number,
): Sizes {
  const keyless = database.tables.filter(({ key }) => key === null);
  return {
    all: database.sizeBytes,
    keyless: keyless.reduce((sum, { bytes }) => sum + bytes, 0),
    keylessTables: keyless.length,
    largeObjects: live?.largeObjectBytes ?? 0,
    redis: redisBytes,
  };
}

interface Rates {
  copy: Throughput;
  parity: Throughput;
  /** What its last pass took in practice, or from its size. */
  redis: Throughput | NonNullable<MeasuredBefore['redis']>;
}

function ratesOf({ measured }: StrategyInput): Rates {
  return {
    copy: measuredRate(measured?.copyBytesPerSecond) ?? ASSUMED_COPY,
    parity: measuredRate(measured?.parityBytesPerSecond) ?? ASSUMED_PARITY,
    redis: measured?.redis ?? ASSUMED_REDIS,
  };
}

function drainOf({ activity, quietTimeoutMs, measured }: StrategyInput): LastDrainInput {
  return { activity, quietTimeoutMs, measuredRowsPerSecond: measured?.drainRowsPerSecond };
}

/** As `forecast.ts` widens what a practice copy took. */
function measuredRate(bytesPerSecond: number | undefined): Throughput | undefined {
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return undefined;
  return {
    slow: bytesPerSecond / 1.5,
    usual: bytesPerSecond,
    fast: bytesPerSecond / 0.8,
    source: 'measured by the last practice copy',
  };
}

function windowParts(sizes: Sizes, rates: Rates): ForecastPhase[] {
  const parity = sized('parity', sizes.all, rates.parity);
  return [sized('copy', sizes.all, rates.copy), parity, ...redisPart(sizes, rates, [parity])];
}

function liveParts(sizes: Sizes, rates: Rates, drain: ForecastPhase): ForecastPhase[] {
  const parts = [
    drain,
    ...(sizes.keyless > 0 ? [sized('tables without a key', sizes.keyless, rates.copy)] : []),
    ...(sizes.largeObjects > 0 ? [sized('large objects', sizes.largeObjects, rates.copy)] : []),
  ];
  return [...parts, ...redisPart(sizes, rates, parts)];
}

/** @param beside what Postgres does at the same time: only what Redis takes beyond it makes the window longer */
function redisPart(sizes: Sizes, { redis }: Rates, beside: readonly ForecastPhase[]): ForecastPhase[] {
  if (sizes.redis === 0) return [];
  if (!('finalPassMs' in redis)) return [sized('Redis', sizes.redis, redis)];
  const { finalPassMs, jobsMs } = redis;
  const besideMs = beside.reduce((sum, { expected }) => sum + expected, 0);
  return [
    measuredPart({
      name: 'Redis',
      milliseconds: Math.max(0, finalPassMs - besideMs) + jobsMs,
      from: `the last practice copy: ${formatDuration(finalPassMs)} for the last pass, as far as Postgres does not take as long, and ${formatDuration(jobsMs)} to count jobs`,
    }),
  ];
}

/** From `bytes` at a throughput. */
function sized(name: string, bytes: number, { slow, usual, fast, source }: Throughput): ForecastPhase {
  const at = (rate: number): number => Math.round((bytes / rate) * 1000);
  return {
    name,
    low: at(fast),
    expected: at(usual),
    high: at(slow),
    basis: source.startsWith('measured') ? 'measured' : 'assumed',
    reason: `${formatBytes(bytes)} at ${formatBytes(slow)}/s to ${formatBytes(fast)}/s, ${source}`,
  };
}

function forecastOf(strategy: Strategy, parts: ForecastPhase[], input: StrategyInput): Forecast {
  const { budgetMs, dnsTtlMs, frontDoor = false, measured } = input;
  const names = dnsTtlMs === undefined || frontDoor ? {} : { dnsTtlMs };
  return forecastDowntime({ strategy, parts, budgetMs, frontDoor, ...names, rehearsed: measured?.rehearsed });
}

/** What would make a part of the window shorter; the parts by their names. */
const SHORTEN: Readonly<Record<string, string>> = {
  'final drain':
    'Choose a quiet hour, and let jobs end quickly: what is written from the last catch-up to the fence is drained there.',
  copy: 'Delete or archive what is no longer used, take a larger cluster for the copy, or write `strategy: live`.',
  parity: 'A larger cluster reads quicker; with `strategy: live` all rows are compared before the window.',
  Redis: 'List what is rebuilt by itself under `redis.skip`, and give caches an expiry.',
  'tables without a key':
    'Give them a primary key: then their changes can be followed and are not copied again inside the window.',
  'large objects': 'Remove orphans (`vacuumlo`), or move them into bytea columns or to object storage.',
  'DNS: resolvers follow': 'Lower `dns.ttl`; 30 s is the least, and then visitors follow no quicker.',
  'Heroku: dynos end': 'Let web and workers end at once on SIGTERM; Heroku kills them after 30 s.',
  'fence: locks on every table': 'Avoid long transactions in the window: reports, exports, migrations.',
};

/** @param before whatever the strategy, everything is copied and compared once before the window */
function inShort(
  { low, expected, high, fits, phases }: Forecast,
  before: readonly ForecastPhase[],
): StrategyForecast {
  const upTo = (of: (phase: ForecastPhase) => number, window: number): number =>
    before.reduce((sum, phase) => sum + of(phase), window);
  const longest = phases.reduce((one, other) => (other.expected > one.expected ? other : one));
  return {
    low,
    expected,
    high,
    fits,
    total: {
      low: upTo((phase) => phase.low, low),
      expected: upTo((phase) => phase.expected, expected),
      high: upTo((phase) => phase.high, high),
    },
    dominant: {
      name: longest.name,
      share: expected === 0 ? 0 : longest.expected / expected,
      shorten:
        SHORTEN[longest.name] ??
        (longest.basis === 'measured'
          ? 'It is what the last rehearsal took; the timeline of its cutover shows where.'
          : 'It is a fixed allowance; a rehearsal shows what it really takes.'),
    },
    phases: phases.map((phase) => ({
      name: phase.name,
      low: phase.low,
      expected: phase.expected,
      high: phase.high,
      basis: phase.basis,
    })),
  };
}

function arithmeticOf(
  sizes: Sizes,
  parts: Record<Strategy, readonly ForecastPhase[]>,
  forecasts: Forecasts,
  input: StrategyInput,
): string[] {
  const spell = ({ name, expected, high, reason }: ForecastPhase): string =>
    `${name}: ${formatDuration(expected)}, at most ${formatDuration(high)} (${reason})`;
  const stepsOf = ({ phases }: Forecast, own: readonly ForecastPhase[]): ForecastPhase[] =>
    phases.filter(({ name }) => !own.some((part) => part.name === name));
  const common = stepsOf(forecasts.window, parts.window);
  const rehearsed = stepsOf(forecasts.live, parts.live).filter(({ basis }) => basis === 'measured');
  const total = (of: (phase: ForecastPhase) => number): number =>
    common.reduce((sum, phase) => sum + of(phase), 0);
  const free = input.live?.freeConnections;
  const { runners = 1 } = input;
  const copyMs = parts.window.find(({ name }) => name === 'copy')?.expected ?? 0;
  return [
    `Database ${formatBytes(sizes.all)}, of which ${formatBytes(sizes.keyless)} in ${sizes.keylessTables} tables without a usable key and ${formatBytes(sizes.largeObjects)} of large objects: live cannot follow these and copies them inside the window.`,
    `Both strategies need ${formatDuration(total(({ expected }) => expected))}, at most ${formatDuration(total(({ high }) => high))}, for dynos to end, the fence, the switch and DNS.`,
    ...rehearsed.map((step) => `Of these, ${spell(step)}.`),
    ...parts.window.map((part) => `Window, ${spell(part)}.`),
    ...parts.live.map((part) => `Live, ${spell(part)}.`),
    free === undefined || free === null
      ? 'The number of connections to the source is not limited for this role.'
      : `${free} connections to the source are free; live needs ${CONNECTIONS_NEEDED} while it copies.`,
    ...(runners === 1
      ? []
      : [
          `${runners} runners share the copy beforehand (\`postgres.runners\`), which then takes ${formatDuration(copyMs / runners)} at best; a copy inside the window is one runner's.`,
        ]),
    `Budget: ${formatDuration(input.budgetMs)} (\`downtime-budget\`).`,
  ];
}
