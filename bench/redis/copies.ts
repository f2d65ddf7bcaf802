import type { Log } from '../../src/log.ts';
import { compareRedis } from '../../src/redis/parity.ts';
import { cores } from '../cpu.ts';
import { measure, ratioOf, spreadOf, type Measurement, type Spread, type Variant } from '../measure.ts';
import { startOwnProcess, type OwnProcess } from '../own-process.ts';
import { countKeys, emptyTarget, type BenchServers, type Ends } from './servers.ts';
import { forgetSlowCommands, longerOf, longestBlock, type Block } from './slow-commands.ts';
import type { Way } from './ways.ts';
import type { Done, Order } from './work-process.ts';

export type RedisWorker = OwnProcess<Order, Done>;

export function startWorker(): Promise<RedisWorker> {
  return startOwnProcess(new URL('./work-process.ts', import.meta.url));
}

/** What every copy of one part has in common. */
export interface CopyWork {
  servers: BenchServers;
  /** How the servers are reached. */
  ends: Ends;
  /** On the source. */
  keys: number;
  rounds: number;
  warmUp: boolean;
  log: Log;
}

export interface Peer {
  way: Way;
  /** Only so many keys: its rate is even, and all of them would take too long. */
  sample?: number;
}

export interface MeasuredCopy {
  way: Way;
  measurement: Measurement;
  /** Of each round, until all keys were on the target. */
  copiedMs: number[];
  keysPerSecond: number[];
  /** Serialised bytes of what was copied; null where nobody counts them. */
  bytes: number | null;
  peakBytes: Spread;
  /** Of the same process before it began. */
  peakBytesAtRest: Spread;
  /** Over all rounds. */
  block: Block;
}

export interface MeasuredCopies {
  ours: MeasuredCopy;
  theirs: MeasuredCopy[];
  /** While both servers were compared. */
  parityBlock: Block;
}

/**
 * Ours and its peers by turns, each in a process of its own and into an empty server. Our first copy is compared key by
 * key with its source; of all others the keys are counted: one that copied less is no peer.
 */
export async function measureCopies(work: CopyWork, peers: readonly Peer[]): Promise<MeasuredCopies> {
  const parity: { block?: Block } = {};
  const ours = copyOf(work, { way: 'copyRedis' }, async () => {
    parity.block ??= await proveEqual(work);
  });
  const theirs = peers.map((peer) => copyOf(work, peer));
  const measured = await measure(
    [ours, ...theirs].map(({ variant }) => variant),
    { rounds: work.rounds, warmUp: work.warmUp, tell: (line) => work.log.info(line) },
  );
  const [first, ...others] = [ours, ...theirs].map((each, index) => resultOf(work, each, measured[index]));
  if (first === undefined || parity.block === undefined) throw new Error('Nothing was measured.');
  for (const line of linesOf([ours, ...theirs])) work.log.info(line);
  return { ours: first, theirs: others, parityBlock: parity.block };
}

interface Counted {
  way: Way;
  variant: Variant;
  done: Done[];
  cpu: { source: number; target: number }[];
  longest: { block?: Block };
}

function copyOf(work: CopyWork, { way, sample }: Peer, prove?: () => Promise<void>): Counted {
  const { servers, ends } = work;
  const wanted = sample ?? work.keys;
  const done: Done[] = [];
  const cpu: Counted['cpu'] = [];
  const longest: Counted['longest'] = {};
  const next: { worker?: RedisWorker } = {};
  return {
    ...{ way, done, cpu, longest },
    variant: {
      name: sample === undefined ? way : `${way} (${sample} keys)`,
      prepare: async () => {
        await emptyTarget(servers);
        await forgetSlowCommands(servers);
        next.worker = await startWorker();
      },
      run: async () => {
        if (next.worker === undefined) throw new Error('A round began without its process.');
        const before = servers.cpuSeconds();
        const copy = await next.worker.ask({ work: 'copy', way, ends, sample });
        const after = servers.cpuSeconds();
        done.push(copy);
        cpu.push({ source: after.source - before.source, target: after.target - before.target });
        return wanted;
      },
      after: async () => {
        await next.worker?.end();
        const copiedMs = done.at(-1)?.copied?.copiedMs;
        if (copiedMs !== undefined) work.log.info(`  of that copying ${(copiedMs / 1000).toFixed(2)} s`);
        longest.block = longerOf(longest.block, await longestBlock(servers));
        await refuseLess(servers, way, wanted);
        await prove?.();
      },
    },
  };
}

