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
  /** The reviewer says no. */
  reject: boolean;
  /** A step that fails once, for example `cutover` and `copy`. */
  fail: { phase: string; step: string } | undefined;
  /** Keep the directory with logs, record and summaries. */
  keep: boolean;
  json: boolean;
  seed: number;
  /** So many runs in which things go wrong, instead of one in which nothing does; 0 is none. */
  chaosRuns: number;
}

export const USAGE = `npm run rehearse -- [options]
  --size <MB>                        size of each shop's database (8)
  --rate <requests per second>       load from outside (10)
  --environment staging|production   how far to go; production includes staging (production)
  --strategy window|live|auto        how Postgres moves (window)
  --traffic dns|front-door           how visitors are held and led (dns)
  --reject                           the reviewer refuses the production cutover
  --fail <phase>:<step>              that step fails once, for example cutover:copy or migrate-db:copy
  --seed <number>                    of the data and the load (random, printed)
  --chaos                            things go wrong at random in the whole pipeline of staging, as the seed draws
  --runs <number>                    of --chaos, each with the next seed (1)
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
    reject: values.reject ?? false,
    fail: failure(values.fail),
    keep: values.keep ?? false,
    json: values.json ?? false,
    seed: number(values.seed, 'seed', Math.floor(Math.random() * 1_000_000), 0),
    chaosRuns: values.chaos === true ? number(values.runs, 'runs', 1, 1) : 0,
  };
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
        reject: { type: 'boolean' },
        chaos: { type: 'boolean' },
        runs: { type: 'string' },
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
