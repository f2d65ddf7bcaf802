import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import { packing, type Abilities } from './abilities.ts';
import { BIG_KEY_BYTES } from './big-key.ts';
import { guessFunction, guessSizes } from './guessed-size.ts';
import type { Lane, Sides } from './lanes.ts';
import { packNames } from './packed-names.ts';
import { pipelined } from './scan.ts';
import { defineScript, runScript, type Script } from './scripts.ts';

/** What one batch came to. */
export interface CarriedBatch {
  /** Keys whose value is on the target now. */
  keys: number;
  /** Size of their serialised values. */
  bytes: number;
  /** Keys that the source does not have and the target had. */
  deleted: number;
  /** Keys that are too big for one command, or whose payload the target cannot read: not carried. */
  left: Buffer[];
}

/** A script ends here and says how far it came, so that it blocks nobody for long. */
const BATCH_BYTES = 256_000;
/** Names that one MGET is given; Lua's stack has room for some thousands. */
const MOST_AT_ONCE = 1_000;

/**
 * Carries keys of the selected database, values and expiry, and deletes those that the source does not have. Where both
 * servers run scripts, one on the source packs the values into a single string, which is handed unopened to one on the
 * target: more than twice as fast as a command for each key, most of whose time is this process's.
 *
 * @throws what a server answers, for example that its memory is full
 */
export async function carryBatch(sides: Sides, lane: Lane, keys: readonly Buffer[]): Promise<CarriedBatch> {
  const carryPart = packing(sides.abilities) === 'none' ? carryByPipelines : carryByScripts;
  const carried: CarriedBatch = { keys: 0, bytes: 0, deleted: 0, left: [] };
  for (let at = 0; at < keys.length;) {
    const part = await carryPart(sides, lane, keys.slice(at));
    at += part.taken;
    carried.keys += part.keys;
    carried.bytes += part.bytes;
    carried.deleted += part.deleted;
    carried.left.push(...part.left);
  }
  return carried;
}

interface CarriedPart extends CarriedBatch {
  /** How many of the keys, from the first, this part is about. */
  taken: number;
}

/** Lua: `at(key)` answers when a key expires on the server's own clock, -1 for never. */
function expiryFunction(abilities: Abilities): string {
  return abilities.expireTime
    ? "local function at(k) return call('PEXPIRETIME', k) end"
    : `local t = call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function at(k) local left = call('PTTL', k) if left < 0 then return -1 end return now + left end`;
}

/**
 * Answers how many keys it took, the places of those that are too big, how many it packed, their size, and the pack:
 * strings as they are, the rest as DUMP serialises them, and then the names that the source does not have. Strings are
 * most of what applications keep; read together and set they cost both servers half of what a payload does, which is
 * compressed, summed and taken apart again.
 */
function packingScript(abilities: Abilities): Script {
  const size = abilities.memoryUsage ? "call('MEMORY', 'USAGE', k) or 0" : 'guess(k)';
  return defineScript(`local call = redis.call
${abilities.memoryUsage ? '' : guessFunction}
${expiryFunction(abilities)}
local keys = cmsgpack.unpack(ARGV[1])
local n, big, small, used = #keys, {}, {}, 0
for i = 1, n do
  local k = keys[i]
  local size = ${size}
  if size > ${BIG_KEY_BYTES} then
    big[#big + 1] = i
  else
    small[#small + 1] = k
    used = used + size
    if used > ${BATCH_BYTES} or #small == ${MOST_AT_ONCE} then
      n = i
      break
    end
  end
end
local strings, others, gone, s, o, bytes = {}, {}, {}, 0, 0, 0
local values = #small > 0 and call('MGET', unpack(small)) or {}
for i = 1, #small do
  local k, value = small[i], values[i]
  if value then
    strings[s + 1], strings[s + 2], strings[s + 3] = k, at(k), value
    s, bytes = s + 3, bytes + #value
  else
    value = call('DUMP', k)
    if value then
      others[o + 1], others[o + 2], others[o + 3] = k, at(k), value
      o, bytes = o + 3, bytes + #value
    else
      gone[#gone + 1] = k
    end
  end
end
return { n, big, (s + o) / 3, bytes, cmsgpack.pack(strings, others, gone) }`);
}

/** Takes such a pack and what to add to its times; answers how many keys it deleted, then each key that failed and why. */
const unpackingScript = defineScript(`
local call, format = redis.pcall, string.format
local strings, others, gone = cmsgpack.unpack(ARGV[1])
local offset, answer = tonumber(ARGV[2]), { 0 }
local function note(k, reply)
  if type(reply) == 'table' and reply.err then
    answer[#answer + 1] = k
    answer[#answer + 1] = reply.err
  end
end
for i = 1, #strings, 3 do
  local k, expires = strings[i], strings[i + 1]
  local reply = call('SET', k, strings[i + 2])
  if expires >= 0 and not reply.err then reply = call('PEXPIREAT', k, format('%.0f', expires + offset)) end
  note(k, reply)
end
for i = 1, #others, 3 do
  local k, expires = others[i], others[i + 1]
  local time = '0'
  if expires >= 0 then time = format('%.0f', expires + offset) end
  note(k, call('RESTORE', k, time, others[i + 2], 'REPLACE', 'ABSTTL'))
end
for i = 1, #gone do
  local reply = call('UNLINK', gone[i])
  if type(reply) == 'number' then answer[1] = answer[1] + reply end
  note(gone[i], reply)
end
return answer`);

