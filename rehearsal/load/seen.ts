import type { LoadReport } from './report.ts';

/** What visitors noticed of a part of the load. */
export type Seen = Pick<LoadReport, 'refusedRequests' | 'downtimeMs' | 'longestHoldMs'>;

/**
 * What visitors noticed before a moment, and since then; milliseconds since the epoch. What was under way at that moment
 * belongs to what came since, with the whole of its time.
 */
export function seenAround(load: LoadReport, moment: number): { before: Seen; since: Seen } {
  const end = Date.parse(load.endedAt);
  const isSince = ({ until }: { until: number | null }): boolean => until === null || until >= moment;
  const seen = (belongs: (what: { until: number | null }) => boolean): Seen => {
    const outages = load.outages.filter(belongs);
    return {
      refusedRequests: outages.reduce((sum, { refused }) => sum + refused, 0),
      downtimeMs: longest(outages.map(({ from, until }) => (until ?? end) - from)),
      longestHoldMs: longest(load.answers.filter(belongs).map(({ from, until }) => until - from)),
    };
  };
  return { before: seen((what) => !isSince(what)), since: seen(isSince) };
}

function longest(milliseconds: readonly number[]): number {
  return milliseconds.reduce((most, one) => Math.max(most, one), 0);
}
