import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import type { FeedKind } from './changes.ts';
import { redisError } from './errors.ts';

/** What a feed does not tell and must be looked for. */
export interface Unpushed {
  /** State of consumer groups may have changed, or a stream been made by XGROUP CREATE: streams are read again. */
  streams: boolean;
  /** Logical databases may have changed places, or been flushed without a word: everything is looked at again. */
  everything: boolean;
}

/** Watches by the server's own count of calls per command; where it does not give one, everything counts as called. */
export interface UnpushedWatch {
  /** What was called since the last look. @throws Error when the connection is lost */
  look(): Promise<Unpushed>;
}

/** Commands that change keys without naming them, by what tells the others. */
const silent: Record<FeedKind, ReadonlySet<string>> = {
  tracking: new Set(['swapdb', 'debug', 'replicaof', 'slaveof']),
  // PFCOUNT keeps its result in the key that it counts.
  notifications: new Set([
    ...['swapdb', 'debug', 'replicaof', 'slaveof', 'flushall', 'flushdb', 'pfcount', 'pfdebug', 'pfselftest'],
  ]),
  // It says everything by itself.
  none: new Set(),
};

/** Commands on streams that only read, or whose key is told; all others are taken to change consumer groups. */
const harmlessToGroups = new Set([
  ...['xadd', 'xdel', 'xtrim', 'xlen', 'xrange', 'xrevrange', 'xread', 'xinfo', 'xpending'],
]);

/** @throws Error when the connection is lost */
export async function watchUnpushed(
  redis: Redis,
  abilities: Abilities,
  kind: FeedKind,
): Promise<UnpushedWatch> {
  if (!abilities.commandStats) return { look: () => Promise.resolve({ streams: true, everything: true }) };
  let before = await readCounts(redis);
  return {
    look: async () => {
      const now = await readCounts(redis);
      const called = calledBetween(before, now, kind);
      before = now;
      return called;
    },
  };
}

interface Counts {
  /** Of one start of the server. */
  runId: string;
  /** How often each command was called, by its lower-case name; since Redis 7 with its sub-command after a bar. */
  calls: Map<string, number>;
  /** Keys that the server removed to make room. */
  evicted: number;
  /** Calls and time of CONFIG RESETSTAT, which begins all counts anew; empty when it was never called. */
  reset: string;
}

async function readCounts(redis: Redis): Promise<Counts> {
  try {
    const server = await redis.info('server');
    const stats = await redis.info('stats');
    const commands = await redis.info('commandstats');
    return {
      runId: /^run_id:(\w+)/m.exec(server)?.[1] ?? '',
      calls: new Map(
        Array.from(commands.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, name = '', calls]) => [
          name.toLowerCase(),
          Number(calls),
        ]),
      ),
      evicted: Number(/^evicted_keys:(\d+)/m.exec(stats)?.[1] ?? 0),
      reset: /^cmdstat_config\|resetstat:(.*)/m.exec(commands)?.[1] ?? '',
    };
  } catch (thrown) {
    throw redisError(thrown, 'Could not read which commands were called');
  }
}

function calledBetween(before: Counts, now: Counts, kind: FeedKind): Unpushed {
  // Counts that began anew, or fell, say nothing about what was called before.
  const unknown =
    now.runId !== before.runId ||
    now.reset !== before.reset ||
    now.evicted < before.evicted ||
    [...before.calls].some(([name, calls]) => (now.calls.get(name) ?? 0) < calls);
  if (unknown) return { streams: true, everything: true };
  const called = [...now.calls]
    .filter(([name, calls]) => calls > (before.calls.get(name) ?? 0))
    .map(([name]) => name.split('|')[0] ?? name);
  return {
    streams: called.some((name) => name.startsWith('x') && !harmlessToGroups.has(name)),
    everything:
      called.some((name) => silent[kind].has(name)) ||
      // That a key was evicted is a kind of notification of its own, which cannot be tried out.
      (kind === 'notifications' && now.evicted > before.evicted),
  };
}
