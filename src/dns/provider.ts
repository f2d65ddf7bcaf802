/** One record of a name. `data` without the dot at its end; `ttl` in seconds. */
export interface NameRecord {
  type: 'A' | 'AAAA' | 'CNAME' | 'ALIAS';
  data: string;
  ttl: number;
  /** Visitors reach a proxy of the provider's, not `data` itself (Cloudflare's orange cloud). */
  proxied?: boolean;
}

/** Who serves a zone, whichever company it is. Names are fully qualified, in lower case, without the dot at the end. */
export interface DnsProvider {
  /** What people call it: `DigitalOcean`, `Cloudflare`, … */
  readonly title: string;
  readonly zone: string;
  /** Every record of the name that leads visitors (A, AAAA, CNAME, ALIAS); empty when there is none. */
  readAddresses(name: string): Promise<NameRecord[]>;
  /** Makes these the only records that lead visitors of the name. `false`: they were so already, nothing was changed. */
  writeAddresses(name: string, records: readonly NameRecord[]): Promise<boolean>;
  /** Adds a TXT record beside others of the name. `false`: it was there. */
  ensureText(name: string, value: string, ttl: number): Promise<boolean>;
  /** Removes that TXT record; one that has gone is a success. */
  removeText(name: string, value: string): Promise<void>;
}
