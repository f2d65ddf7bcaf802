import type { TargetSubject } from '../../src/migration/target.ts';
import type { Provisioning } from './provision.ts';

/** Whose target: by this the cluster and the Redis server are found again. */
export function targetSubject(p: Provisioning): TargetSubject {
  return {
    migrationId: p.subject.environment.migrationId,
    names: p.names,
    key: p.key,
    redisPort: p.subject.config.redis.port,
    redisPasswords: p.subject.config.redis.passwords,
    mask: (value) => p.edge.mask(value),
  };
}
