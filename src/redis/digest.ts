import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import type { Abilities } from './abilities.ts';
import { BIG_KEY_BYTES } from './big-key.ts';
import { ELEMENT_BYTES, guessFunction, LENGTHS } from './guessed-size.ts';
import { packNames } from './packed-names.ts';
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

/** What of a server's abilities it takes to read. */
export type ReadingAbilities = Pick<Abilities, 'scripts' | 'memoryUsage' | 'expireTime'>;

/** A DUMP ends with the format's version and a checksum over it: 2 and 8 bytes that are not the value's. */
const TRAILER_BYTES = 10;
/** First byte of the DUMP of a set or hash that is kept as a hash table, in an order of the server's own. */
const UNORDERED = { set: 2, hash: 4 };
/** As REDIS_VERSION_NUM. From here on (every Valkey says so too) fields of hashes may expire on their own. */
const FIELDS_MAY_EXPIRE = 0x070200;
/** One call looks at no more than this: keys, their bytes, and the server's own time. */
const BUDGET = { keys: 1_000, bytes: 1_000_000, milliseconds: 8 };

/** A digest says in its first character what it was taken of, followed by a SHA-1. */
const DIGEST_CHARACTERS = 41;
const OF = { text: 's', set: 'm', hash: 'h', dump: 'd' };
const MISSING = '-'.repeat(DIGEST_CHARACTERS);
const BIG = '+'.repeat(DIGEST_CHARACTERS);
/** In the script's answer: a digest, and the expiry as a double. */
const RECORD_BYTES = DIGEST_CHARACTERS + 8;

const TEXT_ENCODINGS = ['int', 'embstr', 'raw'];
/** Those that a server leaves when a value grows: never big. */
const SMALL_ENCODINGS = ['listpack', 'ziplist', 'intset'];

/**
 * A string is digested as it is (serialising compresses it, which costs more than all the rest), what has an order as it
 * is serialised. A hash table has its own order on every server: its elements are sorted by their bytes, which a server
 * does by itself unless its locale is another than C. A hash whose fields expire is serialised as another type, and so
 * never taken for one whose fields do not.
 *
 * The answer is one string: the digests, then the expiries. A batch that costs more than its budget is answered in part:
 * for as many keys as were looked at, and always one.
 */
const digestsScript = defineScript(`
local keys = cmsgpack.unpack(ARGV[1])
local big, bytesLeft, timeLeft = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local knowsUsage, knowsExpireTime = ARGV[5] == '1', ARGV[6] == '1'
local call, sha1 = redis.call, redis.sha1hex
local text = { ${TEXT_ENCODINGS.map((name) => `${name} = true`).join(', ')} }
local small = { ${SMALL_ENCODINGS.map((name) => `${name} = true`).join(', ')} }
${guessFunction}

local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local began = clock()

local function expiry(key)
  if knowsExpireTime then return call('PEXPIRETIME', key) end
  local left = call('PTTL', key)
  return left < 0 and left or began + left
end

local function usage(key)
  if knowsUsage then return call('MEMORY', 'USAGE', key) or 0 end
  return guess(key)
end

local byBytes = nil
if not ('B' < 'a' and 'Z' < '_') then
  byBytes = function(one, other)
    for i = 1, math.min(#one, #other) do
      local a, b = string.byte(one, i), string.byte(other, i)
      if a ~= b then return a < b end
    end
    return #one < #other
  end
end

local function digestSet(key)
  local members = call('SMEMBERS', key)
  table.sort(members, byBytes)
  return '${OF.set}' .. sha1(cmsgpack.pack(members))
end

local function digestHash(key)
  local flat, fields, values = call('HGETALL', key), {}, {}
  for i = 1, #flat, 2 do
    fields[#fields + 1] = flat[i]
    values[flat[i]] = flat[i + 1]
  end
  table.sort(fields, byBytes)
  for i = 1, #fields do
    flat[2 * i - 1] = fields[i]
    flat[2 * i] = values[fields[i]]
  end
  return '${OF.hash}' .. sha1(cmsgpack.pack(flat))
end

local fieldsMayExpire = (redis.REDIS_VERSION_NUM or 0) >= ${FIELDS_MAY_EXPIRE}
local function digest(key, encoding)
  if encoding == 'hashtable' then
    local isSet = call('TYPE', key).ok == 'set'
    if isSet then return digestSet(key) end
    if not fieldsMayExpire then return digestHash(key) end
  end
  local dump = call('DUMP', key)
  if not dump then return '${MISSING}' end
  if string.byte(dump) == ${UNORDERED.hash} then return digestHash(key) end
  return '${OF.dump}' .. sha1(string.sub(dump, 1, -${TRAILER_BYTES + 1}))
end

local digests, expiries = {}, {}
for i = 1, #keys do
  local key = keys[i]
  local value, size, expires = '${MISSING}', 0, expiry(key)
  if expires ~= -2 then
    local encoding = call('OBJECT', 'ENCODING', key)
    if text[encoding] then
      local read = call('GETRANGE', key, 0, big)
      size = #read
      value = size > big and '${BIG}' or '${OF.text}' .. sha1(read)
    else
      if not small[encoding] then size = usage(key) end
      if size > big then
        value = '${BIG}'
        size = 0
      elseif i > 1 and size > bytesLeft then
        break
      else
        value = digest(key, encoding)
      end
    end
  end
  digests[i] = value
  expiries[i] = expires
  bytesLeft = bytesLeft - size
  if bytesLeft < 0 or (size > 10000 or i % 32 == 0) and clock() - began > timeLeft then break end
end
return table.concat(digests) .. struct.pack('<' .. string.rep('d', #expiries), unpack(expiries))
`);

