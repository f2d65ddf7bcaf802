import type { Check } from '../../src/checks/result.ts';
import type { Edge } from '../../src/github/run.ts';
import { withoutSecrets } from '../../src/migration/no-secrets.ts';

/** Without anything that is masked or has the shape of a secret, whatever a server or a command said. */
export function presentable(check: Check, edge: Pick<Edge, 'redact'>): Check {
  return { ...check, found: withoutSecrets(edge.redact(check.found)) };
}
