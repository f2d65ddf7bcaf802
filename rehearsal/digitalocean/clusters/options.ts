import { unprocessable } from '../api/error.ts';
import {
  advancedEdition,
  clusterSizes,
  datacentres,
  postgresEndOfLife,
  standardEdition,
  type ClusterSize,
} from '../catalogue.ts';

export type Engine = 'pg' | 'advanced_pg';

interface Layout {
  num_nodes: number;
  sizes: string[];
}

/**
 * What `GET /v2/databases/options` offers. Versions: only the one that this machine can really run, since a cluster
 * here is a server of its own.
 */
export function clusterOptions(major: number): {
  options: Record<
    Engine,
    { regions: string[]; versions: string[]; default_version: string; layouts: Layout[] }
  >;
  version_availability: Record<Engine, object[]>;
} {
  const versions = [String(major)];
  const common = { regions: Object.keys(datacentres), versions, default_version: String(major) };
  const availability = Object.entries(postgresEndOfLife).map(([version, end]) => ({
    version,
    end_of_life: end,
    end_of_availability: null,
  }));
  return {
    options: {
      pg: { ...common, layouts: layouts('pg') },
      advanced_pg: { ...common, layouts: layouts('advanced_pg') },
    },
    version_availability: { pg: availability, advanced_pg: availability },
  };
}

function layouts(engine: Engine): Layout[] {
  const nodes = engine === 'pg' ? standardEdition.nodes : advancedEdition.nodes;
  const sizes = clusterSizes.filter(({ slug, memoryGib }) =>
    engine === 'pg'
      ? slug.startsWith('db-') && memoryGib <= standardEdition.largestGib
      : slug.startsWith('gd-'),
  );
  return nodes.map((count) => ({ num_nodes: count, sizes: sizes.map(({ slug }) => slug) }));
}

/** Refuses what the options do not offer, with 422 as DigitalOcean does. */
export function requireOffered(
  wanted: { engine: string; version: string; region: string; size: string; num_nodes: number },
  major: number,
): { engine: Engine; size: ClusterSize } {
  const { options } = clusterOptions(major);
  if (wanted.engine !== 'pg' && wanted.engine !== 'advanced_pg') {
    throw unprocessable(`invalid engine: ${wanted.engine} is not available (played here: pg, advanced_pg)`);
  }
  const offered = options[wanted.engine];
  if (!offered.regions.includes(wanted.region)) throw unprocessable(`invalid region: ${wanted.region}`);
  if (!offered.versions.includes(wanted.version)) {
    throw unprocessable(`invalid version: ${wanted.version} (available: ${offered.versions.join(', ')})`);
  }
  const layout = offered.layouts.find(({ num_nodes }) => num_nodes === wanted.num_nodes);
  if (layout === undefined)
    throw unprocessable(`invalid num_nodes: ${wanted.num_nodes} for ${wanted.engine}`);
  const size = clusterSizes.find(({ slug }) => slug === wanted.size);
  if (size === undefined || !layout.sizes.includes(size.slug)) {
    throw unprocessable(`invalid size: ${wanted.size} for ${wanted.engine} with ${wanted.num_nodes} nodes`);
  }
  return { engine: wanted.engine, size };
}
