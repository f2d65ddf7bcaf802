import { describeAddress, withConnection } from './connect.ts';
import { saveShape } from './drift.ts';
import { captureAndLook } from './follow.ts';
import { sessionOf, type LiveOptions } from './live-options.ts';
import type { Sides } from './sides.ts';
import { claimEpoch, completeStamp, removeStamp, stampTarget } from './stamp.ts';
import { readSuspended } from './suspend.ts';
import { uninstallCapture } from './uninstall-capture.ts';

/**
 * Before the point of no return: the capture on the new side, towards the old one. `sides` is the way back: source is
 * the new side's owner, target the old side, which a fence keeps closed from then on.
 */
export async function beginReverse(sides: Sides, options: LiveOptions): Promise<void> {
  const { shape } = await captureAndLook(sides.source, options);
  await withConnection(sides.source, sessionOf(options), (source) =>
    saveShape(source, options.migrationId, shape),
  );
  await withConnection(sides.target.loader, sessionOf(options), async (client) => {
    await stampTarget(client, options.migrationId, sides.target.owner.user);
    await claimEpoch(client, options);
    await completeStamp(client, options.migrationId);
  });
}

/**
 * Undoes `beginReverse` before the point of no return: the capture on the new side goes; the one on the old side stays,
 * so that the next attempt only catches up. `sides` as for `beginReverse`. Idempotent.
 */
export async function endReverse(
  sides: Sides,
  options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'clock' | 'signal'>,
): Promise<void> {
  await uninstallCapture(sides.source, options);
  await withConnection(sides.target.loader, sessionOf(options), async (client) => {
    const { suspended, restored } = await readSuspended(client);
    if (suspended + restored > 0)
      throw new Error(
        `Foreign keys and triggers of ${describeAddress(sides.target.owner)} are still out of the way: restore and validate them first.`,
      );
    await removeStamp(client);
  });
}