/**
 * State of each key in the selected database, null where there is none; in the order of `keys`. By a script where the
 * server allows it, so that only digests travel, in calls that each stay below about 20 ms of the server's time. Of keys
 * above `BIG_KEY_BYTES` no more than that is read.
 */
export async function readDigests(
  redis: Redis,
  keys: readonly Buffer[],
  abilities: ReadingAbilities,
): Promise<(KeyDigest | null)[]> {
  const found: (KeyDigest | null)[] = [];
  while (found.length < keys.length) {
    const batch = keys.slice(found.length, found.length + BUDGET.keys);
    const { scripts } = abilities;
    if (scripts === 'none') found.push(...(await digestsOfChanging(redis, batch, abilities)));
    else found.push(...(await digestsByScript(redis, batch, abilities, scripts)));
  }
  return found;
}

/** As many of the keys, from the first on, as fit into the server's budget. */
async function digestsByScript(
  redis: Redis,
  keys: readonly Buffer[],
  { memoryUsage, expireTime }: ReadingAbilities,
  mode: 'read-only' | 'any',
): Promise<(KeyDigest | null)[]> {
  const reply = await runScript(
    redis,
    digestsScript,
    mode,
    [],
    [
      packNames(keys),
      BIG_KEY_BYTES,
      BUDGET.bytes,
      BUDGET.milliseconds,
      memoryUsage ? 1 : 0,
      expireTime ? 1 : 0,
    ],
  );
  if (!Buffer.isBuffer(reply) || reply.length === 0) throw new Error('A reply is missing.');
  const count = reply.length / RECORD_BYTES;
  const digests = reply.toString('latin1', 0, count * DIGEST_CHARACTERS);
  return Array.from({ length: count }, (_none, index) => {
    const digest = digests.slice(index * DIGEST_CHARACTERS, (index + 1) * DIGEST_CHARACTERS);
    const expires = reply.readDoubleLE(count * DIGEST_CHARACTERS + index * 8);
    if (digest === MISSING) return null;
    return { digest: digest === BIG ? null : digest, expiresAt: expires < 0 ? null : expires };
  });
}

/** Between two commands a key may become one of another type: only of that one nothing is known then. */
async function digestsOfChanging(
  redis: Redis,
  keys: readonly Buffer[],
  abilities: ReadingAbilities,
): Promise<(KeyDigest | null)[]> {
  try {
    return await digestsByPipeline(redis, keys, abilities);
  } catch (thrown) {
    if (!messageOf(thrown).startsWith('WRONGTYPE')) throw thrown;
    if (keys.length === 1) return [{ digest: null, expiresAt: null }];
    return digestsOfChanging(redis, keys.slice(0, Math.ceil(keys.length / 2)), abilities);
  }
}

/** The same without scripts: what fits into the budget travels, and is digested here. */
async function digestsByPipeline(
  redis: Redis,
  keys: readonly Buffer[],
  abilities: ReadingAbilities,
): Promise<(KeyDigest | null)[]> {
  const sized = await readSizes(redis, keys, abilities);
  let bytes = 0;
  const over = sized.findIndex(({ size }) => {
    if (size <= BIG_KEY_BYTES) bytes += size;
    return bytes > BUDGET.bytes;
  });
  const batch = over === -1 ? sized : sized.slice(0, Math.max(over, 1));
  const expiries = await readExpiries(redis, batch, abilities);
  const small = batch.filter(({ size }) => size <= BIG_KEY_BYTES);
  const read = await pipelined(redis, small, (pipeline, { key, isText }) =>
    // Not GET: the string may have grown since it was measured.
    isText ? pipeline.getrangeBuffer(key, 0, BIG_KEY_BYTES) : pipeline.dumpBuffer(key),
  );
  const digests = new Map<Buffer, string | null | undefined>();
  for (const [index, { key, isText }] of small.entries())
    digests.set(key, await digestOf(redis, key, isText, read[index]));
  return batch.map(({ key, size }, index) => {
    const digest = size > BIG_KEY_BYTES ? null : digests.get(key);
    const expiresAt = expiries[index];
    return digest === undefined || expiresAt === undefined ? null : { digest, expiresAt };
  });
}

