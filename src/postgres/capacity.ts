import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type pg from 'pg';
import type { ExpensiveRead } from './capacity-reads.ts';
import { readExpensiveReads } from './capacity-reads.ts';
import type { Ran, Runnable, Tried } from './capacity-try.ts';
import { prepareRead, tryRead } from './capacity-try.ts';
import { warmTables, type Warmed } from './capacity-warm.ts';
import { withConnection, type PostgresAddress } from './connect.ts';

/** Declared in migration.yml under `capacity`. */
export interface CapacityLimits {
  /** How many of the most expensive reads are compared; 0: none. */
  statements: number;
  /** How much slower than on the old side a read may be. */
  factor: number;
  /** Of everything that is done here, milliseconds. */
  limitMs: number;
}

export interface CapacityOptions extends CapacityLimits {
  source: PostgresAddress;
  target: PostgresAddress;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** One read on both sides, milliseconds in the server. It holds no constant: values of rows stay where they are. */
export interface ComparedRead {
  id: string;
  text: string;
  calls: number;
  share: number;
  /** The first run of this session, and the best of the later ones: a slow moment of the machine is not the plan's. */
  cold: { source: number; target: number };
  warm: { source: number; target: number };
  /** Blocks of 8 kB that the first run had to fetch. */
  fetched: { source: number; target: number };
  /** How rows are reached, where that differs. */
  plans: { source: string[]; target: string[] } | null;
  slower: boolean;
}

export interface CapacityReport {
  /** False: the old side keeps no statements, so nothing tells which reads are expensive. */
  known: boolean;
  compared: ComparedRead[];
  /** Not compared, and why. */
  left: { id: string; text: string; share: number; reason: string; failed: boolean }[];
  warmed: Warmed | null;
  /** Tables that the reads touch and of which the new side has no statistics, and those with far fewer rows there. */
  unanalyzed: string[];
  smaller: string[];
  milliseconds: number;
}

/** Faster than this nobody notices, whatever the factor is: less than a round trip between two towns. */
const NOISE_MS = 20;
const WARM_RUNS = 3;
/** More runs for a read that seems slow, before it is called so. */
const DOUBTFUL_RUNS = 5;
/** No single read may take the time of all others. */
const SHARE_OF_ONE = 4;

/**
 * Runs the most expensive reads of the old side on both sides, cold and warm, and compares what they took in the servers.
 * Only what certainly reads is run, in read-only transactions that are rolled back; all of it ends within `limitMs`.
 */
export async function compareCapacity(options: CapacityOptions): Promise<CapacityReport> {
  const { clock, limitMs, log, signal } = options;
  const started = clock.now().getTime();
  const session = { applicationName: 'h2d capacity', log, ...(signal === undefined ? {} : { signal }) };
  return withConnection(options.source, session, (source) =>
    withConnection(options.target, session, async (target) => {
      const reads = await readExpensiveReads(source, options.statements);
      const report = await compareAll({ source, target }, reads ?? [], options, started + limitMs);
      return { known: reads !== undefined, ...report, milliseconds: clock.now().getTime() - started };
    }),
  );
}

interface Clients {
  source: pg.Client;
  target: pg.Client;
}

async function compareAll(
  clients: Clients,
  reads: readonly ExpensiveRead[],
  options: CapacityOptions,
  deadline: number,
): Promise<Omit<CapacityReport, 'known' | 'milliseconds'>> {
  const { clock, limitMs } = options;
  const timeLeft = (): number => Math.min(deadline - clock.now().getTime(), limitMs / SHARE_OF_ONE);
  const left: CapacityReport['left'] = [];
  const leave = ({ id, text, share }: ExpensiveRead, reason: string, failed = false): void => {
    left.push({ id, text, share, reason, failed });
  };

  const cold: { run: Runnable; source: Ran; target: Ran }[] = [];
  for (const read of reads) {
    if (timeLeft() <= 0) {
      leave(read, OUT_OF_TIME);
      continue;
    }
    const run = await prepareRead(clients.source, read);
    if ('reason' in run) {
      leave(read, run.reason);
      continue;
    }
    const source = await tryRead(clients.source, run, once(timeLeft()));
    if ('reason' in source) {
      leave(read, `on Heroku: ${source.reason}`);
      continue;
    }
    const target = timeLeft() <= 0 ? OUT : await tryRead(clients.target, run, once(timeLeft()));
    // The old side answered, and the new side does not: unless the whole time was up, that is what this looks for.
    if ('reason' in target) leave(read, `on DigitalOcean: ${target.reason}`, target !== OUT);
    else cold.push({ run, source: source.plan, target: target.plan });
  }

  const tables = tablesOf(cold.map(({ source }) => source));
  const warmed =
    cold.length === 0 || timeLeft() <= 0
      ? null
      : await warmTables(clients.target, tables, { clock, deadline: clock.now().getTime() + timeLeft() });
  const compared: ComparedRead[] = [];
  for (const one of cold) compared.push(await compareWarm(clients, one, options.factor, timeLeft));
  return { compared, left, warmed, ...(await statisticsOf(clients, tables)) };
}

const OUT_OF_TIME = 'the time limit of all reads was reached before its turn';
const OUT: Extract<Tried, { reason: string }> = { reason: OUT_OF_TIME, timedOut: true };

async function compareWarm(
  clients: Clients,
  { run, source, target }: { run: Runnable; source: Ran; target: Ran },
  factor: number,
  timeLeft: () => number,
): Promise<ComparedRead> {
  const best = { source: source.executionMs, target: target.executionMs };
  const seemsSlow = (): boolean => best.target > best.source * factor && best.target - best.source > NOISE_MS;
  const again = async (runs: number): Promise<void> => {
    for (const side of ['source', 'target'] as const) {
      if (timeLeft() <= 0) return;
      const tried = await tryRead(clients[side], run, {
        limitMs: timeLeft(),
        runs,
        goesOn: () => timeLeft() > 0,
      });
      if ('plan' in tried) best[side] = Math.min(best[side], tried.plan.executionMs);
    }
  };
  await again(WARM_RUNS);
  if (seemsSlow()) await again(DOUBTFUL_RUNS);
  const same = source.ways.join() === target.ways.join();
  const { id, text, calls, share } = run.read;
  return {
    ...{ id, text, calls, share },
    cold: { source: source.executionMs, target: target.executionMs },
    warm: best,
    fetched: { source: source.blocksRead, target: target.blocksRead },
    plans: same ? null : { source: source.ways, target: target.ways },
    slower: seemsSlow(),
  };
}

function once(limitMs: number): Parameters<typeof tryRead>[2] {
  return { limitMs, runs: 1, goesOn: () => false };
}

/** Each table once, those of the most expensive reads first. */
function tablesOf(plans: readonly Ran[]): { schema: string; name: string }[] {
  const all = plans.flatMap(({ relations }) => [...relations.values()]);
  return [...new Map(all.map((table) => [`${table.schema}.${table.name}`, table])).values()];
}

/** Half as many rows is no other statistics, it is another size. */
const SMALLER = 0.5;
/** A table that is small anyway tells nothing by its number of rows. */
const FEW_ROWS = 1_000;

/** A comparison is of production's size only when the new side holds as much, and its plans are only as good as what it knows. */
async function statisticsOf(
  { source, target }: Clients,
  tables: readonly { schema: string; name: string }[],
): Promise<Pick<CapacityReport, 'unanalyzed' | 'smaller'>> {
  const [old, now] = await Promise.all([rowsOf(source, tables), rowsOf(target, tables)]);
  const names = [...old.keys()];
  return {
    unanalyzed: names.filter((name) => (old.get(name) ?? -1) > 0 && (now.get(name) ?? -1) < 0),
    smaller: names.filter((name) => {
      const [before, after] = [old.get(name) ?? 0, now.get(name) ?? 0];
      return before >= FEW_ROWS && after >= 0 && after < before * SMALLER;
    }),
  };
}

/** As the last ANALYZE or VACUUM counted them; -1 where there was none (0 before version 14). */
async function rowsOf(
  client: pg.Client,
  tables: readonly { schema: string; name: string }[],
): Promise<Map<string, number>> {
  const { rows } = await client.query<{ name: string; rows: number }>(
    `SELECT n.nspname || '.' || c.relname AS name, c.reltuples::float8 AS rows
       FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN unnest($1::text[], $2::text[]) AS wanted(schema, name)
         ON wanted.schema = n.nspname AND wanted.name = c.relname
      WHERE c.relkind IN ('r', 'm')`,
    [tables.map(({ schema }) => schema), tables.map(({ name }) => name)],
  );
  return new Map(rows.map(({ name, rows: count }) => [name, count]));
}
