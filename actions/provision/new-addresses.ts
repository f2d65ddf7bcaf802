import type { NewAddresses } from '../../src/migration/app-variables.ts';
import type { Target } from '../../src/migration/target.ts';
import { postgresAddresses } from './postgres-address.ts';
import type { Provisioning } from './provision.ts';

/** Where the application finds its databases: the private network, which nothing outside reaches. All of it is masked. */
export function newAddresses(p: Pick<Provisioning, 'plan' | 'edge' | 'names'>, target: Target): NewAddresses {
  const { redis } = target;
  const postgres = postgresAddresses(p, target);
  if (redis === undefined) return { ...postgres, redis: undefined };

  const { username = '', password = '', tls } = redis.app;
  const url = `rediss://${username}:${password}@${redis.privateHost}:${redis.port}/0`;
  p.edge.maskUrl(url);
  const ca = tls.mode === 'verify' ? tls.ca : '';
  return {
    ...postgres,
    redis: { url, ca, serverName: p.names.redisServerName },
  };
}
