import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import { packNames } from './packed-names.ts';
import { pipelined } from './scan.ts';
import { defineScript, runScript } from './scripts.ts';

const absentScript = defineScript(`
local keys, absent = cmsgpack.unpack(ARGV[1]), {}
for i = 1, #keys do
  if redis.call('EXISTS', keys[i]) == 0 then absent[#absent + 1] = i end
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
  const places = (await runScript(redis, absentScript, scripts, [], [packNames(keys)])) as number[];
  return places.flatMap((place) => keys[place - 1] ?? []);
}
