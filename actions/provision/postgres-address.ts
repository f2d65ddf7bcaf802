import type { NewAddresses } from '../../src/migration/app-variables.ts';
import type { Target } from '../../src/migration/target.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Provisioning } from './provision.ts';

/**
 * Where the application finds its Postgres: the private network, through the connection pool where the plan has one, and
 * then the way past it as well. Both are masked. Throws a ConfigurationError when the planned pool is not there.
 */
export function postgresAddresses(
  p: Pick<Provisioning, 'plan' | 'edge' | 'names'>,
  { owner, privatePostgres, privatePool }: Target,
): Pick<NewAddresses, 'databaseUrl' | 'databaseCa' | 'directUrl'> {
  const urlOf = (end: { host: string; port: number; database: string }): string => {
    const url = new URL(`postgresql://${end.host}:${end.port}/${end.database}`);
    url.username = encodeURIComponent(owner.user);
    url.password = encodeURIComponent(owner.password);
    // libpq takes this for "encrypted"; node-postgres would take it for "verified against the system's CAs".
    if (p.plan.language !== 'node') url.searchParams.set('sslmode', 'require');
    p.edge.maskUrl(url.href);
    return url.href;
  };
  const databaseCa = owner.tls.mode === 'verify' ? owner.tls.ca : '';
  const direct = urlOf({ ...privatePostgres, database: owner.database });
  if (p.plan.cluster.pool === null) return { databaseUrl: direct, databaseCa };
  if (privatePool === undefined) {
    throw new ConfigurationError(
      `The cluster has no connection pool ${p.names.pool}, and the plan has one: run provision with \`stage: infrastructure\` again. Nothing was changed.`,
    );
  }
  return { databaseUrl: urlOf(privatePool), directUrl: direct, databaseCa };
}
