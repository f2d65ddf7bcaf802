import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import { BIG_KEY_BYTES } from './big-key.ts';
import { pipelined } from './scan.ts';
import { defineScript, runScript } from './scripts.ts';

/** One key's state on one side. */
export interface KeyDigest {
  /**
   * Digest of the value, or null for a key that is too big to be read in one go. Equal digests: equal values. Different
   * ones may still be equal by content: another version or encoding serialises the same value in another way.
   */
  digest: string | null;
  /** Milliseconds on that server's own clock; null: lives for ever. */
  expiresAt: number | null;
}

/** A DUMP ends with the format's version and a checksum over it: 2 and 8 bytes that are not the value's. */
const TRAILER_BYTES = 10;
/** First byte of the DUMP of a set or hash that is kept as a hash table, in an order of the server's own. */
const UNORDERED = { set: 2, hash: 4 };
/** One call looks at no more than this: the memory of its keys, and the server's own time. */
const BUDGET = { keys: 1_000, bytes: 1_000_000, milliseconds: 8 };

/**
 * An answer is one string of records, each of a digest and the expiry as a double. A batch that costs more than its
 * budget is answered in part: as many records as keys were looked at, and always one.
 */
const DIGEST_CHARACTERS = 40;
const RECORD_BYTES = DIGEST_CHARACTERS + 8;
const MISSING = '-'.repeat(DIGEST_CHARACTERS);
const BIG = '+'.repeat(DIGEST_CHARACTERS);

/** Where a server does not tell memory, sizes are guessed from lengths: so many bytes for each element. */
const ELEMENT_BYTES = 100;
const LENGTHS = new Map([
  ['string', 'STRLEN'],
  ['list', 'LLEN'],
  ['set', 'SCARD'],
  ['hash', 'HLEN'],
  ['zset', 'ZCARD'],
  ['stream', 'XLEN'],
]);

/**
 * The digest is the SHA-1 of the serialised value, which is the same on both sides for what has an order. A hash table
 * has its own order on every server: there it is the SHA-1 of the sorted SHA-1s of the elements, sorted as digests since
 * a server sorts strings by its locale.
 */
const digests = defineScript(`
local big, bytesLeft, timeLeft = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local knowsUsage, knowsExpireTime = ARGV[4] == '1', ARGV[5] == '1'
local call, sha1, pack = redis.call, redis.sha1hex, struct.pack
local missing, tooBig = string.rep('-', ${DIGEST_CHARACTERS}), string.rep('+', ${DIGEST_CHARACTERS})

local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local began = clock()

local lengths = { ${[...LENGTHS].map(([type, command]) => `${type} = '${command}'`).join(', ')} }
local function usage(key)
  if knowsUsage then return call('MEMORY', 'USAGE', key) or 0 end
  local kind = call('TYPE', key).ok
  if lengths[kind] == nil then return 0 end
  return call(lengths[kind], key) * (kind == 'string' and 1 or ${ELEMENT_BYTES})
end

local function expiry(key)
  if knowsExpireTime then return call('PEXPIRETIME', key) end
  local left = call('PTTL', key)
  return left < 0 and left or began + left
end

local function sorted(elements)
  table.sort(elements)
  return sha1(table.concat(elements))
end

local function digest(key)
  local dump = call('DUMP', key)
  if not dump then return nil end
  local kind = string.byte(dump)
  if kind == ${UNORDERED.set} then
    local members = call('SMEMBERS', key)
    for i = 1, #members do members[i] = sha1(members[i]) end
    return sorted(members)
  elseif kind == ${UNORDERED.hash} then
    local fields, flat = {}, call('HGETALL', key)
    for i = 1, #flat, 2 do
      fields[#fields + 1] = sha1(pack('>I4', #flat[i]) .. flat[i] .. flat[i + 1])
    end
    return sorted(fields)
  end
  return sha1(string.sub(dump, 1, -${TRAILER_BYTES + 1}))
end

local records = {}
for i = 1, #KEYS do
  local key = KEYS[i]
  local size = usage(key)
  local isBig = size > big
  if not isBig then bytesLeft = bytesLeft - size end
  if i > 1 and (bytesLeft < 0 or (size > 10000 or i % 32 == 0) and clock() - began > timeLeft) then break end
  local expires = expiry(key)
  local value
  if expires == -2 then value = missing
  elseif isBig then value = tooBig
  else value = digest(key) or missing end
  records[i] = value .. pack('<d', expires)
end
return table.concat(records)
`);

/**
 * State of each key in the selected database, null where there is none; in the order of `keys`. By a script where the
 * server allows it, so that only digests travel, in calls that each stay below about 20 ms of the server's time. Keys
 * above `BIG_KEY_BYTES` are not read.
 */
export async function readDigests(
  redis: Redis,
  keys: readonly Buffer[],
  abilities: Abilities,
): Promise<(KeyDigest | null)[]> {
  const found: (KeyDigest | null)[] = [];
  while (found.length < keys.length) {
    const batch = keys.slice(found.length, found.length + BUDGET.keys);
    const { scripts } = abilities;
    if (scripts === 'none') found.push(...(await digestsByPipeline(redis, batch, abilities)));
    else found.push(...(await digestsByScript(redis, batch, abilities, scripts)));
  }
  return found;
}

