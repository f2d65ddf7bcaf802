import { automatic, blocked, idPart, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

/** How Postgres moves, and what speaks against it. */
export function strategyItems({ config, database, live, strategyChoice }: PlanFacts): Item[] {
  const { strategy, by, why, forecasts, obstacles } = strategyChoice;
  const forced = config.strategy === 'live';
  const shown = forced || (by === 'auto' && forecasts?.window.fits === false);
  const largeObjects = database?.largeObjects ?? 0;
  return [
    automatic({
      id: 'postgres/strategy',
      area: 'postgres',
      what: 'how Postgres moves',
      becomes:
        strategy === 'window' ? 'copied inside the window' : 'copied before the window and kept in step',
      why,
    }),
    ...(shown ? obstacles : []).map(({ what, why: reason, remedy, passes }) => {
      const item = {
        id: `postgres/live/${idPart(withoutNumbers(what))}`,
        area: 'postgres',
        what,
        remedy,
      } as const;
      if (passes === true)
        return told({
          ...item,
          becomes:
            strategy === 'live'
              ? 'looked at again before the copy begins, which stops when it still is so'
              : 'copied inside the window',
          why: reason,
        });
      return forced
        ? blocked({ ...item, why: reason })
        : told({ ...item, becomes: 'copied inside the window', why: reason });
    }),
    ...(strategy === 'live' && largeObjects + (live?.largeObjectBytes ?? 0) > 0
      ? [
          told({
            id: 'postgres/large-objects',
            area: 'postgres',
            what: `the database holds ${largeObjects} large objects`,
            becomes: 'copied inside the window',
            why: 'no trigger sees their changes, so they are copied inside the window',
            remedy:
              'Remove orphans first (`vacuumlo`), or move them into bytea columns or to object storage.',
          }),
        ]
      : []),
    ...(forecasts !== null && !forecasts[strategy].fits
      ? [
          told({
            id: 'postgres/downtime-budget',
            area: 'postgres',
            what: 'the forecast of the downtime does not fit the budget',
            becomes: 'measured by the practice copy; the cutover begins only if that fits',
            why,
            remedy: `See what the practice copy measures, then raise \`downtime-budget\` or make smaller what takes longest (${forecasts[strategy].dominant.name}): ${forecasts[strategy].dominant.shorten}`,
          }),
        ]
      : []),
  ];
}

/** Counts and names differ from run to run; the obstacle is the same. */
function withoutNumbers(what: string): string {
  return what
    .replaceAll(/\S*\d+\S*/g, '')
    .replaceAll(/\S+\.\S+/g, '')
    .slice(0, 60);
}
