import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** A DUMP ends with the format's version and a checksum over it: 2 and 8 bytes that are not the value's. */
const TRAILER_BYTES = 10;

/** True when two serialised values are the same byte for byte; different bytes may still be equal values. */
export function sameDump(one: Buffer, other: Buffer): boolean {
  return one
    .subarray(0, Math.max(one.length - TRAILER_BYTES, 0))
    .equals(other.subarray(0, Math.max(other.length - TRAILER_BYTES, 0)));
}

/**
 * A digest of a key's value by its content: the same whatever the server's version and encoding, and for sets and
 * hashes whatever the order in which the server happens to keep them. null for a type that this version cannot read
 * (modules).
 */
export async function contentDigest(redis: Redis, key: Buffer, type: string): Promise<string | null> {
  const content = await readContent(redis, key, type);
  return content === undefined ? null : createHash('sha256').update(encode(content)).digest('hex');
}

async function readContent(redis: Redis, key: Buffer, type: string): Promise<unknown> {
  switch (type) {
    case 'string':
      return redis.getBuffer(key);
    case 'list':
      return redis.lrangeBuffer(key, 0, -1);
    case 'set':
      return (await redis.smembersBuffer(key)).sort((a, b) => Buffer.compare(a, b));
    case 'hash':
      return sortedPairs(await redis.callBuffer('HGETALL', key));
    case 'zset':
      return sortedPairs(await redis.callBuffer('ZRANGE', key, 0, -1, 'WITHSCORES'));
    case 'stream':
      return [await redis.callBuffer('XRANGE', key, '-', '+'), await streamGroups(redis, key)];
    default:
      return undefined;
  }
}

function sortedPairs(reply: unknown): Buffer[][] {
  const flat = Array.isArray(reply) ? reply.filter((item): item is Buffer => Buffer.isBuffer(item)) : [];
  const pairs: Buffer[][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) pairs.push(flat.slice(index, index + 2));
  return pairs.sort(([a], [b]) => Buffer.compare(a ?? Buffer.alloc(0), b ?? Buffer.alloc(0)));
}

/** Where each consumer group stands and what is pending in it; times of delivery are left out. */
async function streamGroups(redis: Redis, key: Buffer): Promise<unknown[]> {
  const groups = await redis.callBuffer('XINFO', 'GROUPS', key);
  const told: unknown[] = [];
  for (const group of Array.isArray(groups) ? groups : []) {
    const fields = new Map<string, unknown>();
    const flat: unknown[] = Array.isArray(group) ? group : [];
    for (let index = 0; index + 1 < flat.length; index += 2) fields.set(String(flat[index]), flat[index + 1]);
    const name = fields.get('name');
    if (!Buffer.isBuffer(name)) continue;
    const pending = await redis.callBuffer('XPENDING', key, name);
    told.push([name, fields.get('last-delivered-id'), pending]);
  }
  return told;
}

/** Buffers, numbers and nested lists of them as one unambiguous text. */
function encode(value: unknown): string {
  if (Buffer.isBuffer(value)) return `"${value.toString('hex')}"`;
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  return String(value);
}
