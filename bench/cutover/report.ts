import type { CutoverResult, VariantResult } from '../cutover.ts';
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
      ...Object.fromEntries(Object.entries(variants).map(([name, seen]) => [name, figures(seen)])),
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
      if (seen.vsByHand !== undefined)
        lines.set(`${sizeMb} MB, ${name}: of the move by hand`, told(seen.vsByHand));
    }
  }
  return [...table(lines), PLAYED];
}

function figures(seen: VariantResult): Figures {
  return {
    ...figure('downtimeMs', seen.downtimeMs, 0),
    ...figure('longestHoldMs', seen.longestHoldMs, 0),
    ...figure('refusedRequests', seen.refusedRequests, 0),
    ...figure('vsByHand', seen.vsByHand, 3),
  };
}
