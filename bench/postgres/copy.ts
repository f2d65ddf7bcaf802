import type { Log } from '../../src/log.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import type { PostgresTools } from '../../src/postgres/tools.ts';
import { cores, endedChildrenCpuSeconds } from '../cpu.ts';
import { measure, ratioOf, spreadOf, type Measurement, type Spread, type Variant } from '../measure.ts';
import { startOwnProcess, type OwnProcess } from '../own-process.ts';
import type { CopyCost, CopyOrder } from './copy-process.ts';
import type { Peer } from './peers.ts';
import { newTarget, type BenchServers, type Target } from './servers.ts';

/** What every copy of one part has in common. */
export interface CopyWork {
  servers: BenchServers;
  source: PostgresAddress;
  sizeBytes: number;
  tools: PostgresTools;
  directory: string;
  rounds: number;
  log: Log;
  /** How the copies reach a server's address; by themselves without it. */
  reach?: (address: PostgresAddress) => PostgresAddress;
}

/** CPU seconds of the three who work on a copy. */
export interface CpuOfCopy {
  source: number;
  target: number;
  client: number;
}

export interface MeasuredCopy {
  name: string;
  measurement: Measurement;
  /** Of each round. */
  cpu: CpuOfCopy[];
}

export interface MeasuredCopies {
  ours: MeasuredCopy;
  theirs: MeasuredCopy[];
  /** Most memory of a process that copied, bytes, of each round of ours. */
  peakBytes: Spread;
  /** Where our last copy is. */
  copied: Target;
}

export const MIGRATION = 'bench';

const COPY_PROCESS = new URL('./copy-process.ts', import.meta.url);

/**
 * Ours and its peers by turns, each into an empty database and up to an analyzed copy. What a peer has left after the
 * first time is counted: one that did less than ours is no peer.
 */
export async function measureCopies(
  work: CopyWork,
  peers: readonly Peer[],
  warmUp: boolean,
): Promise<MeasuredCopies> {
  const ours = ourCopy(work);
  const theirs = peers.map((peer) => peerCopy(work, peer));
  const measured = await measure(
    [ours, ...theirs].map(({ variant }) => variant),
    { rounds: work.rounds, warmUp, tell: (line) => work.log.info(line) },
  );
  const result = ({ cpu }: Counted, index: number): MeasuredCopy => {
    const measurement = measured[index];
    if (measurement === undefined) throw new Error('Nothing was measured.');
    return { name: measurement.name, measurement, cpu: cpu.slice(-work.rounds) };
  };
  return {
    ours: result(ours, 0),
    theirs: theirs.map((counted, index) => result(counted, index + 1)),
    peakBytes: spreadOf(ours.costs.map((cost) => cost.peakBytes)),
    copied: ours.copied(),
  };
}

interface Counted {
  variant: Variant;
  cpu: CpuOfCopy[];
}

function ourCopy(work: CopyWork): Counted & { costs: CopyCost[]; copied(): Target } {
  const { servers, tools, directory, reach = same } = work;
  const cpu: CpuOfCopy[] = [];
  const costs: CopyCost[] = [];
  const next: { target?: Target; process?: OwnProcess<CopyOrder, CopyCost> } = {};
  const target = (): Target => next.target ?? unprepared();
  return {
    cpu,
    costs,
    copied: target,
    variant: {
      name: 'copyDatabase',
      prepare: async () => {
        next.target = await newTarget(servers, 'ours');
        next.process = await startOwnProcess(COPY_PROCESS, servers.environment);
      },
      run: async () => {
        const before = servers.cpuSeconds();
        const cost = await (next.process ?? unprepared()).ask({
          source: reach(work.source),
          owner: reach(target().owner),
          loader: reach(target().loader),
          ...{ tools, directory, migrationId: MIGRATION },
        });
        cpu.push({ ...since(before, servers), client: cost.cpuSeconds });
        costs.push(cost);
        return work.sizeBytes;
      },
      after: () => (next.process ?? unprepared()).end(),
    },
  };
}

