import type { Redis } from 'ioredis';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Sides } from './lanes.ts';

/**
 * Server-side functions (since Redis 7) are no keys; without them the application's FCALLs would fail. The target then
 * has those that the source has and no others.
 */
export async function copyFunctions(sides: Sides, log: Log): Promise<void> {
  const { from, to } = sides.scanner;
  const { abilities } = sides;
  if (!abilities.from.functions) return;
  const libraries = await listLibraries(from);
  if (libraries.size === 0 && !abilities.to.functions) return;
  try {
    if (libraries.size > 0) await carry(sides, libraries);
    for (const name of (await listLibraries(to)).keys())
      if (!libraries.has(name)) await to.call('FUNCTION', 'DELETE', Buffer.from(name, 'latin1'));
  } catch (thrown) {
    throw new Error(
      `The source has ${libraries.size} function libraries, which the target does not take (${messageOf(thrown)}).`,
    );
  }
  if (libraries.size > 0) log.debug(`Redis: ${libraries.size} function libraries carried.`);
}

async function carry(
  { scanner: { from, to }, payloadsFit }: Sides,
  libraries: ReadonlyMap<string, Buffer>,
): Promise<void> {
  if (payloadsFit) {
    const payload = await from.callBuffer('FUNCTION', 'DUMP');
    if (Buffer.isBuffer(payload)) await to.callBuffer('FUNCTION', 'RESTORE', payload, 'REPLACE');
  } else {
    for (const code of libraries.values()) await to.callBuffer('FUNCTION', 'LOAD', 'REPLACE', code);
  }
}

/** Code of each library by its name, as a byte string. A library is told as names and values in turn. */
async function listLibraries(redis: Redis): Promise<Map<string, Buffer>> {
  const reply: unknown = await redis.callBuffer('FUNCTION', 'LIST', 'WITHCODE');
  const told: unknown[] = Array.isArray(reply) ? reply : [];
  return new Map(
    told.map((library) => {
      const items: unknown[] = Array.isArray(library) ? library : [];
      const field = (wanted: string): Buffer => {
        const value = items[items.findIndex((item) => String(item) === wanted) + 1];
        if (!Buffer.isBuffer(value)) throw new Error(`its ${wanted} is not told`);
        return value;
      };
      return [field('library_name').toString('latin1'), field('library_code')];
    }),
  );
}
