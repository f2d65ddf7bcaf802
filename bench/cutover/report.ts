import { OURS, type CutoverResult, type VariantResult } from '../cutover.ts';
import { figure, table, told, times, type Figures } from '../figures.ts';

/** What the figures rest on: the played companies answer in these times, and resolvers forget sooner than in the world. */
const PLAYED =
  'played: names are kept 4.5 s, a deployment takes 2 s, dynos get 30 s to end; the move by hand moves Postgres only';

export function cutoverJson({ environment, failed, sizes }: CutoverResult): Figures {
  return {
    environment,
    played: PLAYED,
    sizes: sizes.map(({ sizeMb, variants }) => ({
      sizeMb,
      'by-hand': figures(
        { strategy: 'pg_dump | pg_restore', traffic: 'maintenance mode' },
        variants['by-hand'],
      ),
      'window-dns': figures(OURS['window-dns'], variants['window-dns']),
      'live-dns': figures(OURS['live-dns'], variants['live-dns']),
      'live-front-door': figures(OURS['live-front-door'], variants['live-front-door']),
    })),
    failed,
  };
}

export function cutoverLines({ sizes }: CutoverResult): string[] {
  const lines = new Map<string, string>();
  for (const { sizeMb, variants } of sizes) {
    for (const [name, seen] of Object.entries(variants)) {
      lines.set(`${sizeMb} MB, ${name}: downtime, s`, told(times(seen.downtimeMs, 1e-3)));
      lines.set(`${sizeMb} MB, ${name}: longest hold, s`, told(times(seen.longestHoldMs, 1e-3)));
      if (seen.oldReleaseEndedAfterMs !== undefined)
        lines.set(
          `${sizeMb} MB, ${name}: until the old release had ended, s`,
          told(times(seen.oldReleaseEndedAfterMs, 1e-3)),
        );
      if (seen.vsByHand !== undefined)
        lines.set(`${sizeMb} MB, ${name}: of the move by hand`, told(seen.vsByHand));
    }
  }
  return [...table(lines), PLAYED];
}

/** What was not measured is null, under the names that the result always has. */
function figures(moved: { strategy: string; traffic: string }, seen: VariantResult | undefined): Figures {
  return {
    ...moved,
    ...figure('downtimeMs', seen?.downtimeMs, 0),
    ...figure('longestHoldMs', seen?.longestHoldMs, 0),
    ...figure('oldReleaseEndedAfterMs', seen?.oldReleaseEndedAfterMs, 0),
    ...figure('refusedRequests', seen?.refusedRequests, 0),
    ...figure('vsByHand', seen?.vsByHand, 3),
  };
}
