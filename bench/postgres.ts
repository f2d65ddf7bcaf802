import { totalmem } from 'node:os';
import { temporaryDirectory } from '../rehearsal/servers/process.ts';
import { messageOf } from '../src/errors.ts';
import type { Log } from '../src/log.ts';
import { findPostgresTools } from '../src/postgres/tools.ts';
import { ratioOf, spreadOf, type Spread } from './measure.ts';
import type { BenchOptions } from './options.ts';
import {
  copyLines,
  floorsOf,
  measureCopies,
  timeRatio,
  type CopyWork,
  type MeasuredCopies,
} from './postgres/copy.ts';
import { cores } from './cpu.ts';
import { measureParity, proveEqual, type ParityResult } from './postgres/parity.ts';
import { findPgcopydb, pgDump, pgDumpParallel, type Peer } from './postgres/peers.ts';
import { measureDrain, measureWindow, type WindowResult } from './postgres/live.ts';
import { measureOverhead, type OverheadResult } from './postgres/overhead.ts';
import { dropDatabase, makeSource, sizeOf, startServers, type BenchServers } from './postgres/servers.ts';
import { LINES, measureWideArea, type WanResult } from './postgres/wide-area.ts';

export interface PostgresResult {
  environment: Record<string, unknown>;
  /** Parts that could not be measured, each with its reason. */
  failed: Record<string, string>;
  copy?: CopyResult;
  parity?: ParityResult;
  overhead?: OverheadResult;
  drain?: { rowsPerSecond: Spread };
  window?: ({ size: string } & WindowResult)[];
  wan?: WanResult[];
}

export interface CopyResult {
  sizeBytes: number;
  seconds: Spread;
  vsPgDump: Spread;
  /** Against the faster of -j 2 and -j 4. */
  vsPgDumpParallel: Spread;
  vsPgDumpParallelUncompressed: Spread;
  vsPgcopydb: Spread | undefined;
  vsFloor: Spread;
  /** What the floor is of the time of `pg_dump -Fc | pg_restore`. */
  floorVsPgDump: Spread;
  peakBytes: Spread;
}

const DEFAULT_BYTES = 500e6;
/** The window is to be no larger for a larger database: besides the size that was asked for, this one. */
const SMALL_WINDOW_BYTES = 500e6;
/** At 8 MB/s more would take very long and show the same. */
const MOST_BYTES_OVER_WAN = 400e6;

/**
 * What the Postgres engine does, part by part, beside what one would use without it, between two servers of this
 * machine. What was copied is proven equal; a peer that did less than the whole work is none. A part that fails is told
 * and is null in the result: the others took long enough.
 */
