import { ConfigurationError } from '../errors.ts';
import type { DigitalOcean } from './client.ts';
import { readPostgresOptions, type Catalogue, type PostgresEngine } from './prices.ts';
import { DigitalOceanError } from './refusal.ts';

/** What a cluster is ordered as. */
export interface ClusterOrder {
  engine: PostgresEngine;
  /** The major version, for example `17`. */
  version: string;
  /** For example `db-s-1vcpu-1gb`. */
  size: string;
  nodes: number;
  datacentre: string;
}

const EDITIONS: Record<PostgresEngine, string> = { pg: 'Standard Edition', advanced_pg: 'Advanced Edition' };

/** `PostgreSQL 17 (Standard Edition), 1 × db-s-1vcpu-1gb in fra1` */
export function describeOrder({ engine, version, size, nodes, datacentre }: ClusterOrder): string {
  return `PostgreSQL ${version} (${EDITIONS[engine]}), ${nodes} × ${size} in ${datacentre}`;
}

/**
 * Refuses what DigitalOcean does not offer this account today, before anything is made. What it says nothing about is
 * left to the order itself.
 */
export async function refuseUnoffered(client: DigitalOcean, order: ClusterOrder): Promise<void> {
  const why = whyNotOffered(await readPostgresOptions(client), order);
  if (why === undefined) return;
  throw new ConfigurationError(
    `DigitalOcean does not offer ${describeOrder(order)}: ${why} Nothing was made.`,
  );
}

/** The reason with what to do about it, or `undefined`. Pure. */
function whyNotOffered(options: Catalogue['postgres'], order: ClusterOrder): string | undefined {
  const { engine, version, size, nodes, datacentre } = order;
  const again = 'run assess again for a plan with what is offered now, and then this.';
  const offered = options[engine];
  if (offered === undefined)
    return `this account is offered no ${EDITIONS[engine]}. Set \`postgres.size\` in migration.yml to a size of the ${EDITIONS[engine === 'pg' ? 'advanced_pg' : 'pg']}, ${again}`;
  if (offered.regions.length > 0 && !offered.regions.includes(datacentre))
    return `it is offered in ${offered.regions.join(', ')}. Choose another \`region\` in migration.yml, ${again}`;
  if (offered.versions.length > 0 && !offered.versions.includes(version))
    return `its versions are ${offered.versions.join(', ')}. Just ${again}`;
  if (offered.layouts.length === 0) return undefined;
  const layouts = offered.layouts.filter(({ sizes }) => sizes.includes(size));
  if (layouts.length === 0) {
    const sizes = [...new Set(offered.layouts.flatMap((layout) => layout.sizes))];
    return `its sizes are ${sizes.slice(0, 12).join(', ')}${sizes.length > 12 ? ' …' : ''}. Set \`postgres.size\` in migration.yml, ${again}`;
  }
  if (!layouts.some((layout) => layout.nodes === nodes))
    return (
      `this size comes with ${layouts.map((layout) => layout.nodes).join(' or ')} node${layouts.some((layout) => layout.nodes > 1) ? 's' : ''}. ` +
      `Answer \`postgres/standby\` or set \`postgres.size\` in migration.yml, ${again}`
    );
  return undefined;
}

/** The options may promise what the order is refused all the same (a plan that is closed to the account, say). */
export function explainOrderRefusal(error: unknown, order: ClusterOrder): unknown {
  if (!(error instanceof DigitalOceanError) || (error.status !== 422 && error.status !== 400)) return error;
  return new ConfigurationError(
    `DigitalOcean refuses ${describeOrder(order)}: ${error.message} No cluster was made. Since 2026-11-30 new clusters of the ` +
      'Standard Edition have at most 4 GiB of memory and one node. Set `postgres.size` (or `region`, or answer ' +
      '`postgres/standby`) in migration.yml, run assess again, and then this: it goes on from here.',
    { cause: error },
  );
}
