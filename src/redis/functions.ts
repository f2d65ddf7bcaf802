import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Sides } from './lanes.ts';

/** Server-side functions (since Redis 7) are no keys; without them the application's FCALLs would fail. */
export async function copyFunctions(sides: Sides, log: Log): Promise<void> {
  const { from, to } = sides.scanner;
  if (!sides.abilities.from.functions) return;
  const libraries: unknown = await from.callBuffer('FUNCTION', 'LIST', 'WITHCODE');
  if (!Array.isArray(libraries) || libraries.length === 0) return;
  try {
    if (sides.payloadsFit) {
      const payload = await from.callBuffer('FUNCTION', 'DUMP');
      if (Buffer.isBuffer(payload)) await to.callBuffer('FUNCTION', 'RESTORE', payload, 'REPLACE');
    } else {
      for (const library of libraries) await to.callBuffer('FUNCTION', 'LOAD', 'REPLACE', codeOf(library));
    }
  } catch (thrown) {
    throw new Error(
      `The source has ${libraries.length} function libraries, which the target does not take (${messageOf(thrown)}).`,
    );
  }
  log.debug(`Redis: ${libraries.length} function libraries carried.`);
}

/** A library is told as names and values in turn. */
function codeOf(library: unknown): Buffer {
  const told: unknown[] = Array.isArray(library) ? library : [];
  const code = told[told.findIndex((item) => String(item) === 'library_code') + 1];
  if (!Buffer.isBuffer(code)) throw new Error('its code is not told');
  return code;
}
