import { uninstallCapture } from '../../src/postgres/uninstall-capture.ts';
import { readCapturedBy } from '../../src/postgres/captured-by.ts';
import type { Parties } from '../parties.ts';

/**
 * Takes off the source what a rehearsal of this very environment captured with, once its lease is over: nobody follows it
 * any more, and a database has one capture. One that is still at work is left alone, and the copy then refuses.
 */
export async function endAbandonedRehearsal({
  subject: { environment },
  oldSide,
  epoch,
  log,
  clock,
  signal,
}: Parties): Promise<void> {
  if (environment.throwAway !== undefined) return;
  const captured = await readCapturedBy(oldSide.database, { signal });
  const own = `${environment.migrationId}-`;
  if (captured?.migrationId.startsWith(own) !== true || captured.leaseUntil > clock.now()) return;
  log.warning(
    `A rehearsal (${captured.migrationId}) left its capture on the source, and it has expired: it is removed first.`,
  );
  await uninstallCapture(oldSide.database, {
    migrationId: captured.migrationId,
    epoch,
    log,
    clock,
    signal,
  });
}
