import type { Redis } from 'ioredis';
import {
  bytesOf,
  pageOf,
  PageSize,
  ValueReplaced,
  type Command,
  type Page,
  type Reading,
} from './big-key-page.ts';
import { pipelined } from './scan.ts';
import { compareIds, FIRST_ID, idAfter } from './stream-id.ts';

/** Entries of a page, however small. */
const ENTRIES = 2_000;
/** Deliveries that are asked for in one go, of all groups together. */
const DELIVERIES = 4_000;

interface Entry {
  id: string;
  /** Names and values in turn. */
  fields: Buffer[];
}

/** An entry that was given to a consumer and is not acknowledged; the entry itself may be deleted by now. */
interface Delivery {
  id: string;
  group: Buffer;
  consumer: Buffer;
  /** On the target's clock, milliseconds. */
  at: number;
  count: number;
}

/**
 * A stream: entries under their ids, with the deliveries that are pending among them, then its consumer groups with
 * all their consumers and where each group stands. An empty stream and one without groups are streams too.
 *
 * A delivery may outlast its entry (XDEL, trimming), and then no command makes it (XCLAIM gives up what has no entry):
 * a placeholder is added, claimed and taken away again. When a consumer was last seen cannot be set and begins anew.
 */
export async function* streamPages(reading: Reading): AsyncGenerator<Page> {
  const { from, key, part } = reading;
  const groups = (await readGroups(from, key)).map(({ name }) => name);
  yield pageOf(reading, 0, [
    // Makes the stream, though it may stay empty.
    ['XGROUP', 'CREATE', part, 'none', FIRST_ID, 'MKSTREAM'],
    ['XGROUP', 'DESTROY', part, 'none'],
    ...groups.map((name): Command => ['XGROUP', 'CREATE', part, name, FIRST_ID]),
  ]);

  const written: Written = { entries: 0, leadingPlaceholders: 0, last: FIRST_ID };
  const pageSize = new PageSize(reading, ENTRIES);
  // Entries that are read and wait until all deliveries before them are known.
  let waiting: Entry[] = [];
  let allRead = false;
  for (let start: string | null = FIRST_ID; start !== null;) {
    if (waiting.length === 0 && !allRead) {
      const asked = pageSize.elements;
      waiting = await readEntries(from, key, start, asked);
      allRead = waiting.length < asked;
      pageSize.learn(waiting.length, sizeOf(waiting));
    }
    const end = allRead ? '+' : (waiting.at(-1)?.id ?? '+');
    const { deliveries, known } = await readDeliveries(reading, groups, start, end);
    const isKnown = ({ id }: { id: string }): boolean => known === '+' || compareIds(id, known) <= 0;
    const entries = waiting.filter(isKnown);
    waiting = waiting.slice(entries.length);
    yield pageOf(reading, sizeOf(entries), piece(part, entries, deliveries.filter(isKnown), written));
    start = known === '+' ? null : idAfter(known);
  }
  yield pageOf(reading, 0, await finish(reading, groups, written));
}

/** What was written so far. */
interface Written {
  /** Without placeholders. */
  entries: number;
  /** Placeholders before the first entry, which are still there. */
  leadingPlaceholders: number;
  /** The highest id, placeholders included. */
  last: string;
}

/** The commands for one piece of the stream, entries and deliveries in it; `written` is brought up to date. */
function piece(part: Buffer, entries: Entry[], deliveries: Delivery[], written: Written): Command[] {
  const present = new Set(entries.map(({ id }) => id));
  const deleted = [...new Set(deliveries.map(({ id }) => id))].filter((id) => !present.has(id));
  const placeholders = deleted.map((id) => ({ id, fields: [Buffer.alloc(0), Buffer.alloc(0)] }));
  const added =
    placeholders.length === 0
      ? entries
      : [...entries, ...placeholders].sort((one, other) => compareIds(one.id, other.id));

  // XDEL of an entry that was trimmed would leave a mark that the source has not: those before the first entry are
  // trimmed in the end, as they were there.
  const first = entries[0]?.id;
  const isLeading = (id: string): boolean =>
    written.entries === 0 && (first === undefined || compareIds(id, first) < 0);
  const inside = deleted.filter((id) => !isLeading(id));
  written.leadingPlaceholders += deleted.length - inside.length;
  written.entries += entries.length;
  written.last = added.at(-1)?.id ?? written.last;
  return [
    ...added.map(({ id, fields }): Command => ['XADD', part, id, ...fields]),
    ...deliveries.map(({ id, group, consumer, at, count }): Command =>
      // prettier-ignore
      ['XCLAIM', part, group, consumer, 0, id, 'TIME', at, 'RETRYCOUNT', count, 'FORCE', 'JUSTID'],
    ),
    ...(inside.length === 0 ? [] : [['XDEL', part, ...inside] satisfies Command]),
  ];
}

