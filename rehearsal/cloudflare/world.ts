import type { Log } from '../../src/log.ts';
import { createFaultSwitch, type FaultSwitch } from '../faults.ts';
import type { PublicAnswer, PublicZones } from '../public-dns/answers.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import type { Authority } from '../servers/certificates.ts';
import { startCloudflareApi, type Permission } from './api.ts';
import { startEdge, type EdgeOptions } from './edge.ts';
import { addRecord } from './records.ts';
import { AUTOMATIC_TTL, newZone, PROXY_ADDRESS, type Plan, type Zone, type ZoneRecord } from './zone.ts';

export type { Permission } from './api.ts';

export const EVERYTHING: readonly Permission[] = [
  'zone:read',
  'settings:read',
  'dns:edit',
  'origin-rules:edit',
];

export interface CloudflareWorld extends PublicZones {
  /** With `/client/v4`. */
  apiUrl: string;
  /** Where visitors of proxied names arrive. */
  edge: { https: { host: string; port: number }; http: { host: string; port: number } };
  tokens: { add(token: string, permissions?: readonly Permission[]): void };
  faults: FaultSwitch;
  requests: readonly RecordedRequest[];
  zones: readonly Zone[];
  createZone(name: string, plan?: Plan): Zone;
  /** As somebody at the dashboard would. */
  addRecord(record: {
    type: string;
    name: string;
    content: string;
    ttl?: number;
    proxied?: boolean;
  }): ZoneRecord;
  stop(): Promise<void>;
}

/** A played Cloudflare on free loopback ports: API v4 for zones, records and origin rules, and the proxies themselves. */
export async function startCloudflare(options: {
  log: Log;
  authority: Authority;
  originOf: EdgeOptions['originOf'];
}): Promise<CloudflareWorld> {
  const zones: Zone[] = [];
  const tokens = new Map<string, ReadonlySet<Permission>>();
  const faults = createFaultSwitch();
  const requests: RecordedRequest[] = [];
  const api = await startCloudflareApi({ log: options.log, zones, tokens, faults, requests });
  const edge = await startEdge({ ...options, zones });
  const zoneFor = (name: string): Zone | undefined =>
    zones.find((zone) => name === zone.name || name.endsWith(`.${zone.name}`));
  return {
    apiUrl: api.url,
    edge: { https: edge.https, http: edge.http },
    tokens: {
      add: (token, permissions = EVERYTHING) => {
        tokens.set(token, new Set(permissions));
      },
    },
    faults,
    requests,
    zones,
    createZone: (name, plan = 'free') => {
      const zone = newZone(name, plan);
      zones.push(zone);
      return zone;
    },
    addRecord: (record) => {
      const zone = zoneFor(record.name);
      if (zone === undefined) throw new Error(`No zone for ${record.name}: create it first.`);
      return addRecord(zone, record);
    },
    zoneOf: (name) => zoneFor(name)?.name,
    has: (name) => zoneFor(name)?.records.some((record) => record.name === name) ?? false,
    answers: (name, type) =>
      (zoneFor(name)?.records ?? []).flatMap((record) => asAnswers(record, name, type)),
    stop: async () => {
      await Promise.all([api.stop(), edge.stop()]);
    },
  };
}

/** A proxied name is answered with an address of the proxies, whatever its record says. */
function asAnswers(record: ZoneRecord, name: string, type: string): PublicAnswer[] {
  if (record.name !== name) return [];
  const ttl = record.ttl === 1 ? AUTOMATIC_TTL : record.ttl;
  if (record.proxied) return type === 'A' ? [{ name, type, ttl: AUTOMATIC_TTL, data: PROXY_ADDRESS }] : [];
  return record.type === type ? [{ name, type, ttl, data: record.content }] : [];
}
