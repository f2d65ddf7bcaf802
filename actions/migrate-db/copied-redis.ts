import type { MeasuredPhase } from '../../src/migration/forecast.ts';
import type { FeedKind } from '../../src/redis/changes.ts';
import type { RedisCopyResult } from '../../src/redis/copy.ts';
import type { RedisParity } from '../../src/redis/parity.ts';
import { countOldJobs } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import { perSecond } from './per-second.ts';

/** What a practice copy of Redis did and measured, for the record and its reader. */
export interface CopiedRedis {
  /** Keys of the old side that were compared with the new one afterwards. */
  keys: number;
  /** Keys that this run carried; another run carries only what differs. */
  carried: number;
  bytes: number;
  keysPerSecond: number;
  /** Of the carried keys, those that went element by element. */
  bigKeys: number;
  /** Keys that stayed behind on purpose: those that match `skip`, and the heartbeats of workers that run. */
  skipped: number;
  skip: string[];
  /** How the old server tells what changes. */
  feed: FeedKind;
  /** What the last pass of the window took in practice. */
  finalPassMs: number;
  /** Of the old side, when the copy was done. */
  jobs: { name: string; size: number }[];
  /** What looking for them took. */
  jobsMs: number;
}

export async function copiedRedis(
  parties: Parties,
  copy: RedisCopyResult | null,
  parity: RedisParity | null,
): Promise<CopiedRedis | null> {
  if (copy === null || parity === null) return null;
  const { bytes, bigKeys, skipped, feed, finalPassMs } = copy;
  const started = parties.clock.now().getTime();
  const jobs = await countOldJobs(parties);
  return {
    keys: parity.keys.compared,
    carried: copy.keys,
    bytes,
    keysPerSecond: perSecond(copy.keys, copy.milliseconds),
    bigKeys,
    skipped,
    skip: parties.subject.config.redis.skip,
    feed,
    finalPassMs,
    jobs,
    jobsMs: parties.clock.now().getTime() - started,
  };
}

const MEASURED: Record<FeedKind, string> = {
  tracking: 'its last pass in practice, over what client tracking told',
  notifications: 'its last pass in practice, over what keyspace notifications told',
  none: 'its last pass in practice: nothing tells what changed, so that all keys are compared',
};

/** What Redis adds to a window in which Postgres takes `besideMs` at the same time. */
export function redisPart(redis: CopiedRedis | null, besideMs: number): MeasuredPhase[] {
  if (redis === null) return [];
  return [
    {
      name: 'Redis, beyond what Postgres takes',
      milliseconds: Math.max(0, redis.finalPassMs - besideMs),
      from: MEASURED[redis.feed],
    },
    {
      name: 'Redis: jobs are looked for and counted',
      milliseconds: redis.jobsMs,
      from: 'the same look at the names of all keys, in practice',
    },
  ];
}
