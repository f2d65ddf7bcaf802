import { totalmem } from 'node:os';
import { messageOf } from '../src/errors.ts';
import type { Log } from '../src/log.ts';
import { withRedis } from '../src/redis/connect.ts';
import { cores } from './cpu.ts';
import { spreadOf, type Spread } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { measureCopies, timesAsFast, type MeasuredCopies, type MeasuredCopy } from './redis/copies.ts';
import { measureFinalPass, type FinalPassResult } from './redis/final-pass.ts';
import { makeKeys, type KeysMade } from './redis/keys.ts';
import { startServers, usedMemory, type BenchServers } from './redis/servers.ts';
import type { Block } from './redis/slow-commands.ts';
import { openWideArea, type Line } from './wan.ts';

export interface RedisResult {
  environment: Record<string, unknown>;
  /** Parts that could not be measured, each with its reason. */
  failed: Record<string, string>;
  data: KeysMade & { usedMemoryBytes: number };
  copy?: CopyResult;
  tls?: CopyResult;
  final?: FinalPassResult;
  wan?: (CopyResult & { rttMs: number; measuredRttMs: number; connectionMbPerSecond: number })[];
}

export interface CopyResult {
  keysPerSecond: Spread;
  /** The same until everything was proven equal and a final pass practised, as no peer does. */
  provenKeysPerSecond: Spread;
  /** Serialised values. */
  mbPerSecond: Spread;
  vsOneByOne: Spread;
  vsPipelined: Spread;
  /** Only without TLS and without a long line between, which it does not use. */
  vsMigrate: Spread | undefined;
  peakBytes: Spread;
  peakBytesAtRest: Spread;
  /** The longest command of ours, of the comparison after it, and of each peer, by name. */
  blocks: { ours: Block; parity: Block; theirs: Record<string, Block> };
}

/** A key for so many bytes, when both are counted as the server needs them. */
const BYTES_PER_KEY = 1_000;
const DEFAULT_BYTES = 1e9;
/** Four keys are so large, or a twentieth of everything where that is less, and always too large for one command. */
const LARGE_BYTES = 50e6;
const LEAST_LARGE_BYTES = 2e6;

const ONE_BY_ONE_SAMPLE = 10_000;
/** Over a long line both are slow and even. */
const ONE_BY_ONE_SAMPLE_OVER_WAN = 100;
const PIPELINED_SAMPLE_OVER_WAN = 100_000;

/** Between regions of one continent; the link is a gigabit per second. */
const LINE: Line = { roundTripMs: 20, connectionBytesPerSecond: 40e6, sharedBytesPerSecond: 125e6 };

/**
 * What the Redis engine does, part by part, beside what one would use without it, between two servers of this machine.
 * What was copied is proven equal. A part that fails is told and is null in the result.
 */
