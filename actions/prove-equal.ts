import { compareDatabases } from '../src/postgres/parity.ts';
import type { DatabaseParity } from '../src/postgres/parity.ts';
import { compareRedis } from '../src/redis/parity.ts';
import type { RedisParity } from '../src/redis/parity.ts';
import { together } from '../src/together.ts';
import type { Parties } from './parties.ts';

export interface BothParities {
  postgres: DatabaseParity;
  /** `null` for an application without a Redis. */
  redis: RedisParity | null;
}

/** Compares every row and every key of both sides by content; `announced` objects differ on purpose. */
export async function compareBoth(
  parties: Parties,
  announced: RegExp[] = [],
): Promise<BothParities & { postgresMs: number }> {
  const { clock } = parties;
  const started = clock.now().getTime();
  const [{ postgres, postgresMs }, redis] = await together(parties.signal, [
    async (signal) => {
      const postgres = await compareOnlyPostgres({ ...parties, signal }, announced);
      return { postgres, postgresMs: clock.now().getTime() - started };
    },
    (signal) => compareOnlyRedis({ ...parties, signal }),
  ]);
  return { postgres, redis, postgresMs };
}

function compareOnlyPostgres(
  { oldSide, newSide, log, signal }: Parties,
  announced: RegExp[] = [],
): Promise<DatabaseParity> {
  return compareDatabases({ source: oldSide.database, target: newSide.owner, announced, log, signal });
}

/**
 * Compares every row of the old side as a snapshot of it shows them, which the caller holds: what it wrote since makes no
 * difference. Sequences are no part of a snapshot.
 */
export function compareAtSnapshot(
  { oldSide, newSide, log, signal }: Parties,
  snapshot: string,
): Promise<DatabaseParity> {
  return compareDatabases({
    ...{ source: oldSide.database, target: newSide.owner, log, signal },
    ...{ snapshots: { source: snapshot }, sequences: false },
  });
}

/** Compares every key of both sides by content; `null` for an application without a Redis. */
export function compareOnlyRedis({
  subject,
  oldSide,
  newSide,
  log,
  signal,
}: Parties): Promise<RedisParity | null> {
  if (oldSide.redis === undefined || newSide.redis === undefined) return Promise.resolve(null);
  return compareRedis({
    source: oldSide.redis,
    target: newSide.redis.admin,
    skip: subject.config.redis.skip,
    log,
    signal,
  });
}

/** What differs, one line each; nothing when both sides hold the same. */
export function differencesOf({ postgres, redis }: BothParities): string[] {
  return [
    ...postgres.tables
      .filter(({ equal }) => !equal)
      .map(
        ({ name, rows, differingKeys }) =>
          `table ${name}: ${rows.source} rows on Heroku, ${rows.target} on DigitalOcean` +
          (differingKeys && differingKeys.length > 0
            ? `, for example ${differingKeys.join(', ')}`
            : ', other content'),
      ),
    ...postgres.catalogue,
    ...postgres.sequences,
    ...(redis === null ? [] : redisDifferences(redis)),
    ...(!postgres.equal &&
    postgres.tables.every(({ equal }) => equal) &&
    postgres.catalogue.length + postgres.sequences.length === 0
      ? ['Postgres differs']
      : []),
  ];
}

function redisDifferences({ equal, differences }: RedisParity): string[] {
  return !equal && differences.length === 0 ? ['Redis differs'] : differences;
}

/** The figures of a proof, small enough for the journal. */
export function parityFigures({ postgres, redis }: BothParities): {
  rows: { compared: number; different: number };
  tables: number;
  keys: { compared: number; different: number };
} {
  return {
    rows: postgres.rows,
    tables: postgres.tables.length,
    keys: redis?.keys ?? { compared: 0, different: 0 },
  };
}

/** @throws Error that names what differs, unless both databases hold the same. */
export async function provePostgresEqual(
  parties: Parties,
): Promise<{ rows: DatabaseParity['rows']; tables: number }> {
  const postgres = await compareOnlyPostgres(parties);
  refuseDifferences(differencesOf({ postgres, redis: null }));
  return { rows: postgres.rows, tables: postgres.tables.length };
}

function refuseDifferences(differences: string[]): void {
  if (differences.length === 0) return;
  const shown = differences.slice(0, 20).map((line) => `  ${line}`);
  throw new Error(
    [
      `The two sides do not hold the same (${differences.length} differences):`,
      ...shown,
      ...(differences.length > shown.length ? [`  and ${differences.length - shown.length} more`] : []),
    ].join('\n'),
  );
}

/** For comparisons in which differences are expected: they are told to those who debug, not as warnings. */
export function quietly(parties: Parties): Parties {
  const { log } = parties;
  return { ...parties, log: { ...log, warning: (line) => log.debug(line) } };
}

/**
 * What the side that serves has written since, as counts: these lines go into the record, which everyone with read
 * access may read, and need not name rows or keys.
 */
export function movedOn({ postgres, redis }: BothParities): string[] {
  const keys = redis?.keys.different ?? 0;
  return [
    ...postgres.tables
      .filter(({ equal }) => !equal)
      .map(
        ({ name, rows }) => `table ${name}: ${rows.source} rows on Heroku, ${rows.target} on DigitalOcean`,
      ),
    ...(postgres.sequences.length === 0 ? [] : [`${postgres.sequences.length} sequences stand elsewhere`]),
    ...(keys === 0 ? [] : [`${keys} Redis keys`]),
  ];
}
