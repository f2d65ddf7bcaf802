import type { Edge } from '../../src/github/run.ts';
import { readSource } from '../../src/migration/source.ts';
import { readCapturedBy } from '../../src/postgres/captured-by.ts';
import { uninstallCapture } from '../../src/postgres/uninstall-capture.ts';
import { herokuOf } from '../parties.ts';
import type { Subject } from '../subject.ts';

/** Sessions of a removal belong to no lease: the target that has them goes with it. */
const NO_EPOCH = 0;

/**
 * Takes off Heroku's database what this migration captured changes with: without its target nobody follows them. Also when
 * the target is gone already. What another migration of the same app captures with, such as a rehearsal's, stays.
 */
export async function endOwnCapture(edge: Edge, { environment }: Subject): Promise<void> {
  const { migrationId, herokuApp } = environment;
  const { postgres } = await readSource(herokuOf(edge), herokuApp, edge);
  if (postgres === undefined) return;
  const captured = await readCapturedBy(postgres, { signal: edge.signal });
  if (captured?.migrationId !== migrationId) return;
  await uninstallCapture(postgres, {
    migrationId,
    epoch: NO_EPOCH,
    log: edge.log,
    clock: edge.clock,
    signal: edge.signal,
  });
}