export async function benchPostgres(options: BenchOptions, log: Log): Promise<PostgresResult> {
  const { rounds } = options;
  const parts = options.parts.postgres;
  const servers = await startServers();
  useLibraries(servers);
  const result: PostgresResult = { environment: environmentOf(servers), failed: {} };
  log.info(`Two servers: ${JSON.stringify(result.environment)}`);
  const tools = await findPostgresTools(servers.from.binaries.major, { environmentPath: servers.bin });
  const directory = temporaryDirectory('bench');
  const pgcopydb = parts.has('copy') || parts.has('wan') ? await findPgcopydb(log) : undefined;

  const make = async (bytes: number): Promise<CopyWork> => {
    const started = performance.now();
    const source = await makeSource(servers, `app_${bytes}`, bytes);
    const sizeBytes = await sizeOf(servers.from, source.database);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    log.info(`Made ${(sizeBytes / 1e6).toFixed(0)} MB of an application's data in ${seconds} s`);
    return { servers, source, sizeBytes, tools, directory, rounds, log };
  };
  const measurePart = async (part: string, body: () => Promise<void>): Promise<void> => {
    try {
      log.info(`-- ${part}`);
      await body();
    } catch (thrown) {
      const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      log.warning(`${part} was not measured: ${reason}`);
      result.failed[part] = messageOf(thrown);
    }
  };

  const wantedBytes = options.sizeBytes ?? DEFAULT_BYTES;
  if (parts.has('copy') || parts.has('parity'))
    await measurePart('copy and parity', async () => {
      const work = await make(wantedBytes);
      const copies = parts.has('copy')
        ? await measureCopies(work, peersOf(pgcopydb), true)
        : await measureCopies({ ...work, rounds: 1 }, [], false);
      const copied = copies.copied.owner;
      const quietly = quiet(log);
      await proveEqual(work.source, copied, { log: quietly });
      if (parts.has('copy')) result.copy = copyResult(copies, work);
      if (parts.has('parity'))
        result.parity = await measureParity(work.source, copied, { rounds, log, quiet: quietly });
      await dropDatabase(servers.to, copied.database);
      await dropDatabase(servers.from, work.source.database);
    });
  if (parts.has('overhead'))
    await measurePart('overhead', async () => {
      result.overhead = await measureOverhead(servers, { rounds, directory, log });
    });
  const least = Math.min(wantedBytes, SMALL_WINDOW_BYTES);
  if (parts.has('drain'))
    await measurePart('drain', async () => {
      const work = { ...(await make(least)), bytes: least };
      result.drain = await measureDrain(work);
      await dropDatabase(servers.from, work.source.database);
    });
  for (const bytes of parts.has('window') ? new Set([least, wantedBytes]) : [])
    await measurePart(`window at ${sizeName(bytes)}`, async () => {
      const work = { ...(await make(bytes)), bytes };
      const window = await measureWindow(work);
      result.window = [...(result.window ?? []), { size: sizeName(bytes), ...window }];
      await dropDatabase(servers.from, work.source.database);
    });
  for (const line of parts.has('wan') ? LINES : [])
    await measurePart(`wan at ${line.roundTripMs} ms`, async () => {
      const work = await make(Math.min(wantedBytes, MOST_BYTES_OVER_WAN));
      result.wan = [...(result.wan ?? []), await measureWideArea(work, line, pgcopydb)];
    });
  return result;
}

function peersOf(pgcopydb: Peer | undefined): Peer[] {
  return [
    pgDump,
    pgDumpParallel(2, true),
    pgDumpParallel(4, true),
    pgDumpParallel(2, false),
    ...(pgcopydb === undefined ? [] : [pgcopydb]),
  ];
}

function copyResult({ ours, theirs, peakBytes }: MeasuredCopies, work: CopyWork): CopyResult {
  for (const line of copyLines([ours, ...theirs], work.sizeBytes)) work.log.info(line);
  const [dump, two, four, uncompressed, pgcopydb] = theirs;
  if (dump === undefined || two === undefined || four === undefined || uncompressed === undefined)
    throw new Error('A peer was not measured.');
  const isTwoFaster = two.measurement.milliseconds.median < four.measurement.milliseconds.median;
  const floors = floorsOf(ours);
  return {
    sizeBytes: work.sizeBytes,
    seconds: spreadOf(ours.measurement.rounds.map((milliseconds) => milliseconds / 1000)),
    vsPgDump: timeRatio(ours, dump),
    vsPgDumpParallel: timeRatio(ours, isTwoFaster ? two : four),
    vsPgDumpParallelUncompressed: timeRatio(ours, uncompressed),
    vsPgcopydb: pgcopydb === undefined ? undefined : timeRatio(ours, pgcopydb),
    vsFloor: ratioOf(ours.measurement.rounds, floors),
    floorVsPgDump: ratioOf(floors, dump.measurement.rounds),
    peakBytes,
  };
}

/** `0.5GB` */
function sizeName(bytes: number): string {
  return `${Number((bytes / 1e9).toFixed(3))}GB`;
}

function environmentOf({ from, settings }: BenchServers): Record<string, unknown> {
  return {
    ...{ cores, memoryGb: Math.round(totalmem() / 1e9), node: process.versions.node },
    ...{ postgres: from.binaries.major, settings },
  };
}

/** Programs that were unpacked rather than installed find their libraries by the environment. */
function useLibraries({ from }: BenchServers): void {
  for (const [name, value] of Object.entries(from.binaries.environment)) {
    const before = process.env[name];
    process.env[name] = before === undefined ? value : `${value}:${before}`;
  }
}

/** What a copy tells of itself would stand between the measurements. */
function quiet(log: Log): Log {
  return { ...log, info: (line) => log.debug(line) };
}
