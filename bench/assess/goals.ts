import type { AssessResult } from '../assess.ts';

/** What assess promises of a pipeline of forty apps with a database of a thousand tables. */
const MOST_SECONDS = 30;
const MOST_BYTES = 200e6;

/**
 * The promises that the bundle, which is what a runner starts, did not keep in its worst round, by name as `failed` has
 * them; none while it was not measured. The sources are not held against them: Node turns those into JavaScript first.
 */
export function missedGoals({ bundle }: Pick<AssessResult, 'bundle'>): Record<string, string> {
  if (bundle === undefined) return {};
  const seconds = bundle.seconds.most;
  const bytes = bundle.peakBytes.most;
  return {
    ...(seconds < MOST_SECONDS
      ? {}
      : { 'goal of time': `${seconds.toFixed(1)} s, and below ${MOST_SECONDS} s is promised` }),
    ...(bytes < MOST_BYTES
      ? {}
      : {
          'goal of memory': `${(bytes / 1e6).toFixed(1)} MB, and below ${MOST_BYTES / 1e6} MB is promised`,
        }),
  };
}
