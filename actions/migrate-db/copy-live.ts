import type { MeasuredPhase } from '../../src/migration/forecast.ts';
import type { Lag, LiveCopy } from '../../src/postgres/live.ts';
import { beginLive, readLag } from '../../src/postgres/live.ts';
import { proveLive } from '../../src/postgres/prove-live.ts';
import type { Others } from '../../src/postgres/shared-copy.ts';
import { formatBytes, formatCount } from '../../src/report/format.ts';
import { copyOnlyRedis, endOlderCopies } from '../copy-both.ts';
import { captureLimits, describeLag, forward, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import { compareOnlyRedis, quietly } from '../prove-equal.ts';
import { together } from '../../src/together.ts';
import type { CopiedRedis } from './copied-redis.ts';
import { copiedRedis, redisPart } from './copied-redis.ts';
import type { Copied } from './copy.ts';
import { perSecond } from './per-second.ts';
import { byOneRunner, sharedWith } from './shard.ts';

/**
 * Installs the capture on Heroku, copies under it, drains until little is left, and proves the result while Heroku goes
 * on writing. Redis is copied for practice: the cutover brings it up to date and follows it before the window begins.
 */
export async function copyLive(parties: Parties, others?: Others): Promise<Copied> {
  const { log } = parties;
  const sides = forward(parties);
  await endOlderCopies(parties);
  const [postgres, redis] = await log.group('Capture changes, copy Postgres and Redis', () =>
    together(parties.signal, [
      (signal) =>
        beginLive(sides, { ...liveOptions({ ...parties, signal }), limits: captureLimits(parties) }, others),
      (signal) => copyOnlyRedis({ ...parties, signal }),
    ]),
  );
  const proof = await log.group('Compare every row while Heroku writes', () =>
    proveLive(sides, liveOptions(parties), 'full'),
  );
  log.info(
    `${formatCount(proof.rows.compared)} rows of ${proof.tables} tables are equal; ${formatCount(proof.rows.pending)} keys that changed since wait for the next drain.`,
  );
  const parity = await compareOnlyRedis(quietly(parties));
  const copied = await copiedRedis(parties, redis, parity);
  const changed = parity?.keys.different ?? 0;
  const copyMs = byOneRunner(postgres.copyMs, others);
  const lag = await readLag(sides, liveOptions(parties));
  log.info(`Lag: ${describeLag(lag)}.`);
  return {
    strategy: 'live',
    tables: postgres.tables,
    bytes: postgres.bytes,
    keys: copied?.keys ?? 0,
    redis: copied,
    removed: postgres.removed.map(({ entry, reason }) => `${entry}: ${reason}`),
    movedOn: changed === 0 ? [] : [`${changed} Redis keys`],
    ...sharedWith(others, postgres.takenOver),
    measured: partsOf({ ...postgres, copyMs }, lag, copied),
    speed: {
      copyBytesPerSecond: perSecond(postgres.bytes, copyMs),
      parityBytesPerSecond: perSecond(postgres.bytes, proof.milliseconds),
    },
    live: {
      reused: postgres.reused,
      lag,
      drainedRows: postgres.drainedRows,
      rowsPerSecond: perSecond(postgres.drainedRows, postgres.drainMs),
      proof: { rows: proof.rows, tables: proof.tables },
    },
  };
}

/** About a dozen round trips, whatever there is to drain. */
const DRAIN_ITSELF_MS = 500;

/** What the window will take of this: what waits, what cannot be followed, and Redis beside it. */
function partsOf(copy: LiveCopy, lag: Lag, redis: CopiedRedis | null): MeasuredPhase[] {
  const rate = perSecond(copy.drainedRows, copy.drainMs);
  const drainMs = DRAIN_ITSELF_MS + (rate > 0 ? (lag.rows / rate) * 1000 : 0);
  const wholeBytes = copy.whole.reduce((sum, { bytes }) => sum + bytes, 0);
  const copyRate = perSecond(copy.bytes, copy.copyMs);
  const wholeMs = copyRate > 0 ? (wholeBytes / copyRate) * 1000 : 0;
  const postgresMs = drainMs + wholeMs;
  return [
    {
      name: 'final drain',
      milliseconds: drainMs,
      from: `${formatCount(lag.rows)} rows waited after the copy${rate > 0 ? `, drained at ${formatCount(rate)} rows/s` : ''}`,
    },
    ...(wholeBytes > 0
      ? [
          {
            name: 'tables without a key',
            milliseconds: wholeMs,
            from: `${copy.whole.length} tables, ${formatBytes(wholeBytes)}, copied at ${formatBytes(copyRate)}/s`,
          },
        ]
      : []),
    ...redisPart(redis, postgresMs),
  ];
}