export async function benchRedis(options: BenchOptions, log: Log): Promise<RedisResult> {
  const { rounds } = options;
  const parts = options.parts.redis;
  const servers = await startServers();
  const sizeBytes = options.sizeBytes ?? DEFAULT_BYTES;
  const result: RedisResult = { ...(await make(servers, sizeBytes, log)), failed: {} };
  const sample = (most: number): number => Math.min(most, Math.round(sizeBytes / BYTES_PER_KEY / 2));
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

  const local = { servers, keys: result.data.keys, rounds, log };
  if (parts.has('copy'))
    await measurePart('copy', async () => {
      const copies = await measureCopies({ ...local, ends: servers.plain, warmUp: true }, [
        { way: 'MIGRATE' },
        { way: 'pipelined' },
        { way: 'one by one', sample: sample(ONE_BY_ONE_SAMPLE) },
      ]);
      result.copy = copyResult(copies);
    });
  if (parts.has('tls'))
    await measurePart('tls', async () => {
      // The servers have reached their size when the part before has run.
      const warmUp = result.copy === undefined;
      const copies = await measureCopies({ ...local, ends: servers.tls, warmUp }, [
        { way: 'pipelined' },
        { way: 'one by one', sample: sample(ONE_BY_ONE_SAMPLE) },
      ]);
      result.tls = copyResult(copies);
    });
  if (parts.has('wan'))
    await measurePart('wan', async () => {
      const area = openWideArea(LINE);
      try {
        const source = { ...servers.plain.source, ...(await area.reach(servers.plain.source)) };
        const target = { ...servers.plain.target, ...(await area.reach(servers.plain.target)) };
        const measuredRttMs = await withRedis(source, {}, async (redis) => {
          const trips: number[] = [];
          for (let trip = 0; trip < 20; trip += 1) {
            const started = performance.now();
            await redis.ping();
            trips.push(performance.now() - started);
          }
          return spreadOf(trips).median;
        });
        log.info(`Line of ${LINE.roundTripMs} ms; measured: PING in ${measuredRttMs.toFixed(1)} ms`);
        const copies = await measureCopies({ ...local, ends: { source, target }, warmUp: false }, [
          { way: 'pipelined', sample: sample(PIPELINED_SAMPLE_OVER_WAN) },
          { way: 'one by one', sample: sample(ONE_BY_ONE_SAMPLE_OVER_WAN) },
        ]);
        result.wan = [
          {
            rttMs: LINE.roundTripMs,
            measuredRttMs,
            connectionMbPerSecond: LINE.connectionBytesPerSecond / 1e6,
            ...copyResult(copies),
          },
        ];
      } finally {
        await area.close();
      }
    });
  // The last, since it changes the source.
  if (parts.has('final'))
    await measurePart('final', async () => {
      result.final = await measureFinalPass({ ...local, ends: servers.plain });
    });
  return result;
}

async function make(
  servers: BenchServers,
  sizeBytes: number,
  log: Log,
): Promise<Pick<RedisResult, 'environment' | 'data'>> {
  const { version, plain } = servers;
  const environment = {
    ...{ cores, memoryGb: Math.round(totalmem() / 1e9), node: process.versions.node, redis: version },
  };
  log.info(`Two servers: ${JSON.stringify(environment)}`);
  const started = performance.now();
  const largeBytes = Math.max(LEAST_LARGE_BYTES, Math.min(LARGE_BYTES, sizeBytes / 20));
  const made = await makeKeys(plain.source, { keys: Math.round(sizeBytes / BYTES_PER_KEY), largeBytes });
  const data = { ...made, usedMemoryBytes: await usedMemory(plain.source) };
  const sizes = Object.entries(made.large).map(([key, bytes]) => `${key} ${(bytes / 1e6).toFixed(1)}`);
  log.info(
    `Made ${made.keys} keys, ${(data.usedMemoryBytes / 1e6).toFixed(0)} MB, in ${((performance.now() - started) / 1000).toFixed(1)} s; the large ones, MB: ${sizes.join(', ')}`,
  );
  return { environment, data };
}

function copyResult({ ours, theirs, parityBlock }: MeasuredCopies): CopyResult {
  const peer = (way: MeasuredCopy['way']): MeasuredCopy | undefined =>
    theirs.find((each) => each.way === way);
  const [oneByOne, pipelined, migrate] = [peer('one by one'), peer('pipelined'), peer('MIGRATE')];
  if (oneByOne === undefined || pipelined === undefined) throw new Error('A peer was not measured.');
  const { amount, rounds } = ours.measurement;
  const megabytes = (ours.bytes ?? 0) / 1e6;
  return {
    keysPerSecond: spreadOf(ours.keysPerSecond),
    provenKeysPerSecond: spreadOf(rounds.map((milliseconds) => (amount * 1000) / milliseconds)),
    mbPerSecond: spreadOf(ours.copiedMs.map((milliseconds) => (megabytes * 1000) / milliseconds)),
    vsOneByOne: timesAsFast(ours, oneByOne),
    vsPipelined: timesAsFast(ours, pipelined),
    vsMigrate: migrate === undefined ? undefined : timesAsFast(ours, migrate),
    peakBytes: ours.peakBytes,
    peakBytesAtRest: ours.peakBytesAtRest,
    blocks: {
      ours: ours.block,
      parity: parityBlock,
      theirs: Object.fromEntries(theirs.map(({ way, block }) => [way, block])),
    },
  };
}
