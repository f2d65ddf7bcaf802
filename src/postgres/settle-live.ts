import { readCapture } from './capture.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { compareShapes, readBaseline, readShape, saveShape, type Shape } from './drift.ts';
import { sessionOf, type LiveOptions } from './live-options.ts';
import type { Sides } from './sides.ts';
import { claimEpoch } from './stamp.ts';
import { restore, validate } from './suspend.ts';
import { revokeLoader } from './swap.ts';

/** After the switch, while the new side serves: foreign keys validated, materialized views refreshed, the loader's rights taken. */
export async function settleLive(sides: Sides, options: LiveOptions): Promise<void> {
  const { owner, loader } = sides.target;
  const session = sessionOf(options);
  await withConnection(loader, session, (client) => claimEpoch(client, options));
  await withBaselineKept(owner, options, async () => {
    await restore(sides.target, options);
    await validate(sides.target, options);
  });
  if (owner.user !== loader.user)
    await withConnection(owner, session, async (client) => {
      await client.query(revokeLoader(loader.user));
    });
}

/**
 * Runs `body`, whose own changes of the schema are none to the capture of the way back: it puts foreign keys and triggers
 * in their place again. What somebody else had changed before, or changes meanwhile, stays a change.
 */
async function withBaselineKept(
  owner: PostgresAddress,
  options: LiveOptions,
  body: () => Promise<void>,
): Promise<void> {
  const session = sessionOf(options);
  const kept = await withConnection(owner, session, async (client): Promise<Shape | undefined> => {
    if ((await readCapture(client, options.migrationId)) === undefined) return undefined;
    const baseline = await readBaseline(client, options.migrationId);
    if (baseline === undefined) return undefined;
    if (baseline.suspended !== true && compareShapes(baseline, await readShape(client)).schema.length > 0)
      return undefined;
    // A run that is killed in `body` leaves a part of our changes behind, which are still ours.
    const settling = { ...baseline, digest: '', settling: true };
    await saveShape(client, options.migrationId, settling);
    return settling;
  });
  await body();
  if (kept === undefined) return;
  await withConnection(owner, session, async (client) => {
    const shape = await readShape(client);
    if (compareShapes(kept, shape).schema.length > 0) return;
    const { server, captured } = kept;
    await saveShape(client, options.migrationId, { ...shape, digest: '', server, captured });
  });
}
