/** One stretch in which a client was refused: from its first refused request to the end of its first good one after it. */
export interface Outage {
  client: string;
  /** Milliseconds since the epoch. */
  from: number;
  /** Null when nothing good came before the load ended. */
  until: number | null;
  refused: number;
}

/** What one second of load looked like from outside. */
export interface Second {
  /** Seconds since the load began. */
  second: number;
  good: number;
  refused: number;
  /** Slowest answer that began in this second, milliseconds. */
  slowestMs: number;
  /** Who answered, by the shop's own word. */
  heroku: number;
  digitalocean: number;
}

/** Everything measured from outside, over the public host name. */
export interface LoadReport {
  startedAt: string;
  endedAt: string;
  /** Writes (orders and webhook deliveries) for which a success status arrived. */
  acknowledged: number;
  requests: number;
  /** Requests that were answered with an error or not at all; each attempt of a retried order counts. */
  refusedRequests: number;
  /** Longest outage of any client, milliseconds; an outage that never ended counts up to the end of the load. */
  downtimeMs: number;
  /** In order of time. */
  outages: Outage[];
  /** Longest time that a request which succeeded in the end had to wait for its answer, milliseconds. */
  longestHoldMs: number;
  /** How often each status came; `0` is a connection error or a timeout. */
  statuses: Record<string, number>;
  connectionErrors: number;
  /** Orders that had been acknowledged and were answered with 404 afterwards. Must be 0. */
  forgottenOrders: number;
  /** Good answers by the side that gave them. */
  servedBy: { heroku: number; digitalocean: number };
  latencyMs: { median: number; p99: number };
  webhooks: {
    /** Deliveries begun. */
    sent: number;
    acknowledged: number;
    attempts: number;
    /** Attempts that the sender gave up on after its patience of 5 s. */
    givenUp: number;
    /** Not yet acknowledged at the end. */
    outstanding: number;
    slowestMs: number;
  };
  timeline: Second[];
  /** Each good answer: when it was asked for and when it came, milliseconds since the epoch. */
  answers: { from: number; until: number }[];
  /** The append-only file with every acknowledged write. */
  ledger: string;
}
