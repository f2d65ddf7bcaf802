/** Per token: 5,000 requests an hour and 250 a minute, each expiring on its own (API reference, "Rate Limit"). */
const HOUR = { milliseconds: 3_600_000, most: 5000 };
const MINUTE = { milliseconds: 60_000, most: 250 };

/** Counts one token's requests in sliding windows. */
export class RateLimit {
  #times: number[] = [];

  /**
   * Counts a request. `headers` belong on every answer; `refused` says that it is one too many, and by which limit.
   * Only the limit per minute comes with `retry-after`.
   */
  take(now = Date.now()): { refused: boolean; headers: Record<string, string> } {
    this.#times = this.#times.filter((time) => time > now - HOUR.milliseconds);
    const lastMinute = this.#times.filter((time) => time > now - MINUTE.milliseconds);
    const overHour = this.#times.length >= HOUR.most;
    const overMinute = lastMinute.length >= MINUTE.most;
    const refused = overHour || overMinute;
    if (!refused) this.#times.push(now);

    const oldest = this.#times[0] ?? now;
    const wait = Math.max(1, Math.ceil(((lastMinute[0] ?? now) + MINUTE.milliseconds - now) / 1000));
    return {
      refused,
      headers: {
        'ratelimit-limit': String(HOUR.most),
        'ratelimit-remaining': String(HOUR.most - this.#times.length),
        'ratelimit-reset': String(Math.ceil((oldest + HOUR.milliseconds) / 1000)),
        ...(overMinute ? { 'retry-after': String(wait) } : {}),
      },
    };
  }
}
