import { z } from 'zod';
import { ApiError, notFound, parseBody, unprocessable } from './api/error.ts';
import { page } from './api/page.ts';
import { created, noContent, ok, param, type Route } from './api/route.ts';
import { relativeName, type DnsRecord, type DnsStore, type NewRecord, type Zone } from './dns.ts';

const zoneSchema = z.object({
  name: z.string().regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/i, 'must be a valid domain name'),
  ip_address: z.ipv4().optional(),
});

const recordSchema = z.object({
  type: z.enum(['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'SOA', 'SRV', 'TXT']),
  name: z.string().min(1),
  data: z.string().min(1),
  priority: z.number().int().nullish(),
  port: z.number().int().nullish(),
  // 30 s is the least that is accepted, as clients tell; the API reference names no limit.
  ttl: z.number().int().min(30).nullish(),
  weight: z.number().int().nullish(),
  flags: z.number().int().nullish(),
  tag: z.string().nullish(),
});

/** Types whose data is a name: it must end with a dot (or be `@`), else it would be taken as relative. */
const pointing = new Set(['CNAME', 'MX', 'NS', 'SRV']);

/** The domains API, on top of the store that the world resolves names from. */
export function domainRoutes(dns: DnsStore): Route[] {
  const zoneOf = (name: string): Zone => {
    const zone = dns.zones.get(name.toLowerCase());
    if (zone === undefined) throw notFound();
    return zone;
  };
  const recordOf = (zone: Zone, id: string): DnsRecord => {
    const record = zone.records.find((candidate) => String(candidate.id) === id);
    if (record === undefined) throw notFound();
    return record;
  };
  const change: Route['handle'] = (call) => {
    const zone = zoneOf(param(call, 'zone'));
    const record = recordOf(zone, param(call, 'id'));
    const wanted = parseBody(recordSchema.partial(), call.body);
    const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value != null));
    const changed = stored({ ...record, ...given }, zone);
    refuseNeighbours(changed, zone, record);
    Object.assign(record, changed);
    return ok({ domain_record: record });
  };

  return [
    {
      method: 'GET',
      path: '/v2/domains',
      scope: 'domain:read',
      handle: (call) => page(call, 'domains', [...dns.zones.values()].map(show)),
    },
    {
      method: 'POST',
      path: '/v2/domains',
      scope: 'domain:create',
      handle: (call) => {
        const wanted = parseBody(zoneSchema, call.body);
        if (dns.zones.has(wanted.name.toLowerCase())) {
          throw unprocessable('domain name already exists');
        }
        const zone = dns.createZone(wanted.name);
        if (wanted.ip_address) dns.add(zone, { type: 'A', name: '@', data: wanted.ip_address });
        return created({ domain: { name: zone.name, ttl: zone.ttl, zone_file: null } });
      },
    },
    {
      method: 'GET',
      path: '/v2/domains/:zone',
      scope: 'domain:read',
      handle: (call) => ok({ domain: show(zoneOf(param(call, 'zone'))) }),
    },
    {
      method: 'DELETE',
      path: '/v2/domains/:zone',
      scope: 'domain:delete',
      handle: (call) => {
        dns.zones.delete(zoneOf(param(call, 'zone')).name);
        return noContent;
      },
    },
    {
      method: 'GET',
      path: '/v2/domains/:zone/records',
      scope: 'domain:read',
      handle: (call) => {
        const zone = zoneOf(param(call, 'zone'));
        const [name, type] = [call.query.get('name'), call.query.get('type')];
        const found = zone.records.filter(
          (record) =>
            (type === null || record.type === type) &&
            // The filter wants the fully qualified name.
            (name === null || record.name === relativeName(name, zone.name)),
        );
        return page(call, 'domain_records', found);
      },
    },
    {
      method: 'POST',
      path: '/v2/domains/:zone/records',
      scope: 'domain:create',
      handle: (call) => {
        const zone = zoneOf(param(call, 'zone'));
        const wanted = stored(parseBody(recordSchema, call.body), zone);
        refuseNeighbours(wanted, zone, undefined);
        return created({ domain_record: dns.add(zone, wanted) });
      },
    },
    {
      method: 'GET',
      path: '/v2/domains/:zone/records/:id',
      scope: 'domain:read',
      handle: (call) => ok({ domain_record: recordOf(zoneOf(param(call, 'zone')), param(call, 'id')) }),
    },
    { method: 'PUT', path: '/v2/domains/:zone/records/:id', scope: 'domain:update', handle: change },
    { method: 'PATCH', path: '/v2/domains/:zone/records/:id', scope: 'domain:update', handle: change },
    {
      method: 'DELETE',
      path: '/v2/domains/:zone/records/:id',
      scope: 'domain:update',
      handle: (call) => {
        const zone = zoneOf(param(call, 'zone'));
        zone.records.splice(zone.records.indexOf(recordOf(zone, param(call, 'id'))), 1);
        return noContent;
      },
    },
  ];
}

/** A record as it is kept: name relative to the zone, a target without the dot at its end. */
function stored(record: z.infer<typeof recordSchema>, zone: Zone): NewRecord {
  const { type, data } = record;
  // What is stored already has lost its dot; only new data is checked.
  const known = zone.records.some((other) => other.type === type && other.data === data);
  if (pointing.has(type) && data !== '@' && !data.endsWith('.') && !known) {
    throw unprocessable('Data needs to end with a dot (.)');
  }
  if (type === 'A' && !z.ipv4().safeParse(data).success) throw unprocessable('Data must be an IPv4 address');
  return {
    type,
    name: relativeName(record.name, zone.name),
    data: pointing.has(type) ? data.replace(/\.$/, '') : data,
    ...(record.ttl == null ? {} : { ttl: record.ttl }),
    priority: record.priority ?? null,
    port: record.port ?? null,
    weight: record.weight ?? null,
    flags: record.flags ?? null,
    tag: record.tag ?? null,
  };
}

/** A CNAME stands alone at its name, as in every zone. */
function refuseNeighbours(record: NewRecord, zone: Zone, itself: DnsRecord | undefined): void {
  const others = zone.records.filter((other) => other !== itself && other.name === record.name);
  const clash = others.some((other) => (other.type === 'CNAME') !== (record.type === 'CNAME'));
  const second = record.type === 'CNAME' && others.some((other) => other.type === 'CNAME');
  if (clash || second) {
    throw new ApiError(422, 'unprocessable_entity', 'CNAME records cannot share a name with other records');
  }
}

function show(zone: Zone): object {
  const lines = zone.records.map(
    (record) =>
      `${record.name === '@' ? zone.name : `${record.name}.${zone.name}`}. IN ${record.ttl} ${record.type} ${record.data}`,
  );
  return {
    name: zone.name,
    ttl: zone.ttl,
    zone_file: `$ORIGIN ${zone.name}.\n$TTL ${zone.ttl}\n${lines.join('\n')}\n`,
  };
}
