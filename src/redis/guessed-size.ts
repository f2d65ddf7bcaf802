import type { Redis } from 'ioredis';
import { pipelined } from './scan.ts';

/** Where a server does not tell memory, sizes are guessed from lengths: so many bytes for each element. */
export const ELEMENT_BYTES = 100;
/** What tells the length of each type that has elements. */
export const LENGTHS = new Map([
  ['list', 'LLEN'],
  ['set', 'SCARD'],
  ['hash', 'HLEN'],
  ['zset', 'ZCARD'],
  ['stream', 'XLEN'],
]);

/** Lua: `guess(key)` answers about how many bytes a value takes, 0 for what nothing is known of. Wants a local `call`. */
export const guessFunction = `
local lengths = { ${[...LENGTHS].map(([type, command]) => `${type} = '${command}'`).join(', ')} }
local function guess(key)
  local type = call('TYPE', key).ok
  if type == 'string' then return call('STRLEN', key) end
  local length = lengths[type]
  return length and call(length, key) * ${ELEMENT_BYTES} or 0
end`;

/** The same for several keys without scripts; Infinity for one that became another type in between. */
export async function guessSizes(redis: Redis, keys: readonly Buffer[]): Promise<number[]> {
  const types = await pipelined(redis, [...keys], (pipeline, key) => pipeline.type(key));
  const pipeline = redis.pipeline();
  for (const [place, key] of keys.entries())
    pipeline.call(
      types[place] === 'string' ? 'STRLEN' : (LENGTHS.get(String(types[place])) ?? 'EXISTS'),
      key,
    );
  const replies = await pipeline.exec();
  if (replies === null) throw new Error('Connection is closed.');
  return replies.map(([error, reply], place) => {
    if (error?.message.startsWith('WRONGTYPE') === true) return Infinity;
    if (error !== null) throw error;
    const type = String(types[place]);
    if (type === 'string') return Number(reply);
    return LENGTHS.has(type) ? Number(reply) * ELEMENT_BYTES : 0;
  });
}
