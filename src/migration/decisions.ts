import { createHash } from 'node:crypto';

import type { EnvironmentConfig, MigrationConfig } from './config.ts';
import { canonicalJson } from './json.ts';

/**
 * A digest of everything that migration.yml decides for one environment. It is part of the plan's digest, so an approval
 * does not hold for a file that was changed since, be it only a pattern of keys that stay behind.
 */
export function decisionsDigest(config: MigrationConfig, environment: EnvironmentConfig): string {
  const decided = canonicalJson({ ...config, environments: environment });
  return `sha256:${createHash('sha256').update(decided).digest('hex')}`;
}
