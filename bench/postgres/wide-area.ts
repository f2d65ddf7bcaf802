import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { toolEnvironment, databaseArgument } from '../../src/postgres/child.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { spreadOf, type Spread } from '../measure.ts';
import { openWideArea, type Line, type WideArea } from '../wan.ts';
import { copyLines, measureCopies, timeRatio, type CopyWork } from './copy.ts';
import { pgDump, type Peer } from './peers.ts';

export interface WanResult {
  rttMs: number;
  /** What one connection gets. */
  mbPerSecond: number;
  sizeBytes: number;
  /** Of our copy, seconds. */
  seconds: Spread;
  vsPgDump: Spread;
  vsPgcopydb: Spread | undefined;
  /** What the emulated line was measured to be. */
  measured: { rttMs: number; mbPerSecond: number; sharedMbPerSecond: number };
}

/** Between regions of one continent, and between continents; the link is a gigabit per second. */
export const LINES: readonly Line[] = [
  { roundTripMs: 20, connectionBytesPerSecond: 40e6, sharedBytesPerSecond: 125e6 },
  { roundTripMs: 40, connectionBytesPerSecond: 8e6, sharedBytesPerSecond: 125e6 },
];

/** The same copies with a long line between the client and both servers, which everybody uses alike. */
export async function measureWideArea(
  work: CopyWork,
  line: Line,
  pgcopydb: Peer | undefined,
): Promise<WanResult> {
  const area = openWideArea(line);
  try {
    return await overLine(work, line, area, pgcopydb);
  } finally {
    await area.close();
  }
}

async function overLine(
  work: CopyWork,
  line: Line,
  area: WideArea,
  pgcopydb: Peer | undefined,
): Promise<WanResult> {
  const { servers, log } = work;
  const ports = new Map<number, number>();
  for (const server of [servers.from, servers.to]) ports.set(server.port, (await area.reach(server)).port);
  const across = (address: PostgresAddress): PostgresAddress => ({
    ...address,
    port: ports.get(address.port) ?? address.port,
  });

  const measured = await measureLine(work, across(work.source), line);
  log.info(
    `Line of ${line.roundTripMs} ms, ${line.connectionBytesPerSecond / 1e6} MB/s for each connection, ${line.sharedBytesPerSecond / 1e6} MB/s for all; ` +
      `measured: SELECT 1 in ${measured.rttMs.toFixed(1)} ms, one COPY ${measured.mbPerSecond.toFixed(1)} MB/s, ${many(line)} COPYs ${measured.sharedMbPerSecond.toFixed(0)} MB/s`,
  );
  const peers = [pgDump, ...(pgcopydb === undefined ? [] : [pgcopydb])];
  // Every copy has run without the line before, so that nothing is cold.
  const { ours, theirs } = await measureCopies({ ...work, reach: across }, peers, false);
  const [dump, other] = theirs;
  if (dump === undefined) throw new Error('pg_dump was not measured.');
  for (const text of copyLines([ours, ...theirs], work.sizeBytes)) log.info(text);
  return {
    rttMs: line.roundTripMs,
    mbPerSecond: line.connectionBytesPerSecond / 1e6,
    sizeBytes: work.sizeBytes,
    seconds: spreadOf(ours.measurement.rounds.map((milliseconds) => milliseconds / 1000)),
    vsPgDump: timeRatio(ours, dump),
    vsPgcopydb: other === undefined ? undefined : timeRatio(ours, other),
    measured,
  };
}

/** As many connections as fill the link, and a half more. */
function many(line: Line): number {
  return Math.ceil((1.5 * line.sharedBytesPerSecond) / line.connectionBytesPerSecond);
}

/** What the emulated line is, seen by a client of the server: a figure over a line that is another is none. */
async function measureLine(
  work: CopyWork,
  address: PostgresAddress,
  line: Line,
): Promise<WanResult['measured']> {
  const trips = await withConnection(address, { applicationName: 'bench' }, async (client) => {
    const times: number[] = [];
    for (let trip = 0; trip < 20; trip += 1) {
      const started = performance.now();
      await client.query('SELECT 1');
      times.push(performance.now() - started);
    }
    return times;
  });
  // Three seconds, beside which starting psql and connecting count little.
  const megabytes = Math.round((3 * line.connectionBytesPerSecond) / 1e6);
  const one = await copyOut(work, address, 1, megabytes);
  const all = await copyOut(work, address, many(line), megabytes);
  return { rttMs: spreadOf(trips).median, mbPerSecond: one, sharedMbPerSecond: all };
}

/** Megabytes in one second that `connections` COPYs get together, each of `megabytes`. */
async function copyOut(
  { servers, directory }: CopyWork,
  address: PostgresAddress,
  connections: number,
  megabytes: number,
): Promise<number> {
  const sql = `COPY (SELECT repeat('x', 9999) FROM generate_series(1, ${megabytes * 100})) TO STDOUT`;
  const environment = await toolEnvironment(address, { applicationName: 'bench', directory });
  const started = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const child = spawn(join(servers.bin, 'psql'), ['-X', '-q', '-c', sql, databaseArgument(address)], {
        env: { ...servers.environment, ...environment },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error('The line could not be measured.');
    }),
  );
  return (connections * megabytes * 1000) / (performance.now() - started);
}
