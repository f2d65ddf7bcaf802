import { createHash, hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { pairsOf } from './digest.ts';
import { FIRST_ID, idAfter } from './stream-id.ts';

/** About as much as one page holds: a millisecond of the server. */
const PAGE_BYTES = 250_000;
/** Elements of a page, however small they are. */
const MOST_ELEMENTS = 1_000;
/** How often a collection is read again when it changed while it was read. */
const ATTEMPTS = 3;
/** Pending deliveries of one group that are asked for in one go. */
const DELIVERIES = 2_000;

/** What the content of one key is read with. */
interface Reading {
  redis: Redis;
  key: Buffer;
  pageSize: PageSize;
  options: ContentOptions;
}

export interface ContentOptions {
  /** The value is known to fit into one page. */
  isSmall: boolean;
  /** The server knows fields of hashes that expire on their own (Redis 7.4, Valkey 9). */
  fieldExpiry: boolean;
}

/**
 * A digest of a key's value by its content: the same whatever the server's version and encoding, and for sets and
 * hashes whatever the order in which the server happens to keep them. Read in pages, so that no command blocks the
 * server for long and one page at most is in memory. null for a type that this version cannot read (modules).
 *
 * Left out: times of delivery in a stream's consumer groups, and when a field of a hash expires (but not that it does).
 */
export async function contentDigest(
  redis: Redis,
  key: Buffer,
  type: string,
  options: ContentOptions,
): Promise<string | null> {
  const reading: Reading = { redis, key, pageSize: new PageSize(options.isSmall), options };
  switch (type) {
    case 'string':
      return digestString(reading);
    case 'list':
      return digestList(reading);
    case 'set':
      return digestScanned(reading, 'SCARD', (cursor, count) =>
        redis.sscanBuffer(key, cursor, 'COUNT', count).then(([next, members]) => ({
          next,
          elements: members.map((member) => [member]),
        })),
      );
    case 'hash':
      return digestScanned(reading, 'HLEN', async (cursor, count) => {
        const [next, flat] = await redis.hscanBuffer(key, cursor, 'COUNT', count);
        return { next, elements: await withFieldExpiry(reading, pairsOf(flat)) };
      });
    case 'zset':
      return digestSortedSet(reading);
    case 'stream':
      return digestStream(reading);
    default:
      return null;
  }
}

async function digestString({ redis, key }: Reading): Promise<string> {
  const hash = createHash('sha256');
  for (let offset = 0; ; offset += PAGE_BYTES) {
    const range = await redis.getrangeBuffer(key, offset, offset + PAGE_BYTES - 1);
    hash.update(range);
    if (range.length < PAGE_BYTES) return hash.digest('hex');
  }
}

async function digestList({ redis, key, pageSize }: Reading): Promise<string> {
  const digest = new InOrder();
  for (let start = 0; ;) {
    const asked = pageSize.elements;
    const items = await redis.lrangeBuffer(key, start, start + asked - 1);
    digest.add(items);
    if (items.length < asked) return digest.result();
    pageSize.learn(items.length, bytesOf(items));
    start += asked;
  }
}

/** Members of the same score stand in the order of their bytes, on every server. */
async function digestSortedSet({ redis, key, pageSize }: Reading): Promise<string> {
  const digest = new InOrder();
  for (let start = 0; ;) {
    const asked = pageSize.elements;
    const flat = await redis.callBuffer('ZRANGE', key, start, start + asked - 1, 'WITHSCORES');
    const pairs = pairsOf(flat);
    digest.add(pairs.flatMap(([member, score]) => [member, scoreBytes(score)]));
    if (pairs.length < asked) return digest.result();
    pageSize.learn(
      pairs.length,
      pairs.reduce((sum, pair) => sum + bytesOf(pair), 0),
    );
    start += asked;
  }
}

/** The number itself: versions write the same one with more or fewer digits. */
function scoreBytes(score: Buffer): Buffer {
  const text = score.toString('latin1');
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(/inf/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text));
  return bytes;
}

/** A collection without an order, walked by its own SCAN. */
async function digestScanned(
  { redis, key, pageSize }: Reading,
  length: 'SCARD' | 'HLEN',
  scan: (cursor: string, count: number) => Promise<{ next: Buffer; elements: Buffer[][] }>,
): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const digest = new InAnyOrder();
    let cursor = '0';
    do {
      const { next, elements } = await scan(cursor, pageSize.elements);
      cursor = next.toString();
      for (const element of elements) digest.add(element);
      pageSize.learn(
        elements.length,
        elements.reduce((sum, element) => sum + bytesOf(element), 0),
      );
    } while (cursor !== '0');
    // SCAN may show an element twice, when the server rearranges its table meanwhile.
    if (digest.count === Number(await redis.call(length, key)) || attempt === ATTEMPTS)
      return digest.result();
  }
}

const EXPIRES = Buffer.from('expires');

/** Fields with values, and whether they expire on their own. */
async function withFieldExpiry(
  { redis, key, options }: Reading,
  pairs: [Buffer, Buffer][],
): Promise<Buffer[][]> {
  if (pairs.length === 0 || !options.fieldExpiry) return pairs;
  const fields = pairs.map(([field]) => field);
  const times = listOf(await redis.callBuffer('HPEXPIRETIME', key, 'FIELDS', fields.length, ...fields));
  return pairs.map((pair, index) => (Number(times[index]) >= 0 ? [...pair, EXPIRES] : pair));
}

