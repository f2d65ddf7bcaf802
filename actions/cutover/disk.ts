import type pg from 'pg';

import { readCluster } from '../../src/digitalocean/cluster.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { formatBytes } from '../../src/report/format.ts';
import type { Parties } from '../parties.ts';
import type { Finding } from './findings.ts';

const MIB = 2 ** 20;

/** Part of the disk that may be filled: beyond it come WAL and temporary files, and then a cluster that only reads. */
const FILLED = 0.8;

/**
 * Whether the new cluster's disk takes what the cutover brings to it: the database as large as it is on Heroku now, or as
 * the copy has become, and the log of changes for the way back up to its limit.
 */
export async function diskFinding({
  subject,
  oldSide,
  newSide,
  signal,
}: Pick<Parties, 'subject' | 'oldSide' | 'newSide' | 'signal'>): Promise<Finding> {
  const what = 'disk of the new Postgres';
  const session = { applicationName: 'h2d disk', statementTimeoutMs: 30_000, signal };
  const [cluster, old, young] = await Promise.all([
    readCluster(newSide.client, newSide.clusterId),
    withConnection(oldSide.database, session, databaseSize),
    withConnection(newSide.owner, session, databaseSize),
  ]);
  const { logLimitBytes } = subject.config.live;
  const needed = Math.max(old, young) + logLimitBytes;
  const parts = `${formatBytes(Math.max(old, young))} of data and up to ${formatBytes(logLimitBytes)} for the way back`;
  if (cluster.storage_size_mib == null) {
    return {
      what,
      found: `DigitalOcean does not say how large it is; needed are ${parts}`,
      remedy: `Look at the storage of ${cluster.name} in DigitalOcean's control panel, and run this again once its API tells it (\`GET /v2/databases/${cluster.id}\`, \`storage_size_mib\`).`,
    };
  }
  const disk = cluster.storage_size_mib * MIB;
  const found = `${parts}, of ${formatBytes(disk)}`;
  if (needed <= disk * FILLED) return { what, found };
  return {
    what,
    found,
    remedy: `A fifth must stay free: give ${cluster.name} at least ${formatBytes(Math.ceil(needed / FILLED))} in DigitalOcean's control panel (its storage grows while it runs), or lower \`live.log-limit\` in migration.yml.`,
  };
}

async function databaseSize(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    'SELECT pg_catalog.pg_database_size(pg_catalog.current_database())::text AS bytes',
  );
  return Number(rows[0]?.bytes ?? Number.NaN);
}
