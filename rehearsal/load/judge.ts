import type { Environment } from '../shop/environment.ts';

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
  writes: { acknowledged: number; found: number; missing: number; doubled: number };
  jobs: {
    enqueued: number;
    run: number;
    retried: number;
    waiting: number;
    dead: number;
    lost: number;
    twice: number;
  };
  /** Firings of scheduled jobs; `overlapping` fired on the old side after the new side had begun to fire. */
  schedules: { fired: number; overlapping: number };
  /** Jobs that lie on the other side's Redis where a restarted worker would run them. */
  stranded: number;
  /** The first few of what is wrong, for a person. */
  examples: { missing: string[]; doubled: string[]; lost: string[]; twice: string[] };
}

/** Compares what was acknowledged and enqueued with what both sides hold. */
export declare function judge(options: JudgeOptions): Promise<Verdict>;