interface Sized {
  key: Buffer;
  isText: boolean;
  /** 0 for what cannot be big. */
  size: number;
}

async function readSizes(
  redis: Redis,
  keys: readonly Buffer[],
  { memoryUsage }: ReadingAbilities,
): Promise<Sized[]> {
  const asked = await pipelined(redis, [...keys], (pipeline, key) =>
    pipeline.type(key).object('ENCODING', key),
  );
  const kinds = keys.map((key, index) => {
    const [type, encoding] = [String(asked[2 * index]), String(asked[2 * index + 1])];
    const measured = type !== 'none' && encoding !== 'int' && !SMALL_ENCODINGS.includes(encoding);
    return { key, type, isText: type === 'string', measured };
  });
  const sizes = await pipelined(redis, kinds, (pipeline, { key, type, isText, measured }) => {
    if (!measured) return pipeline.exists(key);
    if (isText) return pipeline.strlen(key);
    return memoryUsage ? pipeline.memory('USAGE', key) : pipeline.call(LENGTHS.get(type) ?? 'EXISTS', key);
  });
  return kinds.map(({ key, isText, measured }, index) => {
    const size = measured ? Number(sizes[index] ?? 0) : 0;
    return { key, isText, size: isText || memoryUsage ? size : size * ELEMENT_BYTES };
  });
}

/** On the server's own clock; null: lives for ever, undefined: is gone. */
async function readExpiries(
  redis: Redis,
  keys: { key: Buffer }[],
  { expireTime }: ReadingAbilities,
): Promise<(number | null | undefined)[]> {
  const [seconds, microseconds] = expireTime ? [0, 0] : await redis.time();
  const now = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  const replies = await pipelined(redis, keys, (pipeline, { key }) =>
    expireTime ? pipeline.pexpiretime(key) : pipeline.pttl(key),
  );
  return replies.map((reply) => {
    const expires = Number(reply);
    if (expires === -2) return undefined;
    return expires < 0 ? null : now + expires;
  });
}

/** As the script does it; undefined: the key is gone. */
async function digestOf(
  redis: Redis,
  key: Buffer,
  isText: boolean,
  read: unknown,
): Promise<string | null | undefined> {
  if (!Buffer.isBuffer(read)) return undefined;
  if (isText) return read.length > BIG_KEY_BYTES ? null : OF.text + sha1(read);
  switch (read[0]) {
    case UNORDERED.set:
      return OF.set + sha1(packed((await redis.smembersBuffer(key)).sort((a, b) => Buffer.compare(a, b))));
    case UNORDERED.hash: {
      const pairs = pairsOf(await redis.callBuffer('HGETALL', key));
      return OF.hash + sha1(packed(pairs.sort(([a], [b]) => Buffer.compare(a, b)).flat()));
    }
    default:
      return OF.dump + sha1(read.subarray(0, -TRAILER_BYTES));
  }
}

/** A flat reply of fields and values. */
export function pairsOf(reply: unknown): [Buffer, Buffer][] {
  const flat = Array.isArray(reply) ? reply.filter((item): item is Buffer => Buffer.isBuffer(item)) : [];
  const pairs: [Buffer, Buffer][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2)
    pairs.push([flat[index] ?? Buffer.alloc(0), flat[index + 1] ?? Buffer.alloc(0)]);
  return pairs;
}

/** As the servers' `cmsgpack.pack` packs a list of strings. */
function packed(items: readonly Buffer[]): Buffer {
  return Buffer.concat([
    header(items.length, { most: 15, mark: 0x90 }, [undefined, 0xdc, 0xdd]),
    ...items.flatMap((item) => [header(item.length, { most: 31, mark: 0xa0 }, [0xd9, 0xda, 0xdb]), item]),
  ]);
}

/** A length in as few bytes as will do: within the mark itself, or behind another in one, two or four. */
function header(
  length: number,
  tiny: { most: number; mark: number },
  [one, two, four]: [one: number | undefined, two: number, four: number],
): Buffer {
  if (length <= tiny.most) return Buffer.from([tiny.mark | length]);
  if (one !== undefined && length <= 0xff) return Buffer.from([one, length]);
  const isShort = length <= 0xffff;
  const bytes = Buffer.alloc(isShort ? 3 : 5);
  bytes[0] = isShort ? two : four;
  bytes.writeUIntBE(length, 1, isShort ? 2 : 4);
  return bytes;
}

function sha1(bytes: Buffer): string {
  return hash('sha1', bytes);
}
