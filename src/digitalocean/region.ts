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

/** Time zones of the people around each datacentre: what must be done at night is done in theirs. */
const TIME_ZONES: Record<string, string> = {
  ams: 'Europe/Amsterdam',
  blr: 'Asia/Kolkata',
  fra: 'Europe/Berlin',
  lon: 'Europe/London',
  nyc: 'America/New_York',
  sfo: 'America/Los_Angeles',
  sgp: 'Asia/Singapore',
  syd: 'Australia/Sydney',
  tor: 'America/Toronto',
};

/** The time zone around a datacentre (`fra1`: Europe/Berlin); UTC for one that is not known. */
export function timeZoneOf(datacentre: string): string {
  return TIME_ZONES[datacentre.slice(0, 3)] ?? 'UTC';
}

/** The hour of UTC, of those at which DigitalOcean begins backups (0, 4, … 20), that lies in the night of a time zone. */
export function nightHour(timeZone: string): number {
  const inZone = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23' });
  const winter = (hour: number): number => Number(inZone.format(new Date(Date.UTC(2026, 0, 15, hour))));
  return [0, 4, 8, 12, 16, 20].find((hour) => winter(hour) < 4) ?? 0;
}
