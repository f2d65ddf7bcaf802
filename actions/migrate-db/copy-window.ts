import { readFileNodes } from '../../src/postgres/file-nodes.ts';
import type { DatabaseParity } from '../../src/postgres/parity.ts';
import { schemaFingerprint } from '../../src/postgres/schema-fingerprint.ts';
import type { Others } from '../../src/postgres/shared-copy.ts';
import { copyBoth } from '../copy-both.ts';
import type { Parties } from '../parties.ts';
import { compareAtSnapshot, compareOnlyRedis, quietly } from '../prove-equal.ts';
import { copiedRedis, redisPart } from './copied-redis.ts';
import type { Copied } from './copy.ts';
import { perSecond } from './per-second.ts';
import { byOneRunner, sharedWith } from './shard.ts';

/**
 * The practice copy of the window strategy: the cutover copies Postgres by the same function inside the fence. Every row is
 * compared under the snapshot that was copied, so what Heroku writes meanwhile makes no difference, and any that there is
 * fails it. Only a table that got another file on Heroku meanwhile is told: an older snapshot may not see its rows.
 */
export async function copyForPractice(parties: Parties, others?: Others): Promise<Copied> {
  const { log, oldSide, clock, signal } = parties;
  // Before anything is copied: a change meanwhile is one that may not be in the copy.
  const schema = await schemaFingerprint(oldSide.database, signal);
  const files = await readFileNodes(oldSide.database, signal);
  const parity = { milliseconds: 0, movedOn: [] as string[] };
  const { postgres, redis } = await log.group('Copy Postgres and Redis, and compare every row', () =>
    copyBoth(
      parties,
      async (snapshot, during) => {
        const started = clock.now().getTime();
        const compared = await compareAtSnapshot(quietly(during), snapshot);
        parity.milliseconds = clock.now().getTime() - started;
        const now = await readFileNodes(oldSide.database, during.signal);
        parity.movedOn = refuseWrongCopy(compared, files, now);
      },
      others,
    ),
  );
  const keys = await compareOnlyRedis(quietly(parties));
  const copied = await copiedRedis(parties, redis, keys);
  const copyMs = byOneRunner(postgres.milliseconds, others);
  const written = [
    ...parity.movedOn,
    ...(keys === null || keys.keys.different === 0 ? [] : [`${keys.keys.different} Redis keys`]),
  ];
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
    ...sharedWith(others, postgres.takenOver),
    measured: [
      {
        name: 'copy',
        milliseconds: copyMs,
        ...(others === undefined
          ? {}
          : {
              from: `the practice copy by ${others.shards} runners, as long as one would take at the most`,
            }),
      },
      { name: 'parity', milliseconds: parity.milliseconds },
      ...redisPart(copied, parity.milliseconds),
    ],
    speed: {
      copyBytesPerSecond: perSecond(postgres.bytes, copyMs),
      parityBytesPerSecond: perSecond(postgres.bytes, parity.milliseconds),
    },
  };
}

/** Tables that differ and were written anew on Heroku meanwhile, one line each. Error for any other difference. */
function refuseWrongCopy(
  { tables, catalogue }: DatabaseParity,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const different = tables.filter(({ equal }) => !equal);
  const isRewritten = ({ name }: DatabaseParity['tables'][number]): boolean =>
    before.has(name) && before.get(name) !== after.get(name);
  const wrong = different.filter((table) => !isRewritten(table));
  if (wrong.length > 0 || catalogue.length > 0) {
    throw new Error(
      [
        'The copy is not what was copied:',
        ...wrong.map(
          ({ name, rows }) =>
            `  table ${name}: ${rows.source} rows under the snapshot of the copy, ${rows.target} on DigitalOcean, and they are not the same`,
        ),
        ...catalogue.map((line) => `  ${line}`),
      ].join('\n'),
    );
  }
  return different
    .filter(isRewritten)
    .map(
      ({ name }) => `table ${name}: written anew on Heroku (TRUNCATE, ALTER TABLE, VACUUM FULL or CLUSTER)`,
    );
}