async function digestStream(reading: Reading): Promise<string> {
  const { redis, key, pageSize } = reading;
  const digest = new InOrder();
  for (let start: string | null = FIRST_ID; start !== null;) {
    const asked = pageSize.elements;
    const entries = await rows(redis.callBuffer('XRANGE', key, start, '+', 'COUNT', asked));
    const items = entries.map(([id, fields]) => [bufferOf(id), ...listOf(fields).map(bufferOf)]);
    digest.add(items.flatMap((item) => [...item, END]));
    pageSize.learn(
      entries.length,
      items.reduce((sum, item) => sum + bytesOf(item) + ENTRY_BYTES, 0),
    );
    start = after(entries, asked);
  }
  const stream = fieldsOf(await redis.callBuffer('XINFO', 'STREAM', key));
  digest.add([bufferOf(stream.get('last-generated-id')), END]);
  for (const group of await rows(redis.callBuffer('XINFO', 'GROUPS', key)))
    await addGroup(reading, fieldsOf(group), digest);
  return digest.result();
}

/** What an entry costs besides its fields, about. */
const ENTRY_BYTES = 40;

/** Where a consumer group stands, its consumers, and what was delivered to whom and how often. */
async function addGroup(
  { redis, key }: Reading,
  group: Map<string, unknown>,
  digest: InOrder,
): Promise<void> {
  const name = bufferOf(group.get('name'));
  digest.add([name, bufferOf(group.get('last-delivered-id')), END]);
  const consumers = await rows(redis.callBuffer('XINFO', 'CONSUMERS', key, name));
  digest.add([...consumers.map((consumer) => bufferOf(fieldsOf(consumer).get('name'))), END]);
  for (let start: string | null = FIRST_ID; start !== null;) {
    const deliveries = await rows(redis.callBuffer('XPENDING', key, name, start, '+', DELIVERIES));
    digest.add(
      deliveries.flatMap(([id, consumer, , times]) => [
        bufferOf(id),
        bufferOf(consumer),
        Buffer.from(String(times)),
      ]),
    );
    start = after(deliveries, DELIVERIES);
  }
  digest.add([END]);
}

async function rows(asking: Promise<unknown>): Promise<unknown[][]> {
  return listOf(await asking).map(listOf);
}

/** Where the next page begins, each row of this one beginning with its id; null after the last page. */
function after(page: unknown[][], asked: number): string | null {
  return page.length < asked ? null : idAfter(String(page.at(-1)?.[0]));
}

/** How many elements to ask for, learnt from the pages before: replies are bounded in bytes, requests only in number. */
class PageSize {
  elements: number;
  #elementsSeen = 0;
  #bytesSeen = 0;

  constructor(isSmall: boolean) {
    this.elements = isSmall ? MOST_ELEMENTS : 1;
  }

  learn(elements: number, bytes: number): void {
    if (elements === 0) return;
    this.#elementsSeen += elements;
    this.#bytesSeen += bytes;
    // The mean of all, lest a page without any of the few large elements forget them; the last, as they may grow.
    const each = Math.max(1, bytes / elements, this.#bytesSeen / this.#elementsSeen);
    this.elements = Math.max(1, Math.min(Math.floor(PAGE_BYTES / each), this.elements * 8, MOST_ELEMENTS));
  }
}

function bytesOf(items: readonly Buffer[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
}

/** Ends a list of unknown length. */
const END = Symbol('end');

/** A digest of items one after the other. */
class InOrder {
  readonly #hash = createHash('sha256');

  add(items: readonly (Buffer | typeof END)[]): void {
    this.#hash.update(joined(items));
  }

  result(): string {
    return this.#hash.digest('hex');
  }
}

/** A digest of elements in any order: the sums of the parts of their digests. */
class InAnyOrder {
  /** One sum for each 32 bits of a digest, kept below what a double holds exactly. */
  readonly #sums = new Float64Array(8);
  count = 0;

  add(items: readonly Buffer[]): void {
    const digest = hash('sha256', joined(items), 'buffer');
    this.count += 1;
    for (let part = 0; part < this.#sums.length; part += 1)
      this.#sums[part] = ((this.#sums[part] ?? 0) + digest.readUInt32BE(part * 4)) % 2 ** 52;
  }

  result(): string {
    return [this.count, ...this.#sums].join(' ');
  }
}

/** Items with their lengths, so that none runs into the next. */
function joined(items: readonly (Buffer | typeof END)[]): Buffer {
  const size = items.reduce((sum, item) => sum + LENGTH_BYTES + (item === END ? 0 : item.length), 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const item of items) {
    bytes.writeUInt32BE(item === END ? END_LENGTH : item.length, at);
    at += LENGTH_BYTES;
    if (item === END) continue;
    bytes.set(item, at);
    at += item.length;
  }
  return bytes;
}

const LENGTH_BYTES = 4;
/** No item of a key is this long. */
const END_LENGTH = 2 ** 32 - 1;

/** Names and values in turn, as the older protocol tells a map. */
function fieldsOf(reply: unknown): Map<string, unknown> {
  const items = listOf(reply);
  const fields = new Map<string, unknown>();
  for (let index = 0; index + 1 < items.length; index += 2)
    fields.set(String(items[index]), items[index + 1]);
  return fields;
}

function listOf(reply: unknown): unknown[] {
  return Array.isArray(reply) ? reply : [];
}

function bufferOf(reply: unknown): Buffer {
  return Buffer.isBuffer(reply) ? reply : Buffer.alloc(0);
}
