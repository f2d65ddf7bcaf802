import { z } from 'zod';

import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';

const schema = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string());

/**
 * What scripts and commands may use by name: the input `check-secrets`, a JSON object of texts. Each value is masked
 * before anything else. ConfigurationError, never with a part of it, for what is no such object.
 */
export function readCheckSecrets(edge: Edge): Record<string, string> {
  const text = edge.inputs.optionalSecret('check-secrets');
  if (text === undefined) return {};
  const parsed = schema.safeParse(orNothing(text));
  if (!parsed.success) {
    throw new ConfigurationError(
      'The input check-secrets is no JSON object of names and texts such as {"SHOP_PASSWORD": "…"}. Correct the secret that it comes from.',
    );
  }
  for (const value of Object.values(parsed.data)) edge.mask(value);
  return parsed.data;
}

function orNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
