import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Sides } from './lanes.ts';

/** Server-side functions (since Redis 7) are no keys; without them the application's FCALLs would fail. */
export async function copyFunctions({ scanner: { from, to }, abilities }: Sides, log: Log): Promise<void> {
  if (!abilities.from.functions) return;
  const functions = await from.call('FUNCTION', 'LIST');
  if (!Array.isArray(functions) || functions.length === 0) return;
  const payload = await from.callBuffer('FUNCTION', 'DUMP');
  if (!Buffer.isBuffer(payload)) return;
  try {
    await to.callBuffer('FUNCTION', 'RESTORE', payload, 'REPLACE');
  } catch (thrown) {
    throw new Error(
      `The source has ${functions.length} function libraries, which the target does not take (${messageOf(thrown)}).`,
    );
  }
  log.debug(`Redis: ${functions.length} function libraries carried.`);
}
