import { test } from '@jest/globals';
import type { Available } from '../../rehearsal/servers/pinned-downloads.ts';

/** Whether this is `npm run test:full`. */
export const full = process.env['TEST_FULL'] === '1';

/** A test of the full run only; in the quick one it is told as skipped. */
export const testInFull = full ? test : test.skip;

/** `find` in the full run; otherwise nothing is downloaded. */
export function inFullRun<T>(find: () => Promise<Available<T>>): Promise<Available<T>> {
  return full ? find() : Promise.resolve({ missing: 'only in npm run test:full' });
}

/**
 * A test of something that a machine may not have: skipped when it is missing, with the reason in its name and, in the
 * full run, on standard error, since Jest names skipped tests only when it runs a single file.
 */
export function testNeeding(
  needs: Available<unknown>[],
  name: string,
  body: () => Promise<void>,
  timeoutMs?: number,
): void {
  const reasons = new Set(needs.flatMap((need) => ('missing' in need ? [need.missing] : [])));
  if (reasons.size === 0) {
    test(name, body, timeoutMs);
    return;
  }
  const why = `skipped: ${[...reasons].join('; ')}`;
  if (full) process.stderr.write(`${name} – ${why}\n`);
  test.skip(`${name} (${why})`, body);
}

/** What was found, inside a test that `testNeeding` has not skipped. */
export function foundIn<T>(available: Available<T>): T {
  if ('missing' in available) throw new Error(`This should have been skipped: ${available.missing}`);
  return available.found;
}
