import { NotSupportedError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';

/** Checks every token, scope, plan limit, environment and secret that a migration needs, instead of assessing. */
export const doctor: (edge: Edge) => Promise<void> = () =>
  Promise.reject(
    new NotSupportedError('`doctor: true` is not supported yet. Leave the input out. Nothing was changed.'),
  );