function resultOf(work: CopyWork, counted: Counted, measurement: Measurement | undefined): MeasuredCopy {
  const { way, longest } = counted;
  if (measurement === undefined || longest.block === undefined) throw new Error(`${way} was not measured.`);
  const done = counted.done.slice(-work.rounds);
  const copiedMs = measurement.rounds.map((whole, round) => done[round]?.copied?.copiedMs ?? whole);
  return {
    ...{ way, measurement, copiedMs },
    keysPerSecond: copiedMs.map((milliseconds) => (measurement.amount * 1000) / milliseconds),
    bytes: done.at(-1)?.copied?.bytes ?? null,
    peakBytes: spreadOf(done.map((each) => each.peakBytes)),
    peakBytesAtRest: spreadOf(done.map((each) => each.peakBytesAtRest)),
    block: longest.block,
  };
}

/** How many times as many keys a second as theirs, round by round; above 1 is faster. */
export function timesAsFast(ours: MeasuredCopy, theirs: MeasuredCopy): Spread {
  return ratioOf(ours.keysPerSecond, theirs.keysPerSecond);
}

async function refuseLess({ plain }: BenchServers, way: Way, wanted: number): Promise<void> {
  const copied = await countKeys(plain.target);
  if (copied < wanted) throw new Error(`${way} copied ${copied} keys of ${wanted}.`);
}

/**
 * A copy that is not equal is no result. Compared the quickest way, however it was copied.
 *
 * @returns the longest command meanwhile
 */
export async function proveEqual({ servers, log }: Pick<CopyWork, 'servers' | 'log'>): Promise<Block> {
  await forgetSlowCommands(servers);
  const started = performance.now();
  const { equal, keys, differences } = await compareRedis({ ...servers.plain, skip: [] });
  if (!equal)
    throw new Error(
      `The copy is not equal to its source, so its figures mean nothing:\n${differences.join('\n')}`,
    );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  log.info(`The copy is equal to its source: ${keys.compared} keys compared in ${seconds} s`);
  return longestBlock(servers);
}

/** CPU, memory and the longest command of each, one line each. */
function linesOf(copies: readonly Counted[]): string[] {
  const width = Math.max(...copies.map(({ variant }) => variant.name.length));
  return copies.map(({ variant, done, cpu, longest }) => {
    const middle = (values: readonly number[]): number => spreadOf(values).median;
    const [source, target, client] = [
      middle(cpu.map((each) => each.source)),
      middle(cpu.map((each) => each.target)),
      middle(done.map((each) => each.cpuSeconds)),
    ];
    const floor = (source + target + client) / cores;
    const seconds = [source, target, client, floor].map((each) => each.toFixed(1));
    const [peak, atRest] = (['peakBytes', 'peakBytesAtRest'] as const).map((name) =>
      (middle(done.map((each) => each[name])) / 1e6).toFixed(0),
    );
    const block = longest.block;
    return (
      `${variant.name.padEnd(width)}  CPU s: source ${seconds[0]}, target ${seconds[1]}, client ${seconds[2]}, of all over ${cores} cores ${seconds[3]}; ` +
      `${peak} MB at most, ${atRest} before it began; longest command ${block?.milliseconds.toFixed(1)} ms (${block?.side}: ${block?.command})`
    );
  });
}
