import { NotSupportedError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Assessment } from './assessment.ts';

/** Proposes migration.yml and the calling workflows from what was found, as one pull request. */
export const init: (edge: Edge, assessments: readonly Assessment[]) => Promise<void> = () =>
  Promise.reject(
    new NotSupportedError('`init: true` is not supported yet. Leave the input out. Nothing was changed.'),
  );
