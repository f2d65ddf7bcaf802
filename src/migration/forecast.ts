import { asRehearsed, type RehearsedSteps } from './rehearsed-steps.ts';

/** How Postgres moves; `auto` is decided before anything is forecast. */
export type Strategy = 'window' | 'live';

/** What one part of the window took in practice, milliseconds. */
export interface MeasuredPhase {
  name: string;
  milliseconds: number;
  /** How it was measured; `the practice copy` unless given. */
  from?: string | undefined;
}

export interface ForecastPhase {
  name: string;
  low: number;
  expected: number;
  high: number;
  /**
   * `measured` before the window, `assumed` from sizes while nothing was measured, `allowed` for a step that only the real
   * window has, `dns` from the records' lifetime.
   */
  basis: 'measured' | 'assumed' | 'allowed' | 'dns';
  /** Why the figures are these, for the reader of the table. */
  reason: string;
}

/** All in milliseconds of downtime. */
export interface Forecast {
  low: number;
  expected: number;
  high: number;
  budget: number;
  /** Whether even the upper end stays within the budget. */
  fits: boolean;
  phases: ForecastPhase[];
  /** One sentence for the reviewer. */
  verdict: string;
}

// Assumed, not measured: one practice run tells nothing of the spread. Inside the fence the old side is idle and the
// copy can be quicker; a busy neighbour or a slower network path can make it slower. A source that grew since the
// practice copy needs another practice copy, not a wider factor.
const LOW = 0.8;
const HIGH = 1.5;

/** What is allowed for a step while nobody has measured it. */
export type Allowance = Omit<ForecastPhase, 'basis'>;

/**
 * The steps of the window that no practice has, in the order of the cutover. Heroku's
 * 30 s are its own limit (Dev Center, "Dynos and the Dyno Manager", on shutdown); the rest are allowances for a few calls
 * that answer within a second as a rule, to be replaced when real windows have been measured.
 *
 * Not in it: the boot of the new side (it runs warm before the window begins) and of its workers (queues hold their
 * jobs, and visitors do not wait for them).
 */
const ALLOWED: readonly Allowance[] = [
  {
    name: 'Heroku: maintenance mode',
    low: 200,
    expected: 1_000,
    high: 5_000,
    reason: 'one call of the Platform API and one repetition of it',
  },
  {
    name: 'Heroku: dynos end',
    low: 1_000,
    expected: 10_000,
    high: 30_000,
    // A Scheduler job that is at work gets no SIGTERM: it is waited for, longer than this, and the cutover is undone.
    reason: 'Heroku sends SIGTERM, and SIGKILL 30 s later',
  },
  {
    name: 'Heroku: parking release',
    low: 1_000,
    expected: 5_000,
    high: 15_000,
    reason: 'an empty slug is made, uploaded and released; it has no release phase',
  },
  {
    name: 'fence: locks on every table',
    low: 100,
    expected: 1_000,
    high: 10_000,
    reason: 'short attempts until transactions that are still open have ended',
  },
  {
    name: 'point of no return and opening',
    low: 200,
    expected: 1_000,
    high: 5_000,
    reason: 'triggers on the old tables, rights on the new ones, a few calls',
  },
  {
    name: 'DNS: records are changed',
    low: 500,
    expected: 2_000,
    high: 10_000,
    reason: 'one call of the Domains API for each name, and until its name servers answer with it',
  },
];

function isInFrontDoor({ name }: Allowance): boolean {
  return !/^(Heroku: maintenance mode|Heroku: parking release|DNS: )/.test(name);
}

const FRONT_DOOR_RELEASE: Allowance = {
  name: 'Heroku: the forwarder is released, and let go',
  low: 300,
  expected: 1_500,
  high: 5_000,
  reason:
    'a slug that is built already, two calls of the Platform API, and a row that its dynos read ten times a second',
};

/** What the live strategy does inside the fence whatever the size is: round trips, not rows. */
const ALLOWED_LIVE: readonly Allowance[] = [
  {
    name: 'sequences, foreign keys and triggers',
    low: 50,
    expected: 500,
    high: 3_000,
    reason: 'a few round trips; foreign keys are checked for old rows after the switch',
  },
  {
    name: 'capture on the new side, for the way back',
    low: 100,
    expected: 1_000,
    high: 5_000,
    reason: 'triggers on tables that nobody writes to yet',
  },
];

/**
 * Says how long the window will be: its parts as measured (or assumed) beforehand, the steps that only the real window
 * has, and the time until resolvers follow (`dnsTtlMs`, the lifetime of the records; leave it out when no name moves).
 * The highs add up, which is careful: that all phases are slow at once is unlikely, and a promise of downtime may only
 * err to that side. Nothing fits as long as there are no parts.
 */
export function forecastDowntime(o: {
  strategy: Strategy;
  parts: readonly ForecastPhase[];
  budgetMs: number;
  dnsTtlMs?: number;
  /** Visitors wait in the forwarder and are led on by it: no maintenance page, no names in the window. */
  frontDoor?: boolean;
  /** The newest cutover of a rehearsal: what its steps took is expected again. */
  rehearsed?: RehearsedSteps | undefined;
}): Forecast {
  const steps = o.frontDoor === true ? [...ALLOWED.filter(isInFrontDoor), FRONT_DOOR_RELEASE] : ALLOWED;
  const allowed = [...steps, ...(o.strategy === 'live' ? ALLOWED_LIVE : [])];
  const phases = [
    ...asRehearsed(allowed, o.rehearsed),
    ...o.parts,
    ...(o.dnsTtlMs === undefined ? [] : [resolversPhase(o.dnsTtlMs)]),
  ];
  const sum = (of: (phase: ForecastPhase) => number): number =>
    phases.reduce((total, phase) => total + of(phase), 0);
  const forecast = {
    low: sum(({ low }) => low),
    expected: sum(({ expected }) => expected),
    high: sum(({ high }) => high),
  };
  return {
    ...forecast,
    budget: o.budgetMs,
    fits: o.parts.length > 0 && forecast.high <= o.budgetMs,
    phases,
    verdict: verdictOf(forecast, o.budgetMs, o.parts.length),
  };
}

/** What practice took, as a part of a forecast. */
export function measuredPart({ name, milliseconds, from }: MeasuredPhase): ForecastPhase {
  return {
    name,
    low: Math.round(milliseconds * LOW),
    expected: Math.round(milliseconds),
    high: Math.round(milliseconds * HIGH),
    basis: 'measured',
    reason: `${from ?? 'the practice copy'}; from ${LOW} to ${HIGH} times as long`,
  };
}

/** A resolver asked just before the change keeps the old answer for a whole lifetime; on average for half of one. */
function resolversPhase(ttlMs: number): ForecastPhase {
  return {
    name: 'DNS: resolvers follow',
    low: 0,
    expected: Math.round(ttlMs / 2),
    high: ttlMs,
    basis: 'dns',
    reason: 'a resolver keeps the old answer for at most the lifetime of the record',
  };
}

function verdictOf(
  forecast: { low: number; expected: number; high: number },
  budget: number,
  parts: number,
): string {
  if (parts === 0) return 'Nothing was measured yet, so the downtime is not known: run migrate-db first.';
  const range = `${seconds(forecast.low)} to ${seconds(forecast.high)}, expected ${seconds(forecast.expected)}`;
  if (forecast.high <= budget) return `Downtime forecast: ${range}; within the budget of ${seconds(budget)}.`;
  return forecast.expected <= budget
    ? `Downtime forecast: ${range}; it may exceed the budget of ${seconds(budget)}.`
    : `Downtime forecast: ${range}; above the budget of ${seconds(budget)}.`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
