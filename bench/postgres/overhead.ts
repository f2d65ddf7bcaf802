import { systemClock } from '../../src/clock.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { installCapture } from '../../src/postgres/capture.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { OUR_SCHEMA } from '../../src/postgres/user-objects.ts';
import { spreadOf, type Spread } from '../measure.ts';
import { volumeOf } from './application.ts';
import { runLoad, type LoadOptions } from './load.ts';
import { cloneSource, dropDatabase, makeSource, type BenchServers } from './servers.ts';

export interface OverheadResult {
  /** What the capture takes from the rate of small transactions: 0.03 is 3 %. */
  share: Spread;
  /** What the capture adds to the server's CPU time for one transaction. */
  cpuShare: Spread;
  /** The same two of triggers that do nothing but log the key: what no capture by triggers can be below. */
  floor: { share: Spread; cpuShare: Spread };
}

interface Rate {
  tps: number;
  /** Seconds of the server for one transaction. */
  cpu: number;
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

/**
 * Orders (nine rows each) as fast as they go, by turns in three databases of equal content: as it was, with the capture,
 * and with triggers that only log.
 */
export async function measureOverhead(
  servers: BenchServers,
  options: { rounds: number; directory: string; log: Log },
): Promise<OverheadResult> {
  const base = await makeSource(servers, 'writes', BYTES);
  const plain = await cloneSource(servers, base, 'writes_plain');
  const captured = await cloneSource(servers, base, 'writes_captured');
  const logged = await cloneSource(servers, base, 'writes_logged');
  await installCapture(captured, {
    ...{ migrationId: 'bench', epoch: 1, limits: LIMITS, log: silentLog, clock: systemClock },
  });
  await logOnly(captured, logged);
  const run = async (source: LoadOptions['source']): Promise<Rate> => {
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
  const ours: Rate[] = [];
  const least: Rate[] = [];
  for (let turn = -2; turn < turns; turn += 1) {
    const rates = new Map<LoadOptions['source'], Rate>();
    for (const source of rotated([plain, captured, logged], turn + 2)) rates.set(source, await run(source));
    const rateOf = (source: LoadOptions['source']): Rate => rates.get(source) ?? { tps: NaN, cpu: NaN };
    const off = rateOf(plain);
    if (turn >= 0) {
      ours.push(costOf(rateOf(captured), off));
      least.push(costOf(rateOf(logged), off));
    }
    options.log.info(
      `${turn < 0 ? 'warm-up' : `turn ${turn + 1} of ${turns}`}: ${off.tps.toFixed(0)} transactions/s, ${rateOf(captured).tps.toFixed(0)} with capture, ${rateOf(logged).tps.toFixed(0)} with triggers that only log; CPU of one ${[off, rateOf(captured), rateOf(logged)].map(({ cpu }) => milliseconds(cpu)).join(', ')} ms`,
    );
  }
  await servers.from.query('postgres', 'ALTER SYSTEM RESET autovacuum');
  await servers.from.query('postgres', 'SELECT pg_reload_conf()');
  for (const { database } of [plain, captured, logged, base]) await dropDatabase(servers.from, database);
  return { ...spreadsOf(ours), floor: spreadsOf(least) };
}

/** For each table that is captured in `captured`, triggers in `logged` that write its key into a table, and nothing else. */
async function logOnly(captured: PostgresAddress, logged: PostgresAddress): Promise<void> {
  const tables = await withConnection(captured, { applicationName: 'bench' }, async (session) => {
    const { rows } = await session.query<{ name: string; key: string[] }>(
      `SELECT format('%I.%I', schema, name) AS name, array(SELECT quote_ident(k) FROM unnest(key) k) AS key
         FROM ${OUR_SCHEMA}.captured WHERE key IS NOT NULL`,
    );
    return rows;
  });
  const statements = tables.map(
    ({ name, key }, number) => `
    CREATE TABLE logged.log_${number} AS SELECT now() AS logged_at, ${key.join(', ')} FROM ${name} WITH NO DATA;
    CREATE FUNCTION logged.keep_${number}() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
      INSERT INTO logged.log_${number} VALUES (now(), ${key.map((column) => `COALESCE(NEW.${column}, OLD.${column})`).join(', ')});
      RETURN NEW;
    END $body$;
    CREATE TRIGGER logged AFTER INSERT OR UPDATE OR DELETE ON ${name} FOR EACH ROW EXECUTE FUNCTION logged.keep_${number}();`,
  );
  await withConnection(logged, { applicationName: 'bench' }, (session) =>
    session.query(['CREATE SCHEMA logged;', ...statements].join('\n')),
  );
}

/** Who goes first is warmed up by nobody: so everybody does, in turn. */
function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function costOf(on: Rate, off: Rate): Rate {
  return { tps: 1 - on.tps / off.tps, cpu: on.cpu / off.cpu - 1 };
}

function spreadsOf(costs: readonly Rate[]): { share: Spread; cpuShare: Spread } {
  return { share: spreadOf(costs.map(({ tps }) => tps)), cpuShare: spreadOf(costs.map(({ cpu }) => cpu)) };
}

function milliseconds(seconds: number): string {
  return (seconds * 1000).toFixed(2);
}