function peerCopy(work: CopyWork, peer: Peer): Counted {
  const { servers, directory, reach = same } = work;
  const cpu: CpuOfCopy[] = [];
  const next: { target?: Target; isProven?: boolean } = {};
  const prove = async (): Promise<void> => {
    if (next.isProven === true || next.target === undefined) return;
    await refuseLess(peer.name, work.source, next.target.loader);
    next.isProven = true;
  };
  return {
    cpu,
    variant: {
      name: peer.name,
      prepare: async () => {
        await prove();
        next.target = await newTarget(servers, 'theirs');
      },
      run: async () => {
        const before = servers.cpuSeconds();
        const tools = endedChildrenCpuSeconds();
        await peer.copy({
          source: reach(work.source),
          target: reach(next.target?.loader ?? unprepared()),
          sizeBytes: work.sizeBytes,
          bin: servers.bin,
          environment: servers.environment,
          directory,
        });
        cpu.push({ ...since(before, servers), client: endedChildrenCpuSeconds() - tools });
        return work.sizeBytes;
      },
    },
  };
}

const same = (address: PostgresAddress): PostgresAddress => address;

function since(before: { source: number; target: number }, servers: BenchServers): Omit<CpuOfCopy, 'client'> {
  const now = servers.cpuSeconds();
  return { source: now.source - before.source, target: now.target - before.target };
}

function unprepared(): never {
  throw new Error('A round began without its target.');
}

/** Rows, indexes, constraints and triggers: as many as on the source. */
async function refuseLess(name: string, source: PostgresAddress, target: PostgresAddress): Promise<void> {
  const [wanted, made] = await Promise.all([countAll(source), countAll(target)]);
  if (wanted !== made)
    throw new Error(`${name} copied something else than the source has:\n${wanted}\n${made}`);
}

async function countAll(address: PostgresAddress): Promise<string> {
  return withConnection(address, { applicationName: 'bench' }, async (client) => {
    const { rows } = await client.query<{ counts: string }>(`
      SELECT format('%s rows, %s indexes, %s constraints, %s triggers',
               (SELECT sum((xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM ONLY %s', c.oid::regclass), false, true, '')))[1]::text::bigint)
                  FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relnamespace = 'public'::regnamespace),
               (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace),
               (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND convalidated),
               (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                 WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal)) AS counts`);
    return rows[0]?.counts ?? '';
  });
}

/** Our time divided by theirs; below 1 is faster. */
export function timeRatio(ours: MeasuredCopy, theirs: MeasuredCopy): Spread {
  return ratioOf(ours.measurement.rounds, theirs.measurement.rounds);
}

/** The shortest that a copy could take if all cores worked all the time: its CPU seconds over the cores, milliseconds. */
export function floorsOf({ cpu }: MeasuredCopy): number[] {
  return cpu.map(({ source, target, client }) => ((source + target + client) * 1000) / cores);
}

/** Time and CPU of each, one line each. */
export function copyLines(copies: readonly MeasuredCopy[], sizeBytes: number): string[] {
  const width = Math.max(...copies.map(({ name }) => name.length));
  return copies.map(({ name, measurement, cpu }) => {
    const middle = (part: keyof CpuOfCopy): string =>
      spreadOf(cpu.map((each) => each[part])).median.toFixed(1);
    const rate = sizeBytes / measurement.milliseconds.median / 1000;
    return `${name.padEnd(width)} ${timeOf(measurement.milliseconds)} ${rate.toFixed(1).padStart(6)} MB/s  CPU s: source ${middle('source')}, target ${middle('target')}, client ${middle('client')}`;
  });
}

function timeOf({ median, least, most }: Spread): string {
  const text = (milliseconds: number): string => (milliseconds / 1000).toFixed(2);
  return `${text(median)} s (${text(least)} to ${text(most)})`.padStart(24);
}
