import { z } from 'zod';

import type { Clock } from '../../src/clock.ts';
import { cronRuns, isHourly } from '../../src/migration/cron-runs.ts';
import { latestSection } from '../../src/migration/record.ts';
import type { Subject } from '../subject.ts';
import type { Finding } from './findings.ts';
import { neededMs } from './window.ts';

const planned = z.object({
  plan: z.object({
    components: z.array(
      z.object({
        name: z.string(),
        schedule: z.object({ cron: z.string(), timeZone: z.string() }).nullable(),
      }),
    ),
  }),
});

/** Heroku Scheduler is "best effort": a job may start late, or has just begun. */
const LATE_MS = 10 * 60_000;

/**
 * Whether a scheduled job is due, declared in migration.yml or found by assess, while the cutover may last by its forecast: on the parked app it
 * would find no code, and not run that day. Only what runs rarer than every hour is refused; the others run again soon.
 */
export function dueJobsFinding(subject: Subject, clock: Pick<Clock, 'now'>): Finding {
  const what = 'scheduled jobs that are due meanwhile';
  const now = clock.now().getTime();
  const until = new Date(now + neededMs(subject));
  const due = jobsOf(subject)
    .filter(({ cron }) => !isHourly(cron))
    .flatMap(({ name, cron, timeZone }) => {
      const [run] = cronRuns({ expression: cron, timeZone }, new Date(now - LATE_MS), until);
      return run === undefined ? [] : [{ name, run }];
    });
  if (due.length === 0) return { what, found: `none until ${until.toISOString()}, but for hourly ones` };
  const free = new Date(Math.max(...due.map(({ run }) => run.getTime())) + LATE_MS);
  return {
    what,
    found: due.map(({ name, run }) => `${name} at ${run.toISOString()}`).join(', '),
    remedy: `Begin after ${free.toISOString()}, once they have ended.`,
  };
}

/** Those of migration.yml, and those that only Heroku's dashboard knew when the plan was made. */
function jobsOf({ config, record }: Subject): { name: string; cron: string; timeZone: string }[] {
  const components = latestSection(record, 'assess', planned)?.plan.components ?? [];
  const declared = new Set(config.schedule.map(({ name }) => name));
  const others = components.flatMap(({ name, schedule }) =>
    schedule === null || declared.has(name) ? [] : [{ name, ...schedule }],
  );
  return [...config.schedule, ...others];
}
