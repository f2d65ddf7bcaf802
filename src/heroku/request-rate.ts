import { LOG_LINES, type RoutedRequest } from './router-log.ts';

/** What a busy or a quiet moment before says little about. */
const RECENT_MS = 60_000;
/** A log whose lines are all of one moment would say that there is no end to them. */
const LEAST_MS = 1_000;

/**
 * Requests a second that reached the app in the last minute, or in as many milliseconds as are given; or since the oldest
 * line, where the log is full of newer ones. `lines` as `readRouterLog` answers them, oldest first.
 */
export function requestsPerSecond(
  lines: readonly RoutedRequest[],
  now: Date,
  recentMs: number = RECENT_MS,
): number {
  const begin = now.getTime() - recentMs;
  const oldest = lines[0]?.at.getTime();
  const since = lines.length >= LOG_LINES && oldest !== undefined ? Math.max(oldest, begin) : begin;
  const recent = lines.filter(({ at }) => at.getTime() >= since).length;
  return (recent * 1000) / Math.max(now.getTime() - since, LEAST_MS);
}
