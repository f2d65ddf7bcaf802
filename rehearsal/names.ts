import { PROXY_ADDRESS } from './cloudflare/zone.ts';
import { answerOf, type PublicZones } from './public-dns/answers.ts';

interface Endpoint {
  host: string;
  port: number;
}

export interface NamesOptions {
  /** Who serves the zones. */
  served: readonly PublicZones[];
  heroku: { http: Endpoint; https: Endpoint };
  digitalOcean: { http: Endpoint; https: Endpoint };
  /** The proxies of a zone that Cloudflare serves. */
  cloudflare?: { http: Endpoint; https: Endpoint } | undefined;
  /** How long a second of a TTL lasts here. */
  ttlSecondMs: number;
}

/** App Platform's shared ingress for apex names. */
const APEX_ADDRESSES = new Set(['162.159.140.98', '172.66.0.96']);

/**
 * Name resolution as the clients of the forward proxy have it: each keeps an answer for as long as the record's TTL
 * says, so that a changed record reaches them one by one, as in the world outside.
 */
export function createNames({ served, heroku, digitalOcean, cloudflare, ttlSecondMs }: NamesOptions): {
  resolve: (host: string, port: number, client: string) => Endpoint | undefined;
} {
  const caches = new Map<string, { target: string; until: number }>();

  const platformOf = (target: string, port: number): Endpoint | undefined => {
    if (/\.(herokudns|herokuapp)\.com$/.test(target)) return port === 80 ? heroku.http : heroku.https;
    if (target.endsWith('.ondigitalocean.app') || APEX_ADDRESSES.has(target))
      return port === 80 ? digitalOcean.http : digitalOcean.https;
    if (target === PROXY_ADDRESS) return port === 80 ? cloudflare?.http : cloudflare?.https;
    return undefined;
  };
  const follow = (host: string): { target: string; ttl: number } => {
    const { answers } = answerOf(served, host, 'A');
    const target = answers.at(-1)?.data.replace(/\.$/, '').toLowerCase() ?? host;
    return { target, ttl: Math.min(Number.POSITIVE_INFINITY, ...answers.map(({ ttl }) => ttl)) };
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
