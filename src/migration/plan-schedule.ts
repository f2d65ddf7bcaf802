import { schedulerCron, type SchedulerJob } from '../heroku/scheduler.ts';
import type { ScheduledJob } from './config.ts';

export interface MergedSchedules {
  jobs: ScheduledJob[];
  /** What the declaration and Heroku's answer do not agree on, one sentence each. */
  differences: string[];
  /** The jobs on Heroku could not be read, and why. */
  unknown: string | undefined;
}

/**
 * Joins the jobs that migration.yml declares with those that Heroku answered, if it did. A declared job wins; a job that
 * only Heroku knows is carried over under a name made from its command, so none is lost.
 */
export function mergeSchedules(
  declared: ScheduledJob[],
  answer: { jobs: SchedulerJob[] } | { unknown: string },
): MergedSchedules {
  if ('unknown' in answer) return { jobs: declared, differences: [], unknown: answer.unknown };
  const differences: string[] = [];
  const jobs = [...declared];
  for (const job of answer.jobs) {
    const cron = schedulerCron(job);
    const same = declared.find(({ command }) => plain(command) === plain(job.command));
    if (same === undefined) {
      const name = freeName(job.command, jobs);
      jobs.push({ name, command: job.command, cron, timeZone: 'UTC' });
      differences.push(
        `Heroku Scheduler runs "${job.command}" (${cron} UTC), which migration.yml does not declare`,
      );
    } else if (plain(same.cron) !== cron || same.timeZone !== 'UTC') {
      differences.push(
        `"${same.name}" is declared as ${same.cron} ${same.timeZone}, and Heroku Scheduler runs it at ${cron} UTC`,
      );
    }
  }
  for (const { name, command } of declared) {
    if (!answer.jobs.some((job) => plain(job.command) === plain(command))) {
      differences.push(`"${name}" is declared in migration.yml, and Heroku Scheduler does not run it`);
    }
  }
  return { jobs, differences, unknown: undefined };
}

function plain(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

function freeName(command: string, taken: { name: string }[]): string {
  const base =
    command
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^[^a-z]+|-+$/g, '')
      .slice(-26)
      .replaceAll(/^[^a-z]+|-+$/g, '') || 'job';
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.some((one) => one.name === name)) return name;
  }
}
