import { z } from 'zod';
import type { DnsProvider } from '../dns/provider.ts';
import { plainData, sameRecords, type NameRecord } from '../dns/record.ts';
import { ConfigurationError } from '../errors.ts';
import { orUndefined, type DigitalOcean } from './client.ts';

const recordSchema = z.object({
  id: z.number(),
  type: z.string(),
  name: z.string(),
  data: z.string(),
  ttl: z.number(),
});
type ZoneRecord = z.infer<typeof recordSchema>;

/** A zone that DigitalOcean serves. Everything throws a ConfigurationError when it does not, but for `hasText`. */
export function digitalOceanZone(client: DigitalOcean, zone: string): DnsProvider {
  return {
    title: 'DigitalOcean',
    zone,
    readAddresses: async (name) => (await addresses(client, zone, name)).map(asNameRecord),
    writeAddresses: (name, wanted) => writeAddresses(client, zone, name, wanted),
    hasText: async (name, value) => {
      const found = await orUndefined(() => listRecords(client, zone, name));
      return textsOf(found ?? [], value).length > 0;
    },
    ensureText: async (name, value, ttl) => {
      if (textsOf(await records(client, zone, name), value).length > 0) return false;
      const body = { type: 'TXT', name: relativeName(zone, name), data: value, ttl };
      await client.request('POST', `/domains/${zone}/records`, z.unknown(), body);
      return true;
    },
    removeText: async (name, value) => {
      for (const { id } of textsOf(await records(client, zone, name), value)) await remove(client, zone, id);
    },
  };
}

/**
 * A CNAME may have no neighbour, so what is in the way goes first; a record whose type stays is changed where it is, so
 * that the name is not without an answer meanwhile.
 */
async function writeAddresses(
  client: DigitalOcean,
  zone: string,
  name: string,
  wanted: readonly NameRecord[],
): Promise<boolean> {
  const alias = wanted.find(({ type }) => type === 'ALIAS');
  if (alias !== undefined) {
    throw new ConfigurationError(
      `DigitalOcean has no ALIAS records, so ${name} cannot lead to ${alias.data}.`,
    );
  }
  const found = await addresses(client, zone, name);
  if (sameRecords(found.map(asNameRecord), wanted)) return false;

  const left = [...found];
  const changes = wanted.map((record) => {
    const at = left.findIndex(
      ({ type, data }) => type === record.type && plainData(data) === plainData(record.data),
    );
    const same = at === -1 ? left.findIndex(({ type }) => type === record.type) : at;
    return { record, existing: same === -1 ? undefined : left.splice(same, 1)[0] };
  });
  for (const { id } of left) await remove(client, zone, id);
  for (const { record, existing } of changes) {
    const body = { type: record.type, name: relativeName(zone, name), data: asData(record), ttl: record.ttl };
    if (existing === undefined) await client.request('POST', `/domains/${zone}/records`, z.unknown(), body);
    else if (!sameRecords([asNameRecord(existing)], [record]))
      await client.request('PUT', `/domains/${zone}/records/${existing.id}`, z.unknown(), body);
  }
  return true;
}

async function remove(client: DigitalOcean, zone: string, id: number): Promise<void> {
  await orUndefined(() => client.request('DELETE', `/domains/${zone}/records/${id}`, z.unknown()));
}

function asNameRecord({ type, data, ttl }: ZoneRecord): NameRecord {
  return { type: type === 'A' || type === 'AAAA' ? type : 'CNAME', data: data.replace(/\.$/, ''), ttl };
}

async function addresses(client: DigitalOcean, zone: string, name: string): Promise<ZoneRecord[]> {
  return (await records(client, zone, name)).filter(({ type }) => ['A', 'AAAA', 'CNAME'].includes(type));
}

async function records(client: DigitalOcean, zone: string, name: string): Promise<ZoneRecord[]> {
  const found = await orUndefined(() => listRecords(client, zone, name));
  if (found !== undefined) return found;
  throw new ConfigurationError(
    `DigitalOcean does not serve the zone ${zone}. Check \`dns.zone\` in migration.yml, or add the domain at ` +
      'https://cloud.digitalocean.com/networking/domains and delegate it there.',
  );
}

async function listRecords(client: DigitalOcean, zone: string, name: string): Promise<ZoneRecord[]> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.domain.listDomainRecords({ ...page, domain_name: zone, name });
  const all = await client.all(read, 'domain_records', recordSchema);
  return all.filter((record) => record.name === relativeName(zone, name) || record.name === name);
}

function textsOf(found: readonly ZoneRecord[], value: string): ZoneRecord[] {
  return found.filter(({ type, data }) => type === 'TXT' && unquoted(data) === unquoted(value));
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/, '$1');
}

/** Records are kept relative to their zone; `@` is the zone itself. */
function relativeName(zone: string, name: string): string {
  return name === zone ? '@' : name.replace(new RegExp(`\\.${zone.replaceAll('.', '\\.')}$`), '');
}

/** A CNAME's target needs the dot at its end, or it is taken as relative to the zone. */
function asData({ type, data }: NameRecord): string {
  return type === 'CNAME' && !data.endsWith('.') ? `${data}.` : data;
}
