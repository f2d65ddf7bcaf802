import { parseArgs } from 'node:util';
import { ConfigurationError, messageOf } from '../src/errors.ts';
import type { EnvironmentName, StrategyName, TrafficName } from './world.ts';

export interface RehearsalOptions {
  /** Megabytes of each shop's database. */
  sizeMb: number;
  /** Requests per second from outside. */
  rate: number;
  /** How far to go: `production` includes staging first. */
  environment: EnvironmentName;
  /** As migration.yml says it. */
  strategy: StrategyName;
  /** How visitors are held and led, as migration.yml says it. */
  traffic: TrafficName;
  /** How many runners share the copy of Postgres, as migration.yml says it. */
  runners: number;
  /** The reviewer says no. */
  reject: boolean;
  /** A step that fails once, for example `cutover` and `copy`. */
  fail: { phase: string; step: string } | undefined;
  /** Keep the directory with logs, record and summaries. */
  keep: boolean;
  json: boolean;
  seed: number;
  /** Runs in which things go wrong, instead of one in which nothing does. */
  chaos: { runs: number; parallel: number } | undefined;
}

export const USAGE = `npm run rehearse -- [options]
  --size <MB>                        size of each shop's database (8)
  --rate <requests per second>       load from outside (10)
  --environment staging|production   how far to go; production includes staging (production)
  --strategy window|live|auto        how Postgres moves (window)
  --traffic dns|front-door           how visitors are held and led (dns)
  --runners <number>                 that share the copy of Postgres (1)
  --reject                           the reviewer refuses the production cutover
  --fail <phase>:<step>              that step fails once, for example cutover:copy or migrate-db:copy
  --seed <number>                    of the data and the load (random, printed)
  --chaos                            things go wrong at random in the whole pipeline, as the seed draws
  --runs <number>                    of --chaos, each with the next seed (1)
  --parallel <number>                so many of these runs at the same time (1)
  --keep                             keep the directory with every log
  --json                             the last line of standard output is one JSON object`;

const PHASES = ['assess', 'provision', 'migrate-db', 'cutover', 'verify'];

/** Throws a ConfigurationError with the usage for anything that it does not know. */
export function parseOptions(args: readonly string[]): RehearsalOptions {
  const values = parse(args);
  const environment = values.environment ?? 'production';
  if (environment !== 'staging' && environment !== 'production') {
    throw wrong(`--environment is "${environment}"; it takes staging or production.`);
  }
  if (values.reject && environment === 'staging')
    throw wrong('--reject needs the production cutover: staging has no reviewer.');
  const strategy = values.strategy ?? 'window';
  if (strategy !== 'window' && strategy !== 'live' && strategy !== 'auto')
    throw wrong(`--strategy is "${strategy}"; it takes window, live or auto.`);
  const traffic = values.traffic ?? 'dns';
  if (traffic !== 'dns' && traffic !== 'front-door')
    throw wrong(`--traffic is "${traffic}"; it takes dns or front-door.`);
  return {
    sizeMb: number(values.size, 'size', 8, 1),
    rate: number(values.rate, 'rate', 10, 0),
    environment,
    strategy,
    traffic,
    runners: number(values.runners, 'runners', 1, 1),
    reject: values.reject ?? false,
    fail: failure(values.fail),
    keep: values.keep ?? false,
    json: values.json ?? false,
    seed: whole(values.seed, 'seed', Math.floor(Math.random() * 1_000_000), 0),
    chaos: chaosOf(values),
  };
}

/** What a chaos run draws for itself, or has no use for. */
const NOT_OF_CHAOS = [
  'size',
  'rate',
  'environment',
  'strategy',
  'traffic',
  'runners',
  'reject',
  'fail',
  'keep',
] as const;

function chaosOf(values: ReturnType<typeof parse>): RehearsalOptions['chaos'] {
  if (values.chaos !== true) {
    const of = (['runs', 'parallel'] as const).find((name) => values[name] !== undefined);
    if (of !== undefined) throw wrong(`--${of} is of --chaos: give both, or neither.`);
    return undefined;
  }
  const useless = NOT_OF_CHAOS.find((name) => values[name] !== undefined);
  if (useless !== undefined)
    throw wrong(`--${useless} has no effect with --chaos, whose seed draws what is played: leave it out.`);
  return { runs: whole(values.runs, 'runs', 1, 1), parallel: whole(values.parallel, 'parallel', 1, 1) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        size: { type: 'string' },
        rate: { type: 'string' },
        environment: { type: 'string' },
        strategy: { type: 'string' },
        traffic: { type: 'string' },
        runners: { type: 'string' },
        reject: { type: 'boolean' },
        chaos: { type: 'boolean' },
        runs: { type: 'string' },
        parallel: { type: 'string' },
        fail: { type: 'string' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        seed: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw wrong(messageOf(error));
  }
}

function number(text: string | undefined, name: string, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text.replace(/MB$/i, ''));
  if (Number.isFinite(value) && value >= least) return value;
  throw wrong(`--${name} is "${text}"; it takes a number of at least ${least}.`);
}

function whole(text: string | undefined, name: string, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw wrong(`--${name} is "${text}"; it takes a whole number of at least ${least}.`);
}

function failure(text: string | undefined): RehearsalOptions['fail'] {
  if (text === undefined) return undefined;
  const [phase = '', ...rest] = text.split(':');
  const step = rest.join(':');
  if (PHASES.includes(phase) && step !== '') return { phase, step };
  throw wrong(`--fail is "${text}"; it takes <phase>:<step>, with a phase of ${PHASES.join(', ')}.`);
}

function wrong(reason: string): ConfigurationError {
  return new ConfigurationError(`${reason}\n\n${USAGE}`);
}
