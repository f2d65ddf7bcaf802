import type { LoadReport } from './report.ts';

export interface LoadOptions {
  /** The shop's public host name. */
  hostName: string;
  /** The forward proxy that plays name resolution, `http://127.0.0.1:port`. */
  proxyUrl: string;
  /** The authority that signed the host name's certificates, PEM. */
  caPem: string;
  /** Requests begun per second, over all clients, whether or not earlier ones were answered. */
  rate: number;
  /** Decides what is asked for, and when. */
  seed: number;
  /** Where the ledger is written. */
  directory: string;
  /**
   * How long a client keeps a connection, milliseconds: a new one asks for the address again. Clients are known to the
   * proxy as `client-1`…`client-<n>` and `webhook-sender` (its user names), so each can have its own name cache.
   */
  connectionAgeMs?: number;
  clients?: number;
  /** Webhook deliveries begun per second; default a tenth of `rate`. */
  webhookRate?: number;
}

export interface Load {
  /** Figures so far. */
  current(): LoadReport;
  /**
   * Begins nothing new, waits up to `graceMs` (default 10 s) for writes that are still being retried, closes every
   * connection and reports.
   */
  stop(options?: { graceMs?: number }): Promise<LoadReport>;
}

/** Plays the shop's public: browsing and ordering clients and a webhook sender, from outside. */
export declare function startLoad(options: LoadOptions): Promise<Load>;