const packingScripts = new Map<string, Script>();

function packingScriptFor(abilities: Abilities): Script {
  const name = `${String(abilities.memoryUsage)} ${String(abilities.expireTime)}`;
  const script = packingScripts.get(name) ?? packingScript(abilities);
  packingScripts.set(name, script);
  return script;
}

async function carryByScripts(sides: Sides, lane: Lane, keys: readonly Buffer[]): Promise<CarriedPart> {
  const { from } = sides.abilities;
  const mode = from.scripts === 'read-only' ? 'read-only' : 'any';
  const answer = await runScript(lane.from, packingScriptFor(from), mode, [], [packNames(keys)]);
  const [taken, big, packed, bytes, pack] = answer as [number, number[], number, number, Buffer];
  const left = big.flatMap((place) => keys[place - 1] ?? []);
  const stored = await runScript(
    lane.to,
    unpackingScript,
    'any',
    [],
    [pack, Math.round(sides.clockOffsetMs)],
  );
  const [deleted, ...failures] = stored as [number, ...Buffer[]];
  for (let at = 0; at + 1 < failures.length; at += 2)
    left.push(...leftOrThrow(failures[at], failures[at + 1]));
  return { taken, keys: packed - failures.length / 2, bytes, deleted, left };
}

/** A payload that the target cannot read is no failure: such a key goes element by element. */
function leftOrThrow(key: Buffer | undefined, reason: unknown): Buffer[] {
  const message = Buffer.isBuffer(reason) ? reason.toString() : messageOf(reason);
  if (key !== undefined && isUnreadable(message)) return [key];
  throw new Error(message.replace(/^ERR /, ''));
}

/** What a server answers to a payload of a format that it does not know. */
export function isUnreadable(message: string): boolean {
  return /payload version|Bad data format/.test(message);
}

/** For servers that run no scripts: a command for each key. */
async function carryByPipelines(sides: Sides, lane: Lane, all: readonly Buffer[]): Promise<CarriedPart> {
  const { from } = sides.abilities;
  const { taken, small, left } = await apartFromBig(lane.from, all, from);
  const [time, ...replies] = await pipelined(lane.from, [undefined, ...small], (pipeline, key) => {
    if (key === undefined) return pipeline.time();
    return (from.expireTime ? pipeline.pexpiretime(key) : pipeline.pttl(key)).dumpBuffer(key);
  });
  const now = millisecondsOf(time);
  const target = lane.to.pipeline();
  const part: CarriedPart = { taken, keys: 0, bytes: 0, deleted: 0, left };
  for (const [place, key] of small.entries()) {
    const [expiry, payload] = [Number(replies[2 * place]), replies[2 * place + 1]];
    if (!Buffer.isBuffer(payload)) {
      target.unlink(key);
      continue;
    }
    const expiresAt = expiry < 0 ? 0 : Math.round((from.expireTime ? 0 : now) + expiry + sides.clockOffsetMs);
    target.restore(key, expiresAt, payload, 'REPLACE', 'ABSTTL');
    part.keys += 1;
    part.bytes += payload.length;
  }
  for (const [place, [error, reply]] of ((await target.exec()) ?? []).entries()) {
    if (error !== null) {
      part.left.push(...leftOrThrow(small[place], error.message));
      part.keys -= 1;
    } else if (typeof reply === 'number') part.deleted += reply;
  }
  return part;
}

async function apartFromBig(
  from: Redis,
  keys: readonly Buffer[],
  abilities: Abilities,
): Promise<{ taken: number; small: Buffer[]; left: Buffer[] }> {
  const sizes = abilities.memoryUsage
    ? await pipelined(from, [...keys], (pipeline, key) => pipeline.memory('USAGE', key))
    : await guessSizes(from, keys);
  const small: Buffer[] = [];
  const left: Buffer[] = [];
  let bytes = 0;
  for (const [place, key] of keys.entries()) {
    const size = Number(sizes[place] ?? 0);
    if (size > BIG_KEY_BYTES) left.push(key);
    else small.push(key);
    bytes += size > BIG_KEY_BYTES ? 0 : size;
    if (bytes > BATCH_BYTES) return { taken: place + 1, small, left };
  }
  return { taken: keys.length, small, left };
}

/** What TIME answers, seconds and microseconds, as milliseconds. */
function millisecondsOf(time: unknown): number {
  const [seconds, microseconds] = Array.isArray(time) ? time.map(Number) : [];
  return (seconds ?? NaN) * 1000 + Math.floor((microseconds ?? NaN) / 1000);
}
