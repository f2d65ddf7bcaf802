import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { holdFence } from '../../src/postgres/fence.ts';
import { beginLive, catchUp, endLive } from '../../src/postgres/live.ts';
import { finishLive, prepareFinish } from '../../src/postgres/live-finish.ts';
import type { LiveOptions } from '../../src/postgres/live-options.ts';
import { proveLive } from '../../src/postgres/prove-live.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import type { PostgresTools } from '../../src/postgres/tools.ts';
import { spreadOf, type Spread } from '../measure.ts';
import { volumeOf } from './application.ts';
import { MIXED, runLoad, startLoad, type LoadOptions } from './load.ts';
import { LIMITS } from './overhead.ts';
import { newTarget, type BenchServers } from './servers.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';

export interface LiveWork {
  servers: BenchServers;
  /** A database that may be written to. */
  source: PostgresAddress;
  /** What the database was made with. */
  bytes: number;
  tools: PostgresTools;
  directory: string;
  rounds: number;
  log: Log;
}

export interface WindowResult {
  /** From asking for the fence to a target that is ready. */
  milliseconds: Spread;
  /** Of that, after every table was locked. */
  heldMilliseconds: Spread;
}

/** Transactions between two drains, about seven changed rows each. */
const BACKLOG = 6_000;
/** Transactions a second while the live copy runs and the window opens. */
const LOAD = 150;
/** Between the two catch-ups, and between the last one and the window: the site goes on meanwhile. */
const BEFORE_WINDOW_MS = 3_000;
const SINCE_CATCH_UP_MS = 500;

/** How fast what has piled up is drained, with nothing else going on. */
export async function measureDrain(work: LiveWork): Promise<{ rowsPerSecond: Spread }> {
  const { sides, options } = await begin(work, 'drain');
  const rates: number[] = [];
  for (let round = -1; round < work.rounds; round += 1) {
    await runLoad(loadOf(work), { transactions: BACKLOG });
    const started = performance.now();
    const { rows, rowsPerSecond, passes } = await catchUp(sides, options);
    const took = performance.now() - started;
    if (round >= 0) rates.push(rowsPerSecond);
    work.log.info(
      `${round < 0 ? 'warm-up' : `round ${round + 1} of ${work.rounds}`}: ${rows} rows in ${passes} passes, ${rowsPerSecond.toFixed(0)} rows/s; the whole call took ${(took / 1000).toFixed(2)} s`,
    );
  }
  // Nobody writes, so that no fence is needed for what only a last drain brings: tables without a key, sequences.
  await finishLive(sides, options);
  await proveSame(sides);
  await endLive(sides, options);
  return { rowsPerSecond: spreadOf(rates) };
}

/**
 * Milliseconds from asking for the fence to a target that is ready, while about 150 transactions a second are written.
 * Each round is a live copy of its own, proven in full and caught up before, as a cutover would find it.
 */
export async function measureWindow(work: LiveWork): Promise<WindowResult> {
  const whole: number[] = [];
  const held: number[] = [];
  for (let round = 0; round < work.rounds; round += 1) {
    const load = await startLoad(loadOf(work), LOAD);
    try {
      const window = await openWindow(work, `window${round}`, () => load.stop());
      whole.push(window.milliseconds);
      held.push(window.heldMilliseconds);
      work.log.info(`round ${round + 1} of ${work.rounds}: ${window.told}`);
    } finally {
      await load.stop();
    }
  }
  return { milliseconds: spreadOf(whole), heldMilliseconds: spreadOf(held) };
}

async function openWindow(
  work: LiveWork,
  migrationId: string,
  stopWriting: () => Promise<void>,
): Promise<{ milliseconds: number; heldMilliseconds: number; told: string }> {
  const { sides, options } = await begin(work, migrationId);
  await proveLive(sides, options, 'full');
  // As the scheduled catch-up does, and some seconds later the cutover's own first step.
  await catchUp(sides, options);
  await proveLive(sides, options, 'touched');
  await delay(BEFORE_WINDOW_MS);
  await catchUp(sides, options);
  await proveLive(sides, options, 'touched');
  await delay(SINCE_CATCH_UP_MS);

  const prepared = await prepareFinish(sides, options);
  const started = performance.now();
  const fence = await holdFence(sides.source, options);
  const held = performance.now();
  const final = await prepared.finish();
  const ready = performance.now();
  await prepared.close();
  const milliseconds = ready - started;
  await proveSame(sides);
  await stopWriting();
  await fence.release();
  await endLive(sides, options);
  return {
    milliseconds,
    heldMilliseconds: ready - held,
    told:
      `window ${milliseconds.toFixed(0)} ms (locks ${(held - started).toFixed(0)} ms): ${final.rows} rows drained, ` +
      `${final.whole.length} tables whole, ${final.sequences} sequences, ${final.compared} rows compared`,
  };
}

async function begin(work: LiveWork, migrationId: string): Promise<{ sides: Sides; options: LiveOptions }> {
  const sides = { source: work.source, target: await newTarget(work.servers, 'live') };
  const options: LiveOptions = {
    ...{ migrationId, epoch: 1, tools: work.tools, directory: work.directory },
    ...{ log: silentLog, clock: systemClock, onSchemaChange: 'stop', limits: LIMITS },
  };
  const started = performance.now();
  const { drainedRows, copyMs } = await beginLive(sides, options);
  work.log.info(
    `Live copy in ${((performance.now() - started) / 1000).toFixed(1)} s (copied in ${(copyMs / 1000).toFixed(1)} s, ${drainedRows} rows drained)`,
  );
  return { sides, options };
}

function loadOf({ servers, source, bytes, directory }: LiveWork): LoadOptions {
  return { servers, source, directory, volume: volumeOf(bytes), scripts: MIXED };
}

/** Rows and sequences while nobody writes; foreign keys may be on their way still. */
async function proveSame({ source, target }: Sides): Promise<void> {
  const { rows, sequences } = await compareDatabases({ source, target: target.owner, log: silentLog });
  if (rows.different > 0 || sequences.length > 0)
    throw new Error(
      `Both sides are not equal, so no time of theirs means anything: ${JSON.stringify({ rows, sequences })}`,
    );
}
