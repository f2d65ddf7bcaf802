import { PAGE_BYTES, PageSize, WRITTEN_AT_ONCE, type Page, type Reading } from './big-key-page.ts';
import { defineScript, runScript } from './scripts.ts';

/** How each type is read and written in pages that this process hands over without opening them. */
interface PackedType {
  reading: 'places' | 'cursor';
  read: string;
  /** Arguments of the reading command behind its range. */
  readArguments: readonly string[];
  write: string;
  /** Items of one element: a field and its value are two. */
  width: number;
  /** Elements of a page, however small they are: those that lie side by side in memory are found the quickest. */
  most: number;
}

const TYPES: Readonly<Record<string, PackedType>> = {
  list: { reading: 'places', read: 'LRANGE', readArguments: [], write: 'RPUSH', width: 1, most: 5_000 },
  zset: {
    ...{ reading: 'places', read: 'ZRANGE', readArguments: ['WITHSCORES'], write: 'ZADD' },
    ...{ width: 2, most: 2_000 },
  },
  set: { reading: 'cursor', read: 'SSCAN', readArguments: [], write: 'SADD', width: 1, most: 2_000 },
  hash: { reading: 'cursor', read: 'HSCAN', readArguments: [], write: 'HSET', width: 2, most: 2_000 },
};

/** Answers elements read, elements packed, their bytes and the pack: no more than a page, or one large element. */
const placesScript = defineScript(`
local first, asked, width = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local items = redis.call(ARGV[1], KEYS[1], first, first + asked - 1, unpack(ARGV, 5))
local found, taken, bytes = #items / width, #items / width, 0
for i = 1, found do
  local more = 0
  for j = (i - 1) * width + 1, i * width do more = more + #items[j] end
  if i > 1 and bytes + more > ${PAGE_BYTES} then
    taken = i - 1
    break
  end
  bytes = bytes + more
end
for i = #items, taken * width + 1, -1 do items[i] = nil end
return { found, taken, bytes, cmsgpack.pack(items) }`);

/** Answers the next cursor, elements packed, their bytes and the pack. */
const cursorScript = defineScript(`
local answer = redis.call(ARGV[1], KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local items, bytes = answer[2], 0
for i = 1, #items do bytes = bytes + #items[i] end
return { answer[1], #items / tonumber(ARGV[4]), bytes, cmsgpack.pack(items) }`);

/** Writes a pack, in commands of a size that does not depend on how much the source gave at once. */
const writingScript = defineScript(`
local items, command, width = cmsgpack.unpack(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if command == 'ZADD' then
  for i = 1, #items, 2 do items[i], items[i + 1] = items[i + 1], items[i] end
end
local start, bytes = 1, 0
for i = 1, #items, width do
  local more = 0
  for j = i, i + width - 1 do more = more + #items[j] end
  if i > start and (bytes + more > ${PAGE_BYTES} or i - start >= width * ${WRITTEN_AT_ONCE}) then
    redis.call(command, KEYS[1], unpack(items, start, i - 1))
    start, bytes = i, 0
  end
  bytes = bytes + more
end
redis.call(command, KEYS[1], unpack(items, start))`);

/**
 * The pages of a list, set, sorted set or hash, packed by a script of the source and unpacked by one of the target: to
 * take each element apart and put it together again is most of the work of a large key, and all of it this process's.
 * Undefined for other types.
 */
export function packedPages(
  type: string,
  reading: Reading,
  mode: 'read-only' | 'any',
): AsyncGenerator<Page> | undefined {
  const kind = TYPES[type];
  if (kind === undefined) return undefined;
  return kind.reading === 'places' ? byPlace(kind, reading, mode) : byCursor(kind, reading, mode);
}

/** In their order: a sorted set is built several times as fast in it as in that of ZSCAN. */
async function* byPlace(kind: PackedType, reading: Reading, mode: 'read-only' | 'any'): AsyncGenerator<Page> {
  const pageSize = new PageSize(reading, kind.most);
  for (let start = 0, more = true; more;) {
    const asked = pageSize.elements;
    const range = [kind.read, start, asked, kind.width, ...kind.readArguments];
    const answer = await runScript(reading.from, placesScript, mode, [reading.key], range);
    const [found, taken, bytes, pack] = answer as [number, number, number, Buffer];
    pageSize.learn(taken, bytes);
    if (taken > 0) yield pageOf(kind, reading, bytes, pack);
    start += taken;
    more = taken < found || found === asked;
  }
}

/** By the type's own SCAN: elements that stay are seen at least once. */
async function* byCursor(
  kind: PackedType,
  reading: Reading,
  mode: 'read-only' | 'any',
): AsyncGenerator<Page> {
  const pageSize = new PageSize(reading, kind.most);
  let cursor = '0';
  do {
    const range = [kind.read, cursor, pageSize.elements, kind.width];
    const answer = await runScript(reading.from, cursorScript, mode, [reading.key], range);
    const [next, found, bytes, pack] = answer as [Buffer, number, number, Buffer];
    cursor = next.toString();
    pageSize.learn(found, bytes);
    if (found > 0) yield pageOf(kind, reading, bytes, pack);
  } while (cursor !== '0');
}

function pageOf(kind: PackedType, { to, part }: Reading, bytes: number, pack: Buffer): Page {
  return {
    bytes,
    write: async () => {
      await runScript(to, writingScript, 'any', [part], [pack, kind.write, kind.width]);
    },
  };
}
