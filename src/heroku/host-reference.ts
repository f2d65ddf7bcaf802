/** What a config var's value leads to, without the value. */
export type HostReference = 'own-heroku-host' | 'other-heroku-host' | 'own-domain' | 'elsewhere';

/** The hosts that belong to the app: Heroku's name for it, and its custom domains. */
export interface OwnHosts {
  herokuHosts: string[];
  domains: string[];
}

const HEROKU_HOST = /[a-z0-9-]+\.herokuapp\.com/gi;
const ADDRESS =
  /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^@/\s]*@)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?(?:[/?#].*)?$/i;

/**
 * Whether a value names a host, and whose. The app's own `….herokuapp.com` is the one that must change: it stays with
 * Heroku. `null` for a value without a host.
 */
export function hostReferenceOf(value: string, own: OwnHosts): HostReference | null {
  const named = (value.match(HEROKU_HOST) ?? []).map((host) => host.toLowerCase());
  if (named.some((host) => own.herokuHosts.includes(host))) return 'own-heroku-host';
  if (named.length > 0) return 'other-heroku-host';
  const hosts = value
    .split(/[\s,;]+/)
    .flatMap((part) => ADDRESS.exec(part)?.[1]?.toLowerCase() ?? [])
    // A version number is no host.
    .filter((host) => /\.[a-z][a-z0-9-]*$/.test(host));
  if (hosts.some((host) => own.domains.includes(host))) return 'own-domain';
  return hosts.length > 0 ? 'elsewhere' : null;
}
