import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { databaseSettings, type Queryable } from '../shop/database.ts';
import type { Environment } from '../shop/environment.ts';
import { jobIdOfOrder } from '../shop/orders.ts';
import { openRedis } from '../shop/redis.ts';
import {
  readFirings,
  readRuns,
  readWaiting,
  type Firing,
  type JobRun,
  type WaitingJobs,
} from './jobs-found.ts';
import { readLedger, type Acknowledgement } from './ledger.ts';
import { findWrites } from './writes.ts';

export interface JudgeOptions {
  /** The load's ledger file(s). */
  ledgers: string[];
  /** The side that must hold everything: its database and Redis in the shop's own terms (DATABASE_URL, REDIS_URL, …). */
  authoritative: Environment;
  /** The side that must not have done the same work again; left out when there is only one. */
  other?: Environment;
  /** How long jobs that are just being run may take to be recorded, milliseconds; default 20,000. */
  patienceMs?: number;
}

export interface Verdict {
  /** Doubled: done twice on the side that counts, or by both sides, told apart by the sender's own id. */
  writes: { acknowledged: number; found: number; missing: number; doubled: number };
  /** Every enqueued job was run, or is waiting, or is dead, or is lost. */
  jobs: {
    enqueued: number;
    run: number;
    retried: number;
    waiting: number;
    dead: number;
    lost: number;
    twice: number;
  };
  /**
   * Firings of scheduled jobs, and how often, in order of time, the next one came from the other side: 1 after a
   * cutover, 2 after a cutover and a roll-back. More means that both sides fired at the same time.
   */
  schedules: { fired: number; sideChanges: number };
  /** Jobs that lie on the other side's Redis where a restarted worker would run them. */
  stranded: number;
  /** The first few of what is wrong, for a person. */
  examples: { missing: string[]; doubled: string[]; lost: string[]; twice: string[] };
}

const examples = 5;
const defaultPatienceMs = 20_000;

/**
 * Compares what was acknowledged and enqueued with what both sides hold. A job is enqueued when its order was
 * acknowledged or its schedule fired; it is run when the authoritative database records it, whose other effects are
 * then there too; it ran twice when it was completed on both sides, or completed again without being a retry.
 *
 * @throws when a side cannot be read: what is not known is no verdict
 */
export async function judge(options: JudgeOptions): Promise<Verdict> {
  const acknowledged = options.ledgers.flatMap(readLedger);
  const authoritative = await openSide(options.authoritative);
  const other = options.other ? await openSide(options.other).catch(closing(authoritative)) : undefined;
  try {
    const deadline = Date.now() + (options.patienceMs ?? defaultPatienceMs);
    let jobs = await judgeJobs(acknowledged, authoritative, other);
    while (jobs.unsettled && Date.now() < deadline) {
      await delay(300);
      jobs = await judgeJobs(acknowledged, authoritative, other);
    }
    const { found, missing, doubled } = await findWrites(
      authoritative.database,
      acknowledged,
      other?.database,
    );
    return {
      writes: {
        acknowledged: found + missing.length,
        found,
        missing: missing.length,
        doubled: doubled.length,
      },
      jobs: jobs.figures,
      schedules: jobs.schedules,
      stranded: other ? (await readWaiting(other.redis)).waiting.size : 0,
      examples: {
        missing: missing.slice(0, examples),
        doubled: doubled.slice(0, examples),
        lost: jobs.lost.slice(0, examples),
        twice: jobs.twice.slice(0, examples),
      },
    };
  } finally {
    await authoritative.close();
    await other?.close();
  }
}

interface OpenSide {
  database: Queryable;
  redis: ReturnType<typeof openRedis>;
  close(): Promise<void>;
}

