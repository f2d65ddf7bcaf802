import { namesASecret } from '../heroku/config-var-class.ts';
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
  const matched = match(declared, answer.jobs);
  for (const job of declared) {
    const theirs = matched.get(job);
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
  const known = new Set(matched.values());
  const undeclared = answer.jobs
    .filter((job) => !known.has(job))
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

/** Each job of Heroku is at most one declared one: that of the same time first, so that one command may run twice. */
function match(
  declared: readonly ScheduledJob[],
  theirs: readonly SchedulerJob[],
): Map<ScheduledJob, SchedulerJob> {
  const matched = new Map<ScheduledJob, SchedulerJob>();
  const free = new Set(theirs);
  const isAtTheSameTime = (job: ScheduledJob, one: SchedulerJob): boolean =>
    plain(job.cron) === schedulerCron(one) && job.timeZone === 'UTC';
  for (const isWanted of [isAtTheSameTime, () => true]) {
    for (const job of declared) {
      if (matched.has(job)) continue;
      const found = [...free].find((one) => plain(one.command) === plain(job.command) && isWanted(job, one));
      if (found === undefined) continue;
      matched.set(job, found);
      free.delete(found);
    }
  }
  return matched;
}

function plain(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

function freeName(command: string, taken: readonly { name: string }[]): string {
  const slug = harmlessWords(command)
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(-26)
    .replaceAll(/^[^a-z]+|-+$/g, '');
  const base = slug.length > 1 ? slug : ['job', slug].filter(Boolean).join('-');
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.some((one) => one.name === name)) return name;
  }
}

/**
 * The program and its task, up to the first option. A name is shown to everybody, in lower case, where no mask would know
 * a secret again: so whatever could be one is left out, be it too much.
 */
function harmlessWords(command: string): string[] {
  const words = command.replaceAll(/['"]/g, ' ').trim().split(/\s+/);
  const assigned = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
  const kept: string[] = [];
  for (const word of assigned === -1 ? [] : words.slice(assigned)) {
    if (word.startsWith('-')) break;
    // `token abc`: what follows such a word is the secret.
    if (namesASecret(word.toUpperCase())) break;
    const task = word.replace(/\[.*$/, '');
    const isPlain = /^[#a-z][a-z_./:-]*$/i.test(task) && !task.includes('://');
    if (isPlain && task.split(/[^a-z]/i).every((part) => part.length < 20)) kept.push(task);
  }
  return kept;
}
