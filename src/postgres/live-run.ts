import { ConfigurationError } from '../errors.ts';
import { readCapture } from './capture.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { compareShapes, readBaseline, readShape, saveShape } from './drift.ts';
import { readFenceMarker } from './fence-marker.ts';
import { sessionOf, type LiveOptions } from './live-options.ts';
import { mayWrite } from './rights.ts';
import { isWayBack, type Sides } from './sides.ts';
import { claimEpoch, readStamp } from './stamp.ts';
import { suspend } from './suspend.ts';
import { grantLoader } from './swap.ts';

/**
 * Makes this run the one that writes, and takes out of its way what an attempt at the end had put back. On the way back
 * the target is a side that served: it must be closed by a fence.
 */
export async function beginRun(sides: Sides, options: LiveOptions): Promise<void> {
  const { owner, loader } = sides.target;
  await withConnection(loader, sessionOf(options), async (client) => {
    const stamp = await readStamp(client);
    if (stamp?.migrationId !== options.migrationId || !stamp.completed)
      throw new ConfigurationError(
        `${describeAddress(owner)} holds no complete copy of ${options.migrationId}: copy with the live strategy first.`,
      );
    if (isWayBack(sides) && (await readFenceMarker(client)) !== options.migrationId)
      throw new ConfigurationError(
        `${describeAddress(owner)} is not closed by ${options.migrationId}: draining into it would mix with its own writes. Nothing was changed.`,
      );
    if (!isWayBack(sides) && (await mayWrite(client, owner.user)))
      throw new ConfigurationError(
        `${describeAddress(owner)} is open: the application may write to it, so nothing is drained into it and its foreign keys and triggers stay. Nothing was changed.`,
      );
    await claimEpoch(client, options);
  });
  await noteSuspension(owner, options);
  await suspend(sides.target, options);
}

/**
 * On the way back the target has a capture of its own, whose baseline knows the foreign keys and triggers that are taken
 * out of our way now. What somebody else had changed before stays a change.
 */
async function noteSuspension(owner: PostgresAddress, options: LiveOptions): Promise<void> {
  await withConnection(owner, sessionOf(options), async (client) => {
    if ((await readCapture(client, options.migrationId)) === undefined) return;
    const baseline = await readBaseline(client, options.migrationId);
    if (baseline === undefined || baseline.suspended === true) return;
    if (compareShapes(baseline, await readShape(client)).schema.length > 0) return;
    await saveShape(client, options.migrationId, { ...baseline, digest: '', suspended: true });
  });
}

/** `settleLive` took the loader's rights; after a roll-back the same copy is followed again. */
export async function letLoaderWrite(
  { target: { owner, loader } }: Sides,
  options: LiveOptions,
): Promise<void> {
  if (owner.user === loader.user) return;
  await withConnection(owner, sessionOf(options), async (client) => {
    await client.query(grantLoader(loader.user));
  });
}
