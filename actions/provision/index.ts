import { messageOf } from '../../src/errors.ts';
import { runAction, type Edge } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { provision } from './provision.ts';
import { clearLeftTrial } from './try-image.ts';

/** What a job must not leave behind, each whatever becomes of the other. */
async function cleanUp(edge: Edge): Promise<void> {
  await clearLeftTrial(edge).catch((error: unknown) => {
    edge.log.warning(`What was started to try the image may be left on this runner: ${messageOf(error)}`);
  });
  await dismissRunner(edge);
}

await runAction(provision, cleanUp);
