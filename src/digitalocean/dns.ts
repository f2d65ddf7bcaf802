import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import { orUndefined, type DigitalOcean } from './client.ts';

const recordSchema = z.object({
  id: z.number(),
  type: z.string(),
  name: z.string(),
  data: z.string(),
  ttl: z.number(),
});

/** One record of a zone. `name` is fully qualified here, `data` without the dot at its end. `ttl` in seconds. */
export interface DnsRecord {
  type: 'A' | 'CNAME' | 'TXT';
  data: string;
  ttl: number;
}

/**
 * The record that leads visitors of `name` (a CNAME, else an A record); `undefined` when there is none. Throws a
 * ConfigurationError when DigitalOcean does not serve the zone. A proxy or an AAAA record beside it is not looked at.
 */
export async function readRecord(
  client: DigitalOcean,
  zone: string,
  name: string,
): Promise<DnsRecord | undefined> {
  const found = await addressRecords(client, zone, name);
  const first = found.find(({ type }) => type === 'CNAME') ?? found.find(({ type }) => type === 'A');
  if (first === undefined) return undefined;
  return { type: first.type === 'A' ? 'A' : 'CNAME', data: first.data.replace(/\.$/, ''), ttl: first.ttl };
}

/**
 * Makes this the one A or CNAME record of `name`. Writing the same again changes nothing and returns false. When a
 * record of the other type stands there, it is removed first, as a CNAME may have no neighbour.
 */
export async function writeRecord(
  client: DigitalOcean,
  zone: string,
  name: string,
  record: DnsRecord,
): Promise<boolean> {
  const wanted = { type: record.type, name: relativeName(zone, name), data: asData(record), ttl: record.ttl };
  const found = await addressRecords(client, zone, name);
  const [same] = found.filter(({ type }) => type === record.type);
  const others = found.filter((one) => one !== same);
  if (
    same !== undefined &&
    others.length === 0 &&
    sameData(same.data, wanted.data) &&
    same.ttl === wanted.ttl
  )
    return false;

  for (const other of others)
    await client.request('DELETE', `/domains/${zone}/records/${other.id}`, z.unknown());
  if (same === undefined) await client.request('POST', `/domains/${zone}/records`, z.unknown(), wanted);
  else await client.request('PUT', `/domains/${zone}/records/${same.id}`, z.unknown(), wanted);
  return true;
}

/** Adds a TXT record when that value is not there yet; other TXT records of the name stay. Returns whether it was added. */
export async function ensureTextRecord(
  client: DigitalOcean,
  zone: string,
  name: string,
  value: string,
  ttl: number,
): Promise<boolean> {
  const found = (await records(client, zone, name)).filter(({ type }) => type === 'TXT');
  if (found.some(({ data }) => sameData(data, value))) return false;
  const body = { type: 'TXT', name: relativeName(zone, name), data: value, ttl };
  await client.request('POST', `/domains/${zone}/records`, z.unknown(), body);
  return true;
}

/** The id of the TXT record of a name with that value; `undefined` when there is none, or no such zone here. */
export async function findTextRecord(
  client: DigitalOcean,
  zone: string,
  name: string,
  value: string,
): Promise<number | undefined> {
  const found = await orUndefined(() => listRecords(client, zone, name));
  return found?.find(({ type, data }) => type === 'TXT' && sameData(data, value))?.id;
}

/** Removes one record by its id; one that has gone meanwhile is a success. */
export async function removeTextRecord(client: DigitalOcean, zone: string, id: number): Promise<void> {
  await orUndefined(() => client.request('DELETE', `/domains/${zone}/records/${id}`, z.unknown()));
}

async function addressRecords(
  client: DigitalOcean,
  zone: string,
  name: string,
): Promise<z.infer<typeof recordSchema>[]> {
  return (await records(client, zone, name)).filter(({ type }) => type === 'A' || type === 'CNAME');
}

async function records(
  client: DigitalOcean,
  zone: string,
  name: string,
): Promise<z.infer<typeof recordSchema>[]> {
  const found = await orUndefined(() => listRecords(client, zone, name));
  if (found !== undefined) return found;
  throw new ConfigurationError(
    `DigitalOcean does not serve the zone ${zone}. Check \`dns.zone\` in migration.yml, or add the domain at ` +
      'https://cloud.digitalocean.com/networking/domains and delegate it there.',
  );
}

async function listRecords(
  client: DigitalOcean,
  zone: string,
  name: string,
): Promise<z.infer<typeof recordSchema>[]> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.domain.listDomainRecords({ ...page, domain_name: zone, name });
  const all = await client.all(read, 'domain_records', recordSchema);
  return all.filter((record) => record.name === relativeName(zone, name) || record.name === name);
}

/** Records are kept relative to their zone; `@` is the zone itself. */
function relativeName(zone: string, name: string): string {
  return name === zone ? '@' : name.replace(new RegExp(`\\.${zone.replaceAll('.', '\\.')}$`), '');
}

/** A CNAME's target needs the dot at its end, or it is taken as relative to the zone. */
function asData(record: DnsRecord): string {
  return record.type === 'CNAME' && !record.data.endsWith('.') ? `${record.data}.` : record.data;
}

function sameData(one: string, other: string): boolean {
  const plain = (text: string): string =>
    text
      .replace(/\.$/, '')
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase();
  return plain(one) === plain(other);
}
