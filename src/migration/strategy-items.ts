import { formatDuration } from '../report/format.ts';
import { MOST_RUNNERS } from './config-schema.ts';
import { automatic, blocked, idPart, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

/** How Postgres moves, and what speaks against it. */
export function strategyItems({ config, database, live, strategyChoice }: PlanFacts): Item[] {
  const { strategy, by, why, forecasts, obstacles } = strategyChoice;
  const forced = config.strategy === 'live';
  const shown = forced || (by === 'auto' && forecasts?.window.fits === false);
  const largeObjects = database?.largeObjects ?? 0;
  const { runners = 1 } = config.postgres;
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
    ...(longest(strategyChoice) > RUNNER_LIMIT_MS
      ? [
          told({
            id: 'postgres/runner-time',
            area: 'postgres',
            what: `copying and comparing may take ${formatDuration(longest(strategyChoice))}, and a job on a runner of GitHub’s ends after six hours`,
            becomes:
              strategy === 'live'
                ? 'ended there, and gone on with from what is complete when the job is run again'
                : 'ended there: a copy inside the window begins anew',
            why,
            remedy: `${shareIt(strategyChoice, runners)}run on a self-hosted runner near the cluster (the repository variable MIGRATION_RUNNER), make the data smaller first, or write \`strategy: live\`.`,
          }),
        ]
      : []),
    told({
      id: 'traffic/way-back',
      area: 'traffic',
      what: 'the way back to Heroku',
      becomes:
        'until the point of no return whatever fails is undone; after it, roll-back carries the rows, keys and jobs that the new side took to Heroku and returns there',
      why: 'the new side logs what changes there from the switch on; changing its schema closes the way back',
      remedy:
        'Keep the schema of the new side as it is until you no longer want to go back. Decide before the window who looks at what in the first minutes, and what would make you turn back.',
    }),
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

/** Of a job on a runner of GitHub's own (GitHub Docs, usage limits). */
const RUNNER_LIMIT_MS = 6 * 3_600_000;

/** The copy and its comparison before the window, at their slowest, milliseconds. */
function longest({ strategy, forecasts }: PlanFacts['strategyChoice']): number {
  return forecasts === null ? 0 : forecasts[strategy].total.high - forecasts[strategy].high;
}

/** A job that is reckoned to take longer would leave nothing for what differs from the forecast. */
const COMFORTABLE_MS = 5 * 3_600_000;

/** How many runners would do, when those of the file do not; they share the copy, and one of them does all else. */
function shareIt(choice: PlanFacts['strategyChoice'], runners: number): string {
  const copyMs = choice.forecasts?.window.phases.find(({ name }) => name === 'copy')?.high ?? 0;
  const restMs = longest(choice) - copyMs / runners;
  const together = restMs < COMFORTABLE_MS ? Math.ceil(copyMs / (COMFORTABLE_MS - restMs)) : Infinity;
  const copyOnly = restMs < COMFORTABLE_MS ? Math.ceil(copyMs / COMFORTABLE_MS) : Infinity;
  const needed = together <= MOST_RUNNERS ? together : copyOnly;
  if (needed > MOST_RUNNERS || needed <= runners) return 'Either ';
  const live =
    choice.strategy === 'window'
      ? ' and `strategy: live`, since inside the window one runner copies alone'
      : '';
  const again =
    needed === together
      ? ''
      : `; a job that ends while it compares (up to ${formatDuration(restMs)}) is run again and goes on from there`;
  return `Write \`postgres: { runners: ${needed} }\`${live}: the copy may take one runner ${formatDuration(copyMs)}, and ${needed} share it${again} (docs/large-databases.md). Or `;
}

/** Counts and names differ from run to run; the obstacle is the same. */
function withoutNumbers(what: string): string {
  return what
    .replaceAll(/\S*\d+\S*/g, '')
    .replaceAll(/\S+\.\S+/g, '')
    .slice(0, 60);
}
