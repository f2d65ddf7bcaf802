import { systemClock } from '../../src/clock.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { installCapture } from '../../src/postgres/capture.ts';
import { spreadOf, type Spread } from '../measure.ts';
import { volumeOf } from './application.ts';
import { runLoad, type LoadOptions } from './load.ts';
import { cloneSource, dropDatabase, makeSource, type BenchServers } from './servers.ts';

export interface OverheadResult {
  /** What the capture takes from the rate of small transactions: 0.03 is 3 %. */
  share: Spread;
  /** What the capture adds to the server's CPU time for one transaction. */
  cpuShare: Spread;
}

const BYTES = 100e6;
/**
 * Many short turns rather than few long ones: what else the disk and the machine do is the same for both then. Long
 * enough that opening the sessions, each of which compiles the trigger functions once, counts little.
 */
const SECONDS = 4;
const TURNS_PER_ROUND = 3;
/** Nobody drains here, and nothing may stop by itself. */
export const LIMITS = { logBytes: 20e9, leaseMs: 24 * 3_600_000 };

/** Orders (nine rows each) as fast as they go, with the capture and without, by turns, in two databases of equal content. */
export async function measureOverhead(
  servers: BenchServers,
  options: { rounds: number; directory: string; log: Log },
): Promise<OverheadResult> {
  const base = await makeSource(servers, 'writes', BYTES);
  const plain = await cloneSource(servers, base, 'writes_plain');
  const captured = await cloneSource(servers, base, 'writes_captured');
  await installCapture(captured, {
    ...{ migrationId: 'bench', epoch: 1, limits: LIMITS, log: silentLog, clock: systemClock },
  });
  const run = async (source: LoadOptions['source']): Promise<{ tps: number; cpu: number }> => {
    const before = servers.cpuSeconds().source;
    const load = { servers, source, volume: volumeOf(BYTES), directory: options.directory };
    const { transactions, perSecond } = await runLoad(
      { ...load, scripts: [{ name: 'order', weight: 1 }] },
      { seconds: SECONDS },
    );
    return { tps: perSecond, cpu: (servers.cpuSeconds().source - before) / transactions };
  };

  // A checkpoint or a vacuum in somebody's turn would be his cost.
  await servers.from.query('postgres', 'ALTER SYSTEM SET autovacuum = off');
  await servers.from.query('postgres', 'SELECT pg_reload_conf()');
  await servers.from.query('postgres', 'CHECKPOINT');
  const turns = options.rounds * TURNS_PER_ROUND;
  const shares: number[] = [];
  const cpuShares: number[] = [];
  for (let round = -2; round < turns; round += 1) {
    const isCapturedFirst = round % 2 === 0;
    const first = await run(isCapturedFirst ? captured : plain);
    const second = await run(isCapturedFirst ? plain : captured);
    const [on, off] = isCapturedFirst ? [first, second] : [second, first];
    if (round >= 0) {
      shares.push(1 - on.tps / off.tps);
      cpuShares.push(on.cpu / off.cpu - 1);
    }
    options.log.info(
      `${round < 0 ? 'warm-up' : `turn ${round + 1} of ${turns}`}: ${off.tps.toFixed(0)} transactions/s, ${on.tps.toFixed(0)} with capture; CPU of one ${milliseconds(off.cpu)} and ${milliseconds(on.cpu)} ms`,
    );
  }
  await servers.from.query('postgres', 'ALTER SYSTEM RESET autovacuum');
  await servers.from.query('postgres', 'SELECT pg_reload_conf()');
  for (const { database } of [plain, captured, base]) await dropDatabase(servers.from, database);
  return { share: spreadOf(shares), cpuShare: spreadOf(cpuShares) };
}

function milliseconds(seconds: number): string {
  return (seconds * 1000).toFixed(2);
}
