import { copyDatabase } from '../src/postgres/copy.ts';
import type { CopyOptions, CopyResult } from '../src/postgres/copy.ts';
import type { Others } from '../src/postgres/shared-copy.ts';
import { terminateStale } from '../src/postgres/settle.ts';
import { copyRedis } from '../src/redis/copy.ts';
import type { RedisCopyOptions, RedisCopyResult } from '../src/redis/copy.ts';
import type { Parties } from './parties.ts';
import { together } from '../src/together.ts';

export interface BothCopies {
  postgres: CopyResult;
  /** `null` for an application without a Redis. */
  redis: RedisCopyResult | null;
}

/**
 * The practice copy of `migrate-db`: Postgres and Redis side by side. `whenCopied` is called with the snapshot that Postgres
 * was copied under, and the parties whose signal ends with the other part.
 *
 * @param others runners that copy a part of Postgres's rows beside this one
 */
export async function copyBoth(
  parties: Parties,
  whenCopied: (snapshot: string, parties: Parties) => Promise<void>,
  others?: Others,
): Promise<BothCopies> {
  const [postgres, redis] = await together(parties.signal, [
    (signal) => {
      const own = { ...parties, signal };
      return copyOnlyPostgres(own, (snapshot) => whenCopied(snapshot, own), others);
    },
    (signal) => copyOnlyRedis({ ...parties, signal }),
  ]);
  return { postgres, redis };
}

/**
 * Copies Postgres: the practice copy of `migrate-db` and the copy inside the fence are this one function. It replaces
 * only what carries this migration's stamp and leaves the new side closed.
 */
export async function copyOnlyPostgres(
  parties: Parties,
  whenCopied?: CopyOptions['whenCopied'],
  others?: Others,
): Promise<CopyResult> {
  const { subject, oldSide, newSide, log, clock, signal } = parties;
  await endOlderCopies(parties);
  return copyDatabase({
    source: oldSide.database,
    owner: newSide.owner,
    loader: newSide.loader,
    migrationId: subject.environment.migrationId,
    epoch: parties.epoch,
    tools: parties.tools,
    directory: parties.directory,
    log,
    clock,
    signal,
    beforeChange: parties.checkLease,
    ...(whenCopied === undefined ? {} : { whenCopied }),
    ...(others === undefined ? {} : { others }),
  });
}

/** Makes the new Redis hold what the old one holds; `null` for an application without a Redis. */
export function copyOnlyRedis(parties: Parties): Promise<RedisCopyResult | null> {
  const options = redisOptions(parties);
  return options === null ? Promise.resolve(null) : copyRedis(options);
}

/** What moves Redis from Heroku to DigitalOcean; `null` for an application without a Redis. */
export function redisOptions(parties: Parties): RedisCopyOptions | null {
  return optionsOf(parties, 'forth');
}

/** What moves it back. */
export function redisOptionsBack(parties: Parties): RedisCopyOptions | null {
  return optionsOf(parties, 'back');
}

function optionsOf(parties: Parties, way: 'forth' | 'back'): RedisCopyOptions | null {
  const { subject, oldSide, newSide, log, clock, signal } = parties;
  if (oldSide.redis === undefined || newSide.redis === undefined) return null;
  return {
    ...(way === 'forth'
      ? { source: oldSide.redis, target: newSide.redis.admin }
      : { source: newSide.redis.admin, target: oldSide.redis, onto: 'origin' as const }),
    skip: subject.config.redis.skip,
    migrationId: subject.environment.migrationId,
    epoch: parties.epoch,
    log,
    clock,
    signal,
    beforeChange: parties.checkLease,
  };
}

/** A run that was cut off may have left a copy going on the new cluster. */
export async function endOlderCopies({ subject, newSide, epoch, log, signal }: Parties): Promise<void> {
  const { migrationId } = subject.environment;
  for (const address of [newSide.loader, newSide.owner]) {
    const ended = await terminateStale(address, { migrationId, epoch, signal });
    if (ended > 0) log.info(`Ended ${ended} sessions that an earlier run had left on the new cluster.`);
  }
}
