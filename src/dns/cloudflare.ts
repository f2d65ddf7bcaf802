import { ConfigurationError } from '../errors.ts';
import {
  ask,
  codesOf,
  openCloudflareZone,
  type CloudflareOptions,
  type CloudflareZone,
} from './cloudflare-client.ts';
import { cloudflareOrigins } from './cloudflare-origin.ts';
import type { DnsProvider, Origins } from './provider.ts';
import { plainData, sameRecords, type NameRecord } from './record.ts';

/** `1` means "auto", which is 300 s (Cloudflare, "TTL", 2026); a proxied record has no other. */
const AUTOMATIC = { written: 1, seconds: 300 };
/** "An identical record already exists", "a record with that host already exists" and their kin. */
const ALREADY_THERE = [81053, 81057, 81058];

type Found = { id: string; record: NameRecord };

/** A zone that Cloudflare serves, through its official client. */
export async function cloudflareProvider(
  options: CloudflareOptions,
): Promise<DnsProvider & { readonly origins: Origins }> {
  const zone = await openCloudflareZone(options);
  if (zone.type !== 'full') {
    throw new ConfigurationError(
      `The zone ${options.zone} is "${zone.type}" at Cloudflare: somebody else serves its names, and what is written at Cloudflare ` +
        'does not move them. Name whoever does in `dns.provider` of migration.yml.',
    );
  }
  return {
    origins: cloudflareOrigins(zone),
    title: 'Cloudflare',
    zone: options.zone,
    readAddresses: async (name) => (await addresses(zone, name)).map(({ record }) => record),
    writeAddresses: (name, wanted) => writeAddresses(zone, name, wanted),
    hasText: async (name, value) => (await texts(zone, name, value)).length > 0,
    ensureText: (name, value, ttl) =>
      ask(options, `adding the TXT record ${name}`, async () => {
        if ((await texts(zone, name, value)).length > 0) return false;
        try {
          await zone.client.dns.records.create({
            zone_id: zone.id,
            type: 'TXT',
            name,
            content: `"${value}"`,
            ttl: written(ttl),
          });
          return true;
        } catch (error) {
          if (codesOf(error).some((code) => ALREADY_THERE.includes(code))) return false;
          throw error;
        }
      }),
    removeText: (name, value) =>
      ask(options, `removing the TXT record ${name}`, async () => {
        for (const id of await texts(zone, name, value))
          await zone.client.dns.records.delete(id, { zone_id: zone.id });
      }),
  };
}

/**
 * In one batch, which Cloudflare carries out whole or not at all, in this order: deletes, patches, posts. A record whose
 * type stays is patched, and keeps its comment and tags. Looked at anew before each attempt.
 */
function writeAddresses(zone: CloudflareZone, name: string, wanted: readonly NameRecord[]): Promise<boolean> {
  const alias = wanted.find(({ type }) => type === 'ALIAS');
  if (alias !== undefined) {
    throw new ConfigurationError(
      `Cloudflare has no ALIAS records, so ${name} cannot lead to ${alias.data}: write a CNAME there, which it flattens.`,
    );
  }
  let changed = false;
  return ask(zone.options, `writing the records of ${name}`, async () => {
    const found = await addresses(zone, name);
    if (
      sameRecords(
        found.map(({ record }) => record),
        wanted,
      )
    )
      return changed;
    const left = [...found];
    const changes = wanted.map((record) => {
      const at = left.findIndex(
        (one) => one.record.type === record.type && plainData(one.record.data) === plainData(record.data),
      );
      const same = at === -1 ? left.findIndex((one) => one.record.type === record.type) : at;
      return { record, existing: same === -1 ? undefined : left.splice(same, 1)[0] };
    });
    // Whether this one succeeded may stay unknown; the next look finds it done, and it was us.
    changed = true;
    await zone.client.dns.records.batch({
      zone_id: zone.id,
      deletes: left.map(({ id }) => ({ id })),
      patches: changes.flatMap(({ record, existing }) =>
        existing === undefined || sameRecords([existing.record], [record])
          ? []
          : [{ id: existing.id, ...body(name, record) }],
      ),
      posts: changes.flatMap(({ record, existing }) => (existing === undefined ? [body(name, record)] : [])),
    });
    return true;
  });
}

function body(
  name: string,
  { type, data, ttl, proxied = false }: NameRecord,
): { type: 'A'; name: string; content: string; ttl: number; proxied: boolean } {
  // One shape for the three types; the client's types want each by itself.
  return { type: type as 'A', name, content: data, ttl: proxied ? AUTOMATIC.written : written(ttl), proxied };
}

function written(seconds: number): number {
  return seconds === AUTOMATIC.seconds ? AUTOMATIC.written : seconds;
}

async function addresses(zone: CloudflareZone, name: string): Promise<Found[]> {
  return ask(zone.options, `reading the records of ${name}`, async () => {
    const found: Found[] = [];
    for await (const one of list(zone, name)) {
      const { id, type, content = '', ttl, proxied } = one;
      if (type !== 'A' && type !== 'AAAA' && type !== 'CNAME') continue;
      const seconds = ttl === AUTOMATIC.written ? AUTOMATIC.seconds : ttl;
      const data = content.replace(/\.$/, '');
      found.push({ id, record: { type, data, ttl: seconds, ...(proxied === true ? { proxied } : {}) } });
    }
    return found;
  });
}

async function texts(zone: CloudflareZone, name: string, value: string): Promise<string[]> {
  return ask(zone.options, `reading the TXT records of ${name}`, async () => {
    const found: string[] = [];
    for await (const { id, type, content = '' } of list(zone, name)) {
      if (type === 'TXT' && unquoted(content) === unquoted(value)) found.push(id);
    }
    return found;
  });
}

function list({ client, id }: CloudflareZone, name: string) {
  return client.dns.records.list({ zone_id: id, name: { exact: name }, per_page: 100 });
}

/** Cloudflare keeps what it was given; its dashboard adds the quotes that the zone file has. */
function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/s, '$1');
}
