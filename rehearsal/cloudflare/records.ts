import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ApiError, notThere } from './api-error.ts';
import { newId, type Zone, type ZoneRecord } from './zone.ts';

const recordSchema = z.object({
  type: z.enum(['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'CAA', 'NS']),
  name: z.string().min(1),
  content: z.string().min(1),
  ttl: z.number().int().default(1),
  proxied: z.boolean().default(false),
  comment: z.string().nullish(),
  tags: z.array(z.string()).optional(),
});
const batchSchema = z.object({
  deletes: z.array(z.object({ id: z.string() })).default([]),
  patches: z.array(recordSchema.partial().extend({ id: z.string() })).default([]),
  puts: z.array(recordSchema.extend({ id: z.string() })).default([]),
  posts: z.array(recordSchema).default([]),
});

const ADDRESSES = new Set(['A', 'AAAA', 'CNAME']);

export function addRecord(zone: Zone, body: unknown): ZoneRecord {
  const wanted = parse(recordSchema, body);
  const record = { id: newId(), ...stored(zone, wanted) };
  refuseClash(zone, record);
  zone.records.push(record);
  return record;
}

export function changeRecord(zone: Zone, id: string, body: unknown): ZoneRecord {
  const record = recordOf(zone, id);
  const given = parse(recordSchema.partial(), body);
  const fields = Object.fromEntries(Object.entries(given).filter(([key]) => key in (body as object)));
  const changed = { id, ...stored(zone, { ...record, ...fields }) };
  refuseClash(zone, changed);
  Object.assign(record, changed);
  return record;
}

export function removeRecord(zone: Zone, id: string): { id: string } {
  zone.records.splice(zone.records.indexOf(recordOf(zone, id)), 1);
  return { id };
}

/** All or nothing, in this order: deletes, patches, puts, posts. */
export function changeInBatch(zone: Zone, body: unknown): object {
  const batch = parse(batchSchema, body);
  const raw = body as { patches?: object[] };
  const before = zone.records.map((record) => ({ ...record }));
  try {
    return {
      deletes: batch.deletes.map(({ id }) => removeRecord(zone, id)),
      patches: batch.patches.map(({ id }, index) => changeRecord(zone, id, raw.patches?.[index] ?? {})),
      puts: batch.puts.map((put) => changeRecord(zone, put.id, put)),
      posts: batch.posts.map((post) => addRecord(zone, post)),
    };
  } catch (error) {
    zone.records = before;
    throw error;
  }
}

function recordOf(zone: Zone, id: string): ZoneRecord {
  const record = zone.records.find((one) => one.id === id);
  if (record === undefined) throw notThere();
  return record;
}

function stored(zone: Zone, record: z.infer<typeof recordSchema>): Omit<ZoneRecord, 'id'> {
  const { type, content, ttl, comment = null, tags = [] } = record;
  const proxied = record.proxied && ADDRESSES.has(type);
  const least = zone.plan === 'enterprise' ? 30 : 60;
  if (ttl !== 1 && (ttl < least || ttl > 86_400)) {
    throw new ApiError(
      400,
      9021,
      `Invalid TTL. Must be between ${least} and 86400 seconds, or 1 for Automatic.`,
    );
  }
  if (type === 'A' && !isIPv4(content)) {
    throw new ApiError(400, 9005, 'Content for A record must be a valid IPv4 address.');
  }
  if (type === 'AAAA' && !isIPv6(content)) {
    throw new ApiError(400, 9006, 'Content for AAAA record must be a valid IPv6 address.');
  }
  const name = record.name === '@' ? zone.name : record.name.toLowerCase();
  return {
    type,
    // A short name is completed, as the dashboard does.
    name: name === zone.name || name.endsWith(`.${zone.name}`) ? name : `${name}.${zone.name}`,
    content: type === 'CNAME' ? content.replace(/\.$/, '') : content,
    ttl: proxied ? 1 : ttl,
    proxied,
    comment: comment ?? null,
    tags,
  };
}

function refuseClash(zone: Zone, record: ZoneRecord): void {
  const others = zone.records.filter(({ id, name }) => id !== record.id && name === record.name);
  if (others.some(({ type, content }) => type === record.type && content === record.content)) {
    throw new ApiError(400, 81058, 'An identical record already exists.');
  }
  const alone = record.type === 'CNAME' && others.some(({ type }) => ADDRESSES.has(type));
  const besideAlias = ADDRESSES.has(record.type) && others.some(({ type }) => type === 'CNAME');
  if (alone || besideAlias) {
    throw new ApiError(400, 81053, 'An A, AAAA, or CNAME record with that host already exists.');
  }
}

export function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new ApiError(400, 9207, `Request body is invalid${at === '' ? '' : ` at ${at}`}.`);
}
