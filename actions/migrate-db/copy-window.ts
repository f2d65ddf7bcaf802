import { schemaFingerprint } from '../../src/postgres/schema-fingerprint.ts';
import { copyBoth } from '../copy-both.ts';
import type { Parties } from '../parties.ts';
import { compareBoth, movedOn, quietly } from '../prove-equal.ts';
import { copiedRedis, redisPart } from './copied-redis.ts';
import type { Copied } from './copy.ts';
import { perSecond } from './per-second.ts';

/**
 * The practice copy of the window strategy: the cutover copies Postgres by the same function inside the fence. Objects that
 * differ fail it. Rows that differ are told: without a capture nothing tells them from what Heroku has written since.
 */
export async function copyForPractice(parties: Parties): Promise<Copied> {
  const { log, oldSide, signal } = parties;
  // Before anything is copied: a change meanwhile is one that may not be in the copy.
  const schema = await schemaFingerprint(oldSide.database, signal);
  const { postgres, redis } = await log.group('Copy Postgres and Redis', () => copyBoth(parties));
  const parities = await log.group('Compare both sides', () => compareBoth(quietly(parties)));
  if (parities.postgres.catalogue.length > 0) {
    throw new Error(
      ['The copy lacks or alters objects:', ...parities.postgres.catalogue.map((line) => `  ${line}`)].join(
        '\n',
      ),
    );
  }
  const copied = await copiedRedis(parties, redis, parities.redis);
  const written = movedOn(parities);
  for (const line of written)
    log.info(`Differs, which Heroku may have written since the copy began: ${line}`);
  return {
    strategy: 'window',
    tables: postgres.tables,
    bytes: postgres.bytes,
    keys: copied?.keys ?? 0,
    redis: copied,
    removed: postgres.removed.map(({ entry, reason }) => `${entry}: ${reason}`),
    schema,
    movedOn: written.slice(0, 50),
    measured: [
      { name: 'copy', milliseconds: postgres.milliseconds },
      { name: 'parity', milliseconds: parities.postgresMs },
      ...redisPart(copied, parities.postgresMs),
    ],
    speed: {
      copyBytesPerSecond: perSecond(postgres.bytes, postgres.milliseconds),
      parityBytesPerSecond: perSecond(postgres.bytes, parities.postgresMs),
    },
  };
}
