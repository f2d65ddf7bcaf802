import type { PublicZones } from '../public-dns/answers.ts';

/**
 * The zones and records behind the domains API. Names are fully qualified and lower case in answers; records are kept
 * relative to their zone, as DigitalOcean does (`@` is the apex).
 */

export type RecordType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'MX' | 'NS' | 'SOA' | 'SRV' | 'TXT';

export interface DnsRecord {
  id: number;
  type: RecordType;
  name: string;
  data: string;
  priority: number | null;
  port: number | null;
  ttl: number;
  weight: number | null;
  flags: number | null;
  tag: string | null;
}

export type NewRecord = Pick<DnsRecord, 'type' | 'name' | 'data'> & Partial<Omit<DnsRecord, 'id'>>;

export interface Zone {
  name: string;
  /** Seconds, for the zone's own NS records. */
  ttl: number;
  records: DnsRecord[];
}

/** What the rest of the rehearsal sees: name resolution with the TTL that a resolver would honour. */
export interface Dns {
  /** `name` without a trailing dot. The first matching record, or undefined (NXDOMAIN or no record of that type). */
  resolve(name: string, type: 'A' | 'CNAME' | 'TXT'): { value: string; ttl: number } | undefined;
  /** Every value, for types that have several (TXT). */
  resolveAll(name: string, type: RecordType): { value: string; ttl: number }[];
  createZone(name: string): Zone;
  /** Replaces all records of that fully qualified name and type by one. The zone must exist. */
  setRecord(record: { name: string; type: RecordType; data: string; ttl: number }): void;
}

/** The default TTL of a record that names none. Source: domains API, `ttl` of a domain, 1800 s. */
const defaultTtl = 1800;

const nameServers = ['ns1.digitalocean.com', 'ns2.digitalocean.com', 'ns3.digitalocean.com'];

/** The store itself: what the API routes use on top of {@link Dns}. */
export class DnsStore implements Dns {
  readonly zones = new Map<string, Zone>();
  readonly #nextId = counter(3_352_892);
  /** What the public says of names that are in no zone here: somebody else serves them. */
  elsewhere: (name: string, type: RecordType) => { value: string; ttl: number }[] = () => [];

  createZone(name: string): Zone {
    const zone: Zone = { name: name.toLowerCase(), ttl: defaultTtl, records: [] };
    this.zones.set(zone.name, zone);
    for (const server of nameServers) this.add(zone, { type: 'NS', name: '@', data: server });
    return zone;
  }

  add(zone: Zone, record: NewRecord): DnsRecord {
    const complete: DnsRecord = {
      id: this.#nextId(),
      type: record.type,
      name: record.name.toLowerCase(),
      data: record.data,
      priority: record.priority ?? null,
      port: record.port ?? null,
      ttl: record.ttl ?? defaultTtl,
      weight: record.weight ?? null,
      flags: record.flags ?? null,
      tag: record.tag ?? null,
    };
    zone.records.push(complete);
    return complete;
  }

  resolve(name: string, type: 'A' | 'CNAME' | 'TXT'): { value: string; ttl: number } | undefined {
    return this.resolveAll(name, type)[0];
  }

  resolveAll(name: string, type: RecordType): { value: string; ttl: number }[] {
    const zone = this.zoneOf(name);
    if (zone === undefined) return this.elsewhere(name, type);
    const relative = relativeName(name, zone.name);
    return zone.records
      .filter((record) => record.type === type && matches(record.name, relative, zone))
      .map((record) => ({ value: absolute(record, zone), ttl: record.ttl }));
  }

  setRecord({ name, type, data, ttl }: { name: string; type: RecordType; data: string; ttl: number }): void {
    const zone = this.zoneOf(name);
    if (zone === undefined) throw new Error(`No zone for ${name}: create it first.`);
    const relative = relativeName(name, zone.name);
    zone.records = zone.records.filter((record) => record.name !== relative || record.type !== type);
    this.add(zone, { type, name: relative, data, ttl });
  }

  /** The longest zone that `name` lies in. */
  zoneOf(name: string): Zone | undefined {
    const labels = name.toLowerCase().replace(/\.$/, '').split('.');
    return labels
      .map((_, index) => this.zones.get(labels.slice(index).join('.')))
      .find((zone) => zone !== undefined);
  }
}

/** `www.example.com` in `example.com` is `www`; the zone's own name is `@`. */
export function relativeName(name: string, zone: string): string {
  const clean = name.toLowerCase().replace(/\.$/, '');
  if (clean === zone) return '@';
  return clean.endsWith(`.${zone}`) ? clean.slice(0, -zone.length - 1) : clean;
}

/** An exact name wins over a wildcard of the same zone, as in every name server. */
function matches(recordName: string, relative: string, zone: Zone): boolean {
  if (recordName === relative) return true;
  if (!recordName.startsWith('*')) return false;
  const covered = recordName === '*' || relative.endsWith(recordName.slice(1));
  return covered && relative !== '@' && !zone.records.some((record) => record.name === relative);
}

function absolute(record: DnsRecord, zone: Zone): string {
  if (record.type === 'CNAME' && record.data === '@') return zone.name;
  return record.data.replace(/\.$/, '');
}

/** Whole numbers from `first` on, as DigitalOcean's numeric ids. */
export function counter(first: number): () => number {
  let next = first;
  return () => next++;
}

/** Of the zones that DigitalOcean serves, what the public is told. */
export function publicZones(dns: DnsStore): PublicZones {
  return {
    zoneOf: (name) => dns.zoneOf(name)?.name,
    has: (name) => {
      const zone = dns.zoneOf(name);
      return zone?.records.some((record) => record.name === relativeName(name, zone.name)) ?? false;
    },
    answers: (name, type) =>
      dns.zoneOf(name) === undefined
        ? []
        : dns
            .resolveAll(name, type as RecordType)
            .map(({ value, ttl }) => ({ name, type, ttl, data: value })),
  };
}
