import { checkRehearsals } from '../../src/github/rehearsal-gate.ts';
import type { GateEvidence } from '../../src/github/gate.ts';
import type { Edge } from '../../src/github/run.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { waivedRehearsals } from '../../src/migration/rehearsal-items.ts';
import { rehearsedDecisions, type RehearsedDecisions } from '../../src/migration/rehearsed-decisions.ts';
import { readDeclared, type Subject } from '../subject.ts';

/** What this cutover tries of migration.yml, for its record: the gate of another environment asks for it. */
export async function triedDecisions(edge: Edge): Promise<RehearsedDecisions> {
  const { config, environment } = await readDeclared(edge);
  return rehearsedDecisions(config, environment);
}

/** The rehearsals that the gate of a protected environment asks for; an unprotected one is where they take place. */
export async function rehearsalChecks(
  edge: Edge,
  { environment, record }: Subject,
): Promise<GateEvidence['checks']> {
  if (!environment.protected) return [];
  const { config } = await readDeclared(edge);
  return checkRehearsals({
    environment,
    record,
    stagings: Object.values(config.environments).filter((one) => !one.protected),
    decisions: rehearsedDecisions(config, environment),
    maxAgeMs: config.rehearsalMaxAgeMs,
    waived: waivedRehearsals(answersOf(config, environment)),
    run: edge.environment,
    token: edge.inputs.optionalSecret('github-token'),
    now: edge.clock.now(),
    signal: edge.signal,
  });
}
