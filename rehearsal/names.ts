import type { Dns } from './digitalocean/dns.ts';

interface Endpoint {
  host: string;
  port: number;
}

export interface NamesOptions {
  dns: Dns;
  heroku: { http: Endpoint; https: Endpoint };
  digitalOcean: { http: Endpoint; https: Endpoint };
  /** How long a second of a TTL lasts here. */
  ttlSecondMs: number;
}

/** App Platform's shared ingress for apex names. */
const APEX_ADDRESSES = new Set(['162.159.140.98', '172.66.0.96']);
const LONGEST_CHAIN = 8;

/**
 * Name resolution as the clients of the forward proxy have it: each keeps an answer for as long as the record's TTL
 * says, so that a changed record reaches them one by one, as in the world outside.
 */
export function createNames({ dns, heroku, digitalOcean, ttlSecondMs }: NamesOptions): {
  resolve: (host: string, port: number, client: string) => Endpoint | undefined;
} {
  const caches = new Map<string, { target: string; until: number }>();

  const platformOf = (target: string, port: number): Endpoint | undefined => {
    if (/\.(herokudns|herokuapp)\.com$/.test(target)) return port === 80 ? heroku.http : heroku.https;
    if (target.endsWith('.ondigitalocean.app') || APEX_ADDRESSES.has(target))
      return port === 80 ? digitalOcean.http : digitalOcean.https;
    return undefined;
  };
  const follow = (host: string): { target: string; ttl: number } => {
    let target = host;
    let ttl = Number.POSITIVE_INFINITY;
    for (let links = 0; links < LONGEST_CHAIN; links += 1) {
      const record = dns.resolve(target, 'CNAME') ?? dns.resolve(target, 'A');
      if (record === undefined) break;
      target = record.value.replace(/\.$/, '').toLowerCase();
      ttl = Math.min(ttl, record.ttl);
    }
    return { target, ttl };
  };
  return {
    resolve: (host, port, client) => {
      const key = `${client} ${host}`;
      const known = caches.get(key);
      if (known !== undefined && known.until > Date.now()) return platformOf(known.target, port);
      const { target, ttl } = follow(host.toLowerCase());
      if (Number.isFinite(ttl)) caches.set(key, { target, until: Date.now() + ttl * ttlSecondMs });
      return platformOf(target, port);
    },
  };
}
