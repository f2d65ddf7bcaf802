import type { Edge } from '../src/github/run.ts';
import type { EnvironmentConfig, MigrationConfig } from '../src/migration/config.ts';
import { thrownAway } from '../src/migration/throw-away.ts';
import { openSubject, readDeclared, type Subject } from './subject.ts';

/** As `readSubject`; with the input `throw-away` it is about a rehearsal's own target, which is taken away again. */
export async function readSubjectOrThrowAway(edge: Edge): Promise<Subject> {
  const { config, environment } = await readDeclared(edge);
  return openSubject(edge, config, orThrowAway(edge, config, environment));
}

/** The environment, or with the input `throw-away` the one of its rehearsal. */
export function orThrowAway(
  edge: Edge,
  config: MigrationConfig,
  environment: EnvironmentConfig,
): EnvironmentConfig {
  const label = edge.inputs.optional('throw-away');
  return label === undefined ? environment : thrownAway(config, environment, label);
}
