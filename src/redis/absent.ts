import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import { pipelined } from './scan.ts';
import { defineScript, runScript } from './scripts.ts';

const absentScript = defineScript(`
local absent = {}
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then absent[#absent + 1] = i end
end
return absent`);

/** Those of the keys that the selected database does not have. */
export async function absentKeys(
  redis: Redis,
  keys: readonly Buffer[],
  { scripts }: Pick<Abilities, 'scripts'>,
): Promise<Buffer[]> {
  if (keys.length === 0) return [];
  if (scripts === 'none') {
    const present = await pipelined(redis, [...keys], (pipeline, key) => pipeline.exists(key));
    return keys.filter((_key, place) => present[place] === 0);
  }
  const places = (await runScript(redis, absentScript, scripts, keys, [])) as number[];
  return places.flatMap((place) => keys[place - 1] ?? []);
}