/** Where the stream and its groups stand, read last, so that no position is behind the entries. */
async function finish(reading: Reading, groups: Buffer[], written: Written): Promise<Command[]> {
  const { from, to, key, part } = reading;
  const [stream, positions, made] = await Promise.all([
    readInfo(from, key),
    readGroups(from, key),
    readInfo(to, part),
  ]);
  const lastId = text(stream.get('last-generated-id'));
  // Before Redis 7 a stream does not count what was ever added, and a newer one then takes what it holds.
  const everAdded = number(stream.get('entries-added')) ?? written.entries;
  const sameGroups =
    positions.length === groups.length && groups.every((name, place) => positions[place]?.name.equals(name));
  if (!sameGroups || compareIds(lastId, written.last) < 0 || everAdded < written.entries)
    throw new ValueReplaced();

  const counts = made.has('entries-added');
  const maxDeleted = text(stream.get('max-deleted-entry-id') ?? FIRST_ID);
  const consumers = await readConsumers(from, key, groups);
  return [
    ...(written.leadingPlaceholders === 0
      ? []
      : [['XTRIM', part, 'MAXLEN', written.entries] satisfies Command]),
    ...consumers.map(({ group, name }): Command => ['XGROUP', 'CREATECONSUMER', part, group, name]),
    ...positions.map(({ name, lastDelivered, entriesRead }): Command => {
      const read = counts && entriesRead !== null ? ['ENTRIESREAD', entriesRead] : [];
      return ['XGROUP', 'SETID', part, name, lastDelivered, ...read];
    }),
    counts
      ? ['XSETID', part, lastId, 'ENTRIESADDED', everAdded, 'MAXDELETEDID', maxDeleted]
      : ['XSETID', part, lastId],
  ];
}

async function readEntries(from: Redis, key: Buffer, start: string, count: number): Promise<Entry[]> {
  const reply = await from.callBuffer('XRANGE', key, start, '+', 'COUNT', count);
  return list(reply).map((item) => {
    const [id, fields] = list(item);
    return { id: text(id), fields: list(fields).map(buffer) };
  });
}

/**
 * Deliveries from `start` to `end`, both included, and up to which id all are known: where there are too many for one
 * go, some that are answered are behind it.
 */
async function readDeliveries(
  { from, key, clockOffsetMs }: Reading,
  groups: Buffer[],
  start: string,
  end: string,
): Promise<{ deliveries: Delivery[]; known: string }> {
  if (groups.length === 0) return { deliveries: [], known: end };
  const count = Math.max(10, Math.floor(DELIVERIES / groups.length));
  const [time, ...replies] = await pipelined(from, [null, ...groups], (pipeline, group) =>
    group === null ? pipeline.time() : pipeline.callBuffer('XPENDING', key, group, start, end, count),
  );
  const [seconds, microseconds] = list(time).map(Number);
  const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + clockOffsetMs;
  const deliveries: Delivery[] = [];
  let known = end;
  for (const [place, reply] of replies.entries()) {
    const rows = list(reply).map(list);
    for (const [id, consumer, idle, times] of rows)
      deliveries.push({
        id: text(id),
        group: buffer(groups[place]),
        consumer: buffer(consumer),
        at: Math.round(now - Number(idle)),
        count: Number(times),
      });
    const last = text(rows.at(-1)?.[0] ?? '');
    if (rows.length === count && (known === '+' || compareIds(last, known) < 0)) known = last;
  }
  return { deliveries, known };
}

interface Group {
  name: Buffer;
  lastDelivered: string;
  /** null: the server does not know. */
  entriesRead: number | null;
}

async function readGroups(from: Redis, key: Buffer): Promise<Group[]> {
  const reply = await from.callBuffer('XINFO', 'GROUPS', key);
  return list(reply)
    .map(fieldsOf)
    .map((fields) => ({
      name: buffer(fields.get('name')),
      lastDelivered: text(fields.get('last-delivered-id')),
      entriesRead: number(fields.get('entries-read')),
    }));
}

async function readConsumers(
  from: Redis,
  key: Buffer,
  groups: Buffer[],
): Promise<{ group: Buffer; name: Buffer }[]> {
  const replies = await pipelined(from, groups, (pipeline, group) =>
    pipeline.callBuffer('XINFO', 'CONSUMERS', key, group),
  );
  return replies.flatMap((reply, place) =>
    list(reply).map((consumer) => ({
      group: buffer(groups[place]),
      name: buffer(fieldsOf(consumer).get('name')),
    })),
  );
}

async function readInfo(redis: Redis, key: Buffer): Promise<Map<string, unknown>> {
  return fieldsOf(await redis.callBuffer('XINFO', 'STREAM', key));
}

/** Names and values in turn, as the older protocol tells a map. */
function fieldsOf(reply: unknown): Map<string, unknown> {
  const items = list(reply);
  const fields = new Map<string, unknown>();
  for (let place = 0; place + 1 < items.length; place += 2) fields.set(text(items[place]), items[place + 1]);
  return fields;
}

function sizeOf(entries: Entry[]): number {
  return entries.reduce((sum, { id, fields }) => sum + id.length + bytesOf(fields), 0);
}

function list(reply: unknown): unknown[] {
  if (!Array.isArray(reply))
    throw new Error('The server answered something else than a list about a stream.');
  return reply;
}

function buffer(reply: unknown): Buffer {
  if (!Buffer.isBuffer(reply)) throw new Error('The server left something out about a stream.');
  return reply;
}

function text(reply: unknown): string {
  return typeof reply === 'string' ? reply : buffer(reply).toString('latin1');
}

function number(reply: unknown): number | null {
  return typeof reply === 'number' ? reply : null;
}
