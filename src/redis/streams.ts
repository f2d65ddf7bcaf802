import { selectDatabase, type Sides } from './lanes.ts';
import { packNames } from './packed-names.ts';
import { databasesInUse } from './pass.ts';
import { pipelined, scanKeys } from './scan.ts';
import { defineScript, runScript } from './scripts.ts';

/** A SCAN that finds one type answers few keys for many that it looks at; so many take it a few milliseconds. */
const STREAM_SCAN = 10_000;
const BATCH_KEYS = 1_000;

/** Names of all streams of the source, in whatever logical database: about 1.5 s for a million keys of all types. */
export async function findStreams(sides: Sides): Promise<Buffer[]> {
  const streams: Buffer[] = [];
  for (const database of await databasesInUse(sides)) {
    await selectDatabase(sides, database);
    for await (const keys of scanKeys(sides.scanner.from, { type: 'stream', count: STREAM_SCAN }))
      streams.push(...keys);
  }
  return streams;
}

const streamsScript = defineScript(`
local keys, streams = cmsgpack.unpack(ARGV[1]), {}
for i = 1, #keys do
  if redis.call('TYPE', keys[i]).ok == 'stream' then streams[#streams + 1] = i end
end
return streams`);

/** Those of the names that a stream of the source has, in whatever logical database. */
export async function streamsAmong(sides: Sides, names: readonly Buffer[]): Promise<Buffer[]> {
  const streams: Buffer[] = [];
  if (names.length === 0) return streams;
  const { scripts } = sides.abilities.from;
  const { from } = sides.scanner;
  for (const database of await databasesInUse(sides)) {
    await selectDatabase(sides, database);
    for (let at = 0; at < names.length; at += BATCH_KEYS) {
      const batch = names.slice(at, at + BATCH_KEYS);
      if (scripts === 'none') {
        const types = await pipelined(from, batch, (pipeline, name) => pipeline.type(name));
        streams.push(...batch.filter((_name, place) => types[place] === 'stream'));
        continue;
      }
      const places = (await runScript(from, streamsScript, scripts, [], [packNames(batch)])) as number[];
      streams.push(...places.flatMap((place) => batch[place - 1] ?? []));
    }
  }
  return streams;
}
