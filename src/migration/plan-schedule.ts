import { schedulerCron, type SchedulerJob } from '../heroku/scheduler.ts';
import type { ScheduledJob } from './config.ts';

export interface MergedSchedules {
  jobs: ScheduledJob[];
  /** Where the declaration and Heroku's answer do not agree. */
  differences: ScheduleDifference[];
  /** The dyno size that Heroku gives a job, by the job's name; a job that is not here has none that is known. */
  dynoSizes: Readonly<Record<string, string>>;
  /** The jobs on Heroku could not be read, and why. */
  unknown: string | undefined;
}

export interface ScheduleDifference {
  kind: 'undeclared' | 'differs' | 'not-on-heroku';
  /** Name of the job on the new side. */
  name: string;
  /** One sentence. */
  what: string;
}

/** Id of the item of a scheduled job, for the answers in migration.yml. */
export function scheduleId(name: string): string {
  return `schedule/${name}`;
}

/**
 * Joins the jobs that migration.yml declares with those that Heroku answered, if it did. A declared job wins unless an
 * answer (by `scheduleId`) says `as-on-heroku`; one that Heroku does not run is left out when the answer is `leave-out`;
 * a job that only Heroku knows is carried over under a name made from its command, so none is lost.
 */
export function mergeSchedules(
  declared: readonly ScheduledJob[],
  answer: { jobs: SchedulerJob[] } | { unknown: string },
  answers: Readonly<Record<string, string>> = {},
): MergedSchedules {
  if ('unknown' in answer)
    return { jobs: [...declared], differences: [], dynoSizes: {}, unknown: answer.unknown };
  const dynoSizes: Record<string, string> = {};
  const differences: ScheduleDifference[] = [];
  const jobs: ScheduledJob[] = [];
  for (const job of declared) {
    const theirs = answer.jobs.find(({ command }) => plain(command) === plain(job.command));
    const answered = answers[scheduleId(job.name)];
    if (theirs === undefined) {
      differences.push({
        kind: 'not-on-heroku',
        name: job.name,
        what: `"${job.name}" is declared in migration.yml, and Heroku Scheduler does not run it`,
      });
      if (answered !== 'leave-out') jobs.push(job);
      continue;
    }
    if (theirs.dynoSize !== '') dynoSizes[job.name] = theirs.dynoSize;
    const cron = schedulerCron(theirs);
    if (plain(job.cron) === cron && job.timeZone === 'UTC') {
      jobs.push(job);
      continue;
    }
    differences.push({
      kind: 'differs',
      name: job.name,
      what: `"${job.name}" is declared as ${job.cron} ${job.timeZone}, and Heroku Scheduler runs it at ${cron} UTC`,
    });
    jobs.push(answered === 'as-on-heroku' ? { ...job, cron, timeZone: 'UTC' } : job);
  }
  const undeclared = answer.jobs
    .filter(({ command }) => !declared.some((job) => plain(job.command) === plain(command)))
    .map((job) => ({ command: job.command, cron: schedulerCron(job), dynoSize: job.dynoSize }))
    // Names with a number must not depend on the order of Heroku's answer.
    .sort((a, b) => (`${a.command} ${a.cron}` < `${b.command} ${b.cron}` ? -1 : 1));
  for (const { command, cron, dynoSize } of undeclared) {
    const name = freeName(command, [...declared, ...jobs]);
    if (dynoSize !== '') dynoSizes[name] = dynoSize;
    jobs.push({ name, command, cron, timeZone: 'UTC' });
    differences.push({
      kind: 'undeclared',
      name,
      what: `Heroku Scheduler runs "${command}" (${cron} UTC), which migration.yml does not declare`,
    });
  }
  return { jobs, differences, dynoSizes, unknown: undefined };
}

function plain(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

function freeName(command: string, taken: readonly { name: string }[]): string {
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
