import type { Redis } from 'ioredis';
import { printable } from './printable.ts';

/** Server-side functions (since Redis 7) that are missing, additional or other on the target, one line each. */
export async function compareFunctions(from: Redis, to: Redis): Promise<string[]> {
  const [ours, theirs] = await Promise.all([readLibraries(from), readLibraries(to)]);
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  return names.flatMap((name) => {
    const [one, other] = [ours.get(name), theirs.get(name)];
    if (one === other) return [];
    const problem =
      one === undefined ? 'only on the target' : other === undefined ? 'only on the source' : 'other code';
    return [`function library ${printable(Buffer.from(name, 'latin1'))}: ${problem}`];
  });
}

/** Code by name of library; none where the server has or allows no functions. */
async function readLibraries(redis: Redis): Promise<Map<string, string>> {
  const libraries = new Map<string, string>();
  let reply: unknown;
  try {
    reply = await redis.callBuffer('FUNCTION', 'LIST', 'WITHCODE');
  } catch (thrown) {
    if (redis.status !== 'ready') throw thrown;
    return libraries;
  }
  for (const library of Array.isArray(reply) ? reply : []) {
    const fields = new Map<string, unknown>();
    const items: unknown[] = Array.isArray(library) ? library : [];
    for (let index = 0; index + 1 < items.length; index += 2)
      fields.set(String(items[index]), items[index + 1]);
    const [name, engine, code] = ['library_name', 'engine', 'library_code'].map((field) => {
      const value = fields.get(field);
      return Buffer.isBuffer(value) ? value.toString('latin1') : '';
    });
    if (name !== undefined) libraries.set(name, `${engine}\n${code}`);
  }
  return libraries;
}
