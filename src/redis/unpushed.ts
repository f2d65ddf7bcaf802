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

/**
 * Nobody's application asks for an echo: where fewer are counted than we have asked for, the server started anew, is
 * another one, or was told to forget its counts (CONFIG RESETSTAT), which no count of its own says for certain.
 */
const MARK = { command: 'echo', calls: 1_000 };

/** @throws Error when the connection is lost */
export async function watchUnpushed(
  redis: Redis,
  abilities: Abilities,
  kind: FeedKind,
): Promise<UnpushedWatch> {
  if (!abilities.commandStats) return { look: () => Promise.resolve({ streams: true, everything: true }) };
  let before = await markedCounts(redis);
  return {
    look: async () => {
      const now = await readCounts(redis);
      if (beganAnew(before, now)) {
        before = await markedCounts(redis);
        return { streams: true, everything: true };
      }
      const called = calledBetween(before, now, kind);
      before = now;
      return called;
    },
  };
}

interface Counts {
  /** How often each command was called, by its lower-case name; since Redis 7 with its sub-command after a bar. */
  calls: Map<string, number>;
  /** Keys that the server removed to make room. */
  evicted: number;
}

/** Where the user may not call the mark, it is missing in the counts, and they say nothing. */
async function markedCounts(redis: Redis): Promise<Counts> {
  const calls = redis.pipeline();
  for (let call = 0; call < MARK.calls; call++) calls.call(MARK.command, '');
  await calls.exec();
  return readCounts(redis);
}

async function readCounts(redis: Redis): Promise<Counts> {
  try {
    const stats = await redis.info('stats');
    const commands = await redis.info('commandstats');
    return {
      calls: new Map(
        Array.from(commands.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, name = '', calls]) => [
          name.toLowerCase(),
          Number(calls),
        ]),
      ),
      evicted: Number(/^evicted_keys:(\d+)/m.exec(stats)?.[1] ?? 0),
    };
  } catch (thrown) {
    throw redisError(thrown, 'Could not read which commands were called');
  }
}

/** Then the counts say nothing of what was called since `before`. */
function beganAnew(before: Counts, now: Counts): boolean {
  const marks = (counts: Counts): number => counts.calls.get(MARK.command) ?? 0;
  return marks(before) < MARK.calls || marks(now) < marks(before);
}

function calledBetween(before: Counts, now: Counts, kind: FeedKind): Unpushed {
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
