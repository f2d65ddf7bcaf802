import { messageOf, NotSupportedError } from '../errors.ts';
import {
  bytesOf,
  inCommands,
  pageOf,
  PageSize,
  type Command,
  type Page,
  type Reading,
} from './big-key-page.ts';
import { printable } from './printable.ts';

/** Elements of a page that a server keeps side by side. */
const IN_ORDER = 5_000;
/** Elements of a page that it gathers from all over its memory. */
const SCATTERED = 2_000;

export async function* listPages(reading: Reading): AsyncGenerator<Page> {
  const { from, key, part } = reading;
  for await (const items of byPlace(reading, 1, IN_ORDER, (start, stop) =>
    from.lrangeBuffer(key, start, stop),
  ))
    yield pageOf(
      reading,
      bytesOf(items),
      inCommands(items, 1, (some) => ['RPUSH', part, ...some]),
    );
}

/**
 * In their order: added in it, they are added several times as fast as in that of ZSCAN. Scores come with as many
 * digits as it takes to get the same number back, and as `inf` and `-inf`. Of -0 the sign may be lost: a server that
 * keeps a set in its small form, as every set begins, has none.
 */
export async function* sortedSetPages(reading: Reading): AsyncGenerator<Page> {
  const { from, key, part } = reading;
  for await (const pairs of byPlace(reading, 2, SCATTERED, (start, stop) =>
    from.zrangeBuffer(key, start, String(stop), 'WITHSCORES'),
  ))
    yield pageOf(
      reading,
      bytesOf(pairs),
      inCommands(pairs, 2, (some) => ['ZADD', part, ...scoresFirst(some)]),
    );
}

export async function* setPages(reading: Reading): AsyncGenerator<Page> {
  const { from, key, part } = reading;
  for await (const members of byCursor(reading, 1, (cursor, count) =>
    from.sscanBuffer(key, cursor, 'COUNT', count),
  ))
    yield pageOf(
      reading,
      bytesOf(members),
      inCommands(members, 1, (some) => ['SADD', part, ...some]),
    );
}

/** Fields with their own expiries, where the source has such (Redis 7.4, Valkey 9). */
export async function* hashPages(reading: Reading): AsyncGenerator<Page> {
  const { from, key, part } = reading;
  let fieldsExpire: boolean | undefined;
  for await (const scanned of byCursor(reading, 2, (cursor, count) =>
    from.hscanBuffer(key, cursor, 'COUNT', count),
  )) {
    fieldsExpire ??= await knowsFieldExpiry(reading);
    const times = fieldsExpire ? await fieldTimes(reading, scanned) : [];
    // A field that expired a moment ago must not come back and stay.
    const pairs = scanned.filter((_item, place) => times[place >> 1] !== NO_FIELD);
    yield pageOf(reading, bytesOf(pairs), [
      ...inCommands(pairs, 2, (some) => ['HSET', part, ...some]),
      ...(await fieldExpiries(reading, scanned, times)),
    ]);
  }
}

/** Pages of what has an order, by places: the server finds one quickly, also in the middle of a very long list. */
async function* byPlace(
  reading: Reading,
  width: number,
  most: number,
  read: (start: number, stop: number) => Promise<Buffer[]>,
): AsyncGenerator<Buffer[]> {
  const pageSize = new PageSize(reading, most);
  for (let start = 0, more = true; more;) {
    const asked = pageSize.elements;
    const items = await read(start, start + asked - 1);
    const elements = items.length / width;
    pageSize.learn(elements, bytesOf(items));
    if (elements > 0) yield items;
    start += asked;
    more = elements === asked;
  }
}

/** Pages of what has none, by its own SCAN: elements that stay are seen at least once. */
async function* byCursor(
  reading: Reading,
  width: number,
  scan: (cursor: string, count: number) => Promise<[cursor: Buffer, items: Buffer[]]>,
): AsyncGenerator<Buffer[]> {
  const pageSize = new PageSize(reading, SCATTERED);
  let cursor = '0';
  do {
    const [next, items] = await scan(cursor, pageSize.elements);
    cursor = next.toString();
    pageSize.learn(items.length / width, bytesOf(items));
    if (items.length > 0) yield items;
  } while (cursor !== '0');
}

function scoresFirst(pairs: readonly Buffer[]): Buffer[] {
  return pairs.map((_item, place) => pairs[place ^ 1] ?? Buffer.alloc(0));
}

export async function knowsFieldExpiry({ from, key }: Pick<Reading, 'from' | 'key'>): Promise<boolean> {
  try {
    await from.callBuffer('HPEXPIRETIME', key, 'FIELDS', 1, '');
    return true;
  } catch (thrown) {
    if (/^ERR unknown command/i.test(messageOf(thrown))) return false;
    throw thrown;
  }
}

/** HPEXPIRETIME's answers for a field that is not there, and for one that lives for ever; others are times. */
const NO_FIELD = -2;
const NO_EXPIRY = -1;

async function fieldTimes({ from, key }: Reading, pairs: readonly Buffer[]): Promise<unknown[]> {
  const fields = pairs.filter((_item, place) => place % 2 === 0);
  const times = await from.callBuffer('HPEXPIRETIME', key, 'FIELDS', fields.length, ...fields);
  // null: the key is gone.
  return Array.isArray(times) ? (times as unknown[]) : fields.map(() => NO_FIELD);
}

/** @throws NotSupportedError when a field expires and the target knows no such thing */
async function fieldExpiries(
  { to, key, part, clockOffsetMs }: Reading,
  pairs: readonly Buffer[],
  times: readonly unknown[],
): Promise<Command[]> {
  const together = new Map<number, Buffer[]>();
  for (const [place, time] of times.entries()) {
    const field = pairs[2 * place];
    if (typeof time !== 'number' || time === NO_FIELD || time === NO_EXPIRY || field === undefined) continue;
    const others = together.get(time);
    if (others === undefined) together.set(time, [field]);
    else others.push(field);
  }
  if (together.size === 0) return [];
  const known = await to.call('COMMAND', 'INFO', 'HPEXPIREAT');
  if (!Array.isArray(known) || known[0] === null)
    throw new NotSupportedError(
      `Fields of the hash ${printable(key)} expire on their own, which the target’s version does not know. Use Redis 7.4 or Valkey 9 or newer there, or leave the key behind with \`skip\`.`,
    );
  return [...together].map(([time, fields]) => [
    'HPEXPIREAT',
    part,
    Math.round(time + clockOffsetMs),
    'FIELDS',
    fields.length,
    ...fields,
  ]);
}
