import { copyDatabase } from '../src/postgres/copy.ts';
import type { CopyResult } from '../src/postgres/copy.ts';
import { terminateStale } from '../src/postgres/settle.ts';
import { copyRedis } from '../src/redis/copy.ts';
import type { RedisCopyResult } from '../src/redis/copy.ts';
import type { Parties } from './parties.ts';

// pg_restore loads this many tables at a time; the smallest managed clusters have one CPU and 22 connections.
const JOBS = 4;

export interface BothCopies {
  postgres: CopyResult;
  /** `null` for an application without a Redis. */
  redis: RedisCopyResult | null;
}

/**
 * Copies Postgres and Redis side by side: the practice copy of `migrate-db` and the copy inside the fence are this one
 * function. It replaces only what carries this migration's stamp and leaves the new side closed.
 */
export async function copyBoth(parties: Parties): Promise<BothCopies> {
  const { subject, oldSide, newSide, log, clock, signal } = parties;
  const { migrationId } = subject.environment;
  // A run that was cut off may have left a restore going on the server.
  for (const address of [newSide.loader, newSide.owner]) {
    const ended = await terminateStale(address, { migrationId, epoch: parties.epoch, signal });
    if (ended > 0) log.info(`Ended ${ended} sessions that an earlier run had left on the new cluster.`);
  }
  const both = new AbortController();
  const either = AbortSignal.any([signal, both.signal]);
  const stopTheOther = (reason: unknown): never => {
    both.abort(reason);
    throw reason;
  };
  const postgres = copyDatabase({
    source: oldSide.database,
    owner: newSide.owner,
    loader: newSide.loader,
    migrationId,
    epoch: parties.epoch,
    tools: parties.tools,
    directory: parties.directory,
    jobs: JOBS,
    log,
    clock,
    signal: either,
    beforeChange: parties.checkLease,
  }).catch(stopTheOther);
  const redis =
    oldSide.redis !== undefined && newSide.redis !== undefined
      ? copyRedis({
          source: oldSide.redis,
          target: newSide.redis.admin,
          skip: subject.config.redis.skip,
          migrationId,
          epoch: parties.epoch,
          log,
          clock,
          signal: either,
          beforeChange: parties.checkLease,
        }).catch(stopTheOther)
      : Promise.resolve(null);
  const [first, second] = await Promise.allSettled([postgres, redis]);
  if (both.signal.aborted) throw both.signal.reason;
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return { postgres: first.value, redis: second.value };
}
