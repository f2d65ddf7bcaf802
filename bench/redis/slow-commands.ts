import { withRedis } from '../../src/redis/connect.ts';
import { MOST_SLOW, SLOW_MICROSECONDS, type BenchServers } from './servers.ts';

/** A command during which a server answered nobody else. */
export interface Block {
  side: 'source' | 'target';
  milliseconds: number;
  /** The beginning of it. */
  command: string;
}

/** Nothing took longer than what is noted as slow. */
const NONE = { milliseconds: SLOW_MICROSECONDS / 1000, command: 'none above this' };

export async function forgetSlowCommands({ plain }: BenchServers): Promise<void> {
  for (const address of [plain.source, plain.target])
    await withRedis(address, {}, (redis) => redis.call('SLOWLOG', 'RESET'));
}

/** The longest single command on either server since `forgetSlowCommands`, by the servers' own clocks. */
export async function longestBlock({ plain }: BenchServers): Promise<Block> {
  let longest: Block = { side: 'source', ...NONE };
  for (const side of ['source', 'target'] as const) {
    const answer = await withRedis(plain[side], {}, (redis) => redis.callBuffer('SLOWLOG', 'GET', '-1'));
    const entries = answer as [id: number, at: number, microseconds: number, words: Buffer[]][];
    if (entries.length >= MOST_SLOW)
      throw new Error('There were more slow commands than a server notes, so the longest is not known.');
    for (const [, , microseconds, words] of entries)
      if (microseconds / 1000 > longest.milliseconds)
        longest = { side, milliseconds: microseconds / 1000, command: beginningOf(words) };
  }
  return longest;
}

export function longerOf(one: Block | undefined, other: Block): Block {
  return one === undefined || other.milliseconds > one.milliseconds ? other : one;
}

/** `DUMP large:hash`, or `EVALSHA_RO 54d17ae6`: so much of a digest tells which script it was. */
function beginningOf(words: readonly Buffer[]): string {
  const [name = '', subject = ''] = words.map((word) => word.subarray(0, 40).toString('latin1'));
  const short = /^evalsha/i.test(name) ? subject.slice(0, 8) : subject;
  return `${name} ${short}`.replaceAll(/[^\x20-\x7e]+/g, ' ').trim();
}