/** As many of the keys, from the first on, as fit into the server's budget. */
async function digestsByScript(
  redis: Redis,
  keys: readonly Buffer[],
  { memoryUsage, expireTime }: Abilities,
  mode: 'read-only' | 'any',
): Promise<(KeyDigest | null)[]> {
  const reply = await runScript(redis, digests, mode, keys, [
    BIG_KEY_BYTES,
    BUDGET.bytes,
    BUDGET.milliseconds,
    memoryUsage ? 1 : 0,
    expireTime ? 1 : 0,
  ]);
  if (!Buffer.isBuffer(reply) || reply.length === 0) throw new Error('A reply is missing.');
  const found: (KeyDigest | null)[] = [];
  for (let at = 0; at < reply.length; at += RECORD_BYTES) {
    const digest = reply.toString('latin1', at, at + DIGEST_CHARACTERS);
    const expires = reply.readDoubleLE(at + DIGEST_CHARACTERS);
    if (digest === MISSING) found.push(null);
    else found.push({ digest: digest === BIG ? null : digest, expiresAt: expires < 0 ? null : expires });
  }
  return found;
}

/** The same without scripts: what fits into the budget travels, and is digested here. */
async function digestsByPipeline(
  redis: Redis,
  keys: readonly Buffer[],
  abilities: Abilities,
): Promise<(KeyDigest | null)[]> {
  const sizes = await readSizes(redis, keys, abilities);
  let bytes = 0;
  const over = sizes.findIndex((size) => {
    if (size <= BIG_KEY_BYTES) bytes += size;
    return bytes > BUDGET.bytes;
  });
  const batch = over === -1 ? [...keys] : keys.slice(0, Math.max(over, 1));
  const isBig = batch.map((_key, index) => (sizes[index] ?? 0) > BIG_KEY_BYTES);
  const expiries = await readExpiries(redis, batch, abilities);
  const dumps = await pipelined(
    redis,
    batch.filter((_key, index) => isBig[index] === false),
    (pipeline, key) => pipeline.dumpBuffer(key),
  );
  const found: (KeyDigest | null)[] = [];
  let next = 0;
  for (const [index, key] of batch.entries()) {
    const expiresAt = expiries[index];
    const digest = isBig[index] === true ? null : await digestDump(redis, key, dumps[next++]);
    found.push(digest === undefined || expiresAt === undefined ? null : { digest, expiresAt });
  }
  return found;
}

async function readSizes(redis: Redis, keys: readonly Buffer[], abilities: Abilities): Promise<number[]> {
  if (abilities.memoryUsage) {
    const sizes = await pipelined(redis, [...keys], (pipeline, key) => pipeline.memory('USAGE', key));
    return sizes.map(Number);
  }
  const types = await pipelined(redis, [...keys], (pipeline, key) => pipeline.type(key));
  const lengths = await pipelined(redis, [...keys.entries()], (pipeline, [index, key]) =>
    pipeline.call(LENGTHS.get(String(types[index])) ?? 'EXISTS', key),
  );
  return lengths.map((length, index) => Number(length) * (types[index] === 'string' ? 1 : ELEMENT_BYTES));
}

/** On the server's own clock; null: lives for ever, undefined: is gone. */
async function readExpiries(
  redis: Redis,
  keys: readonly Buffer[],
  { expireTime }: Abilities,
): Promise<(number | null | undefined)[]> {
  const [seconds, microseconds] = expireTime ? [0, 0] : await redis.time();
  const now = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  const replies = await pipelined(redis, [...keys], (pipeline, key) =>
    expireTime ? pipeline.pexpiretime(key) : pipeline.pttl(key),
  );
  return replies.map((reply) => {
    const expires = Number(reply);
    if (expires === -2) return undefined;
    return expires < 0 ? null : now + expires;
  });
}

/** As the script does it; undefined: the key is gone. */
async function digestDump(redis: Redis, key: Buffer, dump: unknown): Promise<string | undefined> {
  if (!Buffer.isBuffer(dump)) return undefined;
  switch (dump[0]) {
    case UNORDERED.set:
      return sha1OfSorted((await redis.smembersBuffer(key)).map((member) => sha1(member)));
    case UNORDERED.hash: {
      const flat: unknown = await redis.callBuffer('HGETALL', key);
      return sha1OfSorted(pairsOf(flat).map(([field, value]) => sha1(lengthOf(field), field, value)));
    }
    default:
      return sha1(dump.subarray(0, -TRAILER_BYTES));
  }
}

function pairsOf(reply: unknown): [Buffer, Buffer][] {
  const flat = Array.isArray(reply) ? reply.filter((item): item is Buffer => Buffer.isBuffer(item)) : [];
  const pairs: [Buffer, Buffer][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2)
    pairs.push([flat[index] ?? Buffer.alloc(0), flat[index + 1] ?? Buffer.alloc(0)]);
  return pairs;
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return length;
}

function sha1OfSorted(elements: string[]): string {
  return sha1(Buffer.from(elements.sort().join(''), 'latin1'));
}

function sha1(...parts: Buffer[]): string {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
