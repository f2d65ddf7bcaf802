import { ConfigurationError } from '../errors.ts';

/**
 * App Platform names regions, everything else datacentres; a private network joins the two only in these
 * (docs.digitalocean.com, App Platform "Enable VPC", 2025-09-24). `nyc` means nyc1, not nyc3.
 */
const DATACENTRES: Record<string, string> = {
  ams: 'ams3',
  blr: 'blr1',
  fra: 'fra1',
  lon: 'lon1',
  nyc: 'nyc1',
  sfo: 'sfo3',
  sgp: 'sgp1',
  syd: 'syd1',
  tor: 'tor1',
};

/** The datacentre in which cluster, droplet and VPC must lie so that an app in `region` reaches them privately. */
export function datacentreOf(region: string): string {
  const datacentre = DATACENTRES[region];
  if (datacentre !== undefined) return datacentre;
  throw new ConfigurationError(
    `\`region: ${region}\` has no datacentre whose private network App Platform can join. Choose one of: ` +
      `${Object.keys(DATACENTRES).join(', ')}.`,
  );
}
