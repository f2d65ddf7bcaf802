import { CaptureBroken } from './capture.ts';
import { isWayBack, type Sides } from './sides.ts';

const WAY_BACK_CLOSED =
  'This closes the way back: what the new side took since then is not all logged, so it cannot all be carried to Heroku, and ' +
  'roll-back refuses. The new side serves on and loses nothing; copying again would overwrite it, so do not. Stay there, and ' +
  '`command: finalize` of roll-back removes what is left of the way back.';

/** A capture on the new side that broke is not mended by copying again: what is to be done depends on the direction. */
export async function advising<T>(sides: Sides, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    if (thrown instanceof CaptureBroken && isWayBack(sides))
      throw new CaptureBroken(thrown.facts, WAY_BACK_CLOSED);
    throw thrown;
  }
}
