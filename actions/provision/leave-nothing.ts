import { messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { clearLeftTrial } from './try-image.ts';

/** The post step: what a job must not leave behind on its runner or at DigitalOcean, each whatever becomes of the other. */
export async function leaveNothing(edge: Edge): Promise<void> {
  await clearLeftTrial(edge).catch((error: unknown) => {
    edge.log.warning(`What was started to try the image may be left on this runner: ${messageOf(error)}`);
  });
  await dismissRunner(edge);
}
