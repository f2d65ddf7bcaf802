import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';

/** Checks every token, scope, limit, environment and secret that a migration needs. Changes nothing. */
export function doctor(edge: Edge): Promise<void> {
  edge.setOutput('changed', false);
  return Promise.reject(new ConfigurationError('The doctor has nothing to look at yet.'));
}
