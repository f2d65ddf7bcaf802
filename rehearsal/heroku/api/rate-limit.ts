/** Heroku's limit for an account, over all of its tokens: GCRA, 4,500 an hour, the whole hour's worth as a burst. */
export interface RateLimit {
  /** Takes one token; false when there is none. */
  take(): boolean;
  remaining(): number;
}

/** `now` in milliseconds. */
export function createRateLimit(perHour: number, now: () => number = Date.now): RateLimit {
  const interval = 3_600_000 / perHour;
  /** The moment at which the bucket will be full again: GCRA's theoretical arrival time. */
  let fullAt = 0;
  const remaining = (): number => Math.floor((3_600_000 - Math.max(0, fullAt - now())) / interval);
  return {
    remaining,
    take: () => {
      if (remaining() < 1) return false;
      fullAt = Math.max(fullAt, now()) + interval;
      return true;
    },
  };
}