async function openSide(environment: Environment): Promise<OpenSide> {
  const database = new pg.Client({ ...databaseSettings(environment), application_name: 'judge' });
  // A connection that is lost makes the next query fail, which is where it is told.
  database.on('error', () => undefined);
  await database.connect();
  const redis = openRedis(environment, { maxRetriesPerRequest: 3, commandTimeout: 15_000 }, () => undefined);
  return {
    database,
    redis,
    close: async () => {
      redis.disconnect();
      await database.end();
    },
  };
}

/** For the case that the second side cannot be opened: the first one is not left open. */
function closing(side: OpenSide): (reason: unknown) => Promise<never> {
  return async (reason) => {
    await side.close();
    throw reason;
  };
}

interface JobsJudged {
  figures: Verdict['jobs'];
  schedules: Verdict['schedules'];
  lost: string[];
  twice: string[];
  /** Something may still come to its end by itself. */
  unsettled: boolean;
}

async function judgeJobs(
  acknowledged: Acknowledgement[],
  authoritative: OpenSide,
  other: OpenSide | undefined,
): Promise<JobsJudged> {
  // Redis first: a job that leaves the queue while we look is then found among the runs.
  const lying = await readWaiting(authoritative.redis);
  const runs = await readRuns(authoritative.database);
  const firings = await readFirings(authoritative.database);
  const runsElsewhere = other ? await readRuns(other.database) : [];
  const firingsElsewhere = other ? await readFirings(other.database) : [];

  const enqueued = new Set([
    ...acknowledged.filter(({ kind }) => kind === 'order').map(({ uuid }) => jobIdOfOrder(uuid)),
    ...[...firings, ...firingsElsewhere].map(({ jid }) => jid),
  ]);
  const ran = new Set(runs.map(({ jid }) => jid));
  const missing = [...enqueued].filter((jid) => !ran.has(jid));
  const lost = missing.filter((jid) => !lying.waiting.has(jid) && !lying.dead.has(jid));
  const twice = ranTwice([...runs, ...runsElsewhere]);
  return {
    figures: {
      enqueued: enqueued.size,
      run: enqueued.size - missing.length,
      retried: runs.filter(({ jid, attempt }) => attempt > 1 && enqueued.has(jid)).length,
      waiting: missing.filter((jid) => lying.waiting.has(jid)).length,
      dead: missing.filter((jid) => lying.dead.has(jid)).length,
      lost: lost.length,
      twice: twice.length,
    },
    schedules: scheduleFigures([...firings, ...firingsElsewhere]),
    lost: lost.map((jid) => describeLost(jid, lying, runsElsewhere)),
    twice,
    unsettled: lost.length > 0 || lying.waiting.size > 0,
  };
}

function ranTwice(runs: JobRun[]): string[] {
  const byJob = Map.groupBy(new Map(runs.map((run) => [run.runId, run])).values(), ({ jid }) => jid);
  return [...byJob]
    .filter(([, ofJob]) => {
      const sides = new Set(ofJob.map(({ side }) => side));
      const attempts = new Set(ofJob.map(({ attempt }) => attempt));
      return sides.size > 1 || attempts.size < ofJob.length;
    })
    .map(
      ([jid, ofJob]) =>
        `${jid}: ${ofJob.map(({ side, attempt }) => `${side} (attempt ${attempt})`).join(', ')}`,
    );
}

function describeLost(jid: string, lying: WaitingJobs, elsewhere: JobRun[]): string {
  if (elsewhere.some((run) => run.jid === jid)) return `${jid}: run on the other side only`;
  return lying.running.has(jid) ? `${jid}: begun, and never finished` : `${jid}: nowhere to be found`;
}

/** A firing that was copied to the other side is one firing. */
function scheduleFigures(firings: Firing[]): Verdict['schedules'] {
  const unique = [...new Map(firings.map((firing) => [firing.jid, firing])).values()];
  unique.sort((a, b) => a.at.getTime() - b.at.getTime());
  const sideChanges = unique.filter(
    ({ side }, index) => index > 0 && side !== unique[index - 1]?.side,
  ).length;
  return { fired: unique.length, sideChanges };
}
