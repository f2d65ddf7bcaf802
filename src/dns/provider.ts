import type { NameRecord } from './record.ts';

export type { NameRecord } from './record.ts';

/** Who serves a zone, whichever company it is. Names are fully qualified, in lower case, without the dot at the end. */
export interface DnsProvider {
  /** What people call it: `DigitalOcean`, `Cloudflare`, … */
  readonly title: string;
  readonly zone: string;
  /** Every record of the name that leads visitors (A, AAAA, CNAME, ALIAS); empty when there is none. */
  readAddresses(name: string): Promise<NameRecord[]>;
  /** Makes these the only records that lead visitors of the name. `false`: they were so already, nothing was changed. */
  writeAddresses(name: string, records: readonly NameRecord[]): Promise<boolean>;
  /** Whether the name has that TXT record; `false`, too, when the zone is not served here any more. */
  hasText(name: string, value: string): Promise<boolean>;
  /** Adds a TXT record beside others of the name. `false`: it was there. */
  ensureText(name: string, value: string, ttl: number): Promise<boolean>;
  /** Removes that TXT record; one that has gone is a success. */
  removeText(name: string, value: string): Promise<void>;
  /** Only of a provider whose visitors go through its own proxies. */
  readonly origins?: Origins;
}

/** How a CDN takes visitors to an origin, under the name that this origin knows. */
export interface Origins {
  /** `free`, `pro`, `business`, `enterprise`; empty when it is not told. */
  readPlan(): Promise<string>;
  /** How the CDN talks to the origin: `off`, `flexible`, `full`, `strict`, … */
  readSslMode(): Promise<string>;
  /** The name that the origin is asked under instead of the visitor's; `undefined` while there is no such rule of ours. */
  readHost(name: string): Promise<string | undefined>;
  /** From now on the origin is asked for `host`, in Host and SNI. `false`: it was so already. */
  ensureHost(name: string, host: string): Promise<boolean>;
  /** Removes our rule for the name; one that has gone is a success. */
  removeHost(name: string): Promise<void>;
}

/** A provider whose client is loaded, and whose credentials are asked for, when the zone is first looked at. */
export function lazyProvider<T extends DnsProvider>(
  title: string,
  zone: string,
  open: () => Promise<T>,
): DnsProvider & { opened: () => Promise<T> } {
  let opening: Promise<T> | undefined;
  const opened = (): Promise<T> => (opening ??= open());
  return {
    title,
    zone,
    opened,
    readAddresses: async (name) => (await opened()).readAddresses(name),
    writeAddresses: async (name, records) => (await opened()).writeAddresses(name, records),
    hasText: async (name, value) => (await opened()).hasText(name, value),
    ensureText: async (name, value, ttl) => (await opened()).ensureText(name, value, ttl),
    removeText: async (name, value) => (await opened()).removeText(name, value),
  };
}

export function lazyOrigins(opened: () => Promise<{ readonly origins: Origins }>): Origins {
  return {
    readPlan: async () => (await opened()).origins.readPlan(),
    readSslMode: async () => (await opened()).origins.readSslMode(),
    readHost: async (name) => (await opened()).origins.readHost(name),
    ensureHost: async (name, host) => (await opened()).origins.ensureHost(name, host),
    removeHost: async (name) => (await opened()).origins.removeHost(name),
  };
}
