import { ConfigurationError } from '../errors.ts';
import type { EnvironmentConfig, MigrationConfig } from './config.ts';

const LABEL = /^[a-z][a-z0-9]{0,7}$/;
/** Longest job on GitHub's machines, and then some: a rehearsal that died must not log changes on the source for days. */
const LONGEST_CAPTURE_MS = 7 * 3_600_000;

/**
 * The environment as it is rehearsed on a target of its own: the same app on Heroku, and a migration id of its own, from
 * which everything has its name and mark. So it stands beside a target that is really prepared, and neither takes the
 * other's things for its own.
 *
 * @throws ConfigurationError for a label that names cannot hold, and where an environment of migration.yml has that very id
 */
export function thrownAway(
  config: MigrationConfig,
  environment: EnvironmentConfig,
  label: string,
): EnvironmentConfig {
  if (!LABEL.test(label)) {
    throw new ConfigurationError(
      `The input throw-away is "${label}" and must be 1 to 8 lower-case letters and digits, a letter first, such as shadow.`,
    );
  }
  const migrationId = `${environment.migrationId}-${label}`;
  if (Object.values(config.environments).some((one) => one.migrationId === migrationId)) {
    throw new ConfigurationError(
      `migration.yml has an environment that is called ${environment.name}-${label}: what is thrown away would be taken for it. Give the input throw-away another name.`,
    );
  }
  return { ...environment, migrationId, throwAway: { label, of: environment.migrationId } };
}

/** The capture of a rehearsal ends itself soon after the last job that can have held it. */
export function configOfThrowAway(config: MigrationConfig): MigrationConfig {
  const leaseMs = Math.min(config.live.leaseMs, LONGEST_CAPTURE_MS);
  return { ...config, live: { ...config.live, leaseMs } };
}
