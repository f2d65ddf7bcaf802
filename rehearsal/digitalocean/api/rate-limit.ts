/** Per token; DigitalOcean's are 5,000 an hour and 250 a minute, each expiring on its own (API reference, "Rate Limit"). */
export interface Limits {
  requestsPerHour: number;
  requestsPerMinute: number;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Counts one token's requests in sliding windows. */
export class RateLimit {
  readonly #limits: Limits;
  #times: number[] = [];

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * Counts a request. `headers` belong on every answer; `refused` says that it is one too many, and by which limit.
   * Only the limit per minute comes with `retry-after`.
   */
  take(now = Date.now()): { refused: boolean; headers: Record<string, string> } {
    this.#times = this.#times.filter((time) => time > now - HOUR_MS);
    const lastMinute = this.#times.filter((time) => time > now - MINUTE_MS);
    const overHour = this.#times.length >= this.#limits.requestsPerHour;
    const overMinute = lastMinute.length >= this.#limits.requestsPerMinute;
    const refused = overHour || overMinute;
    if (!refused) this.#times.push(now);

    const oldest = this.#times[0] ?? now;
    const wait = Math.max(1, Math.ceil(((lastMinute[0] ?? now) + MINUTE_MS - now) / 1000));
    return {
      refused,
      headers: {
        'ratelimit-limit': String(this.#limits.requestsPerHour),
        'ratelimit-remaining': String(this.#limits.requestsPerHour - this.#times.length),
        'ratelimit-reset': String(Math.ceil((oldest + HOUR_MS) / 1000)),
        ...(overMinute ? { 'retry-after': String(wait) } : {}),
      },
    };
  }
}
