import { cronRuns } from '../migration/cron-runs.ts';
import { cronProblem } from '../migration/cron.ts';
import { cronJobName } from '../migration/schedule-variable.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';

export interface WantedSchedule {
  name: string;
  cron: string;
  timeZone: string;
  runsIn: 'app-platform' | 'sidekiq-cron';
}

/** A scheduled job as App Platform has it. */
export interface PlatformJob {
  name: string;
  cron: string;
  timeZone: string;
  /** When it has fired last, and how that ended; `unknown`: why nobody can tell. */
  fired: { last: { at: Date; phase: string } | undefined } | { unknown: string };
}

/** A schedule as sidekiq-cron has it in Redis. */
export interface CronEntry {
  name: string;
  cron: string;
  enabled: boolean;
  lastEnqueuedAt: Date | undefined;
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
/** A poller looks every 30 s and may be busy; App Platform takes a while to begin. */
const GRACE_MS = 5 * 60_000;

/**
 * Every scheduled job is there with its next time, and has fired when it was due last. `openSince`: since when the new side
 * fires at all; undefined while it is closed.
 */
export function scheduleChecks(
  wanted: readonly WantedSchedule[],
  there: { platform: readonly PlatformJob[]; sidekiqCron: readonly CronEntry[] },
  { now, openSince }: { now: Date; openSince: Date | undefined },
): Check[] {
  // By the name that provision proposes, or by the job's own, if its schedule was written by hand.
  const entryOf = ({ name }: WantedSchedule): CronEntry | undefined =>
    there.sidekiqCron.find((one) => one.name === cronJobName(name)) ??
    there.sidekiqCron.find((one) => one.name === name);
  const declared = new Set(
    wanted.filter(({ runsIn }) => runsIn === 'sidekiq-cron').map((job) => entryOf(job)?.name),
  );
  const others = there.sidekiqCron.filter(({ name }) => !declared.has(name));
  return [
    ...wanted.flatMap((job): Check[] => {
      const what = `${job.name} is scheduled`;
      const id = `jobs/${job.name}`;
      if (job.runsIn === 'app-platform') {
        const found = there.platform.find(({ name }) => name === job.name);
        const verdict = judged(id, 'jobs', what, onPlatform(job, found, now, openSince));
        return [openSince === undefined ? verdict : withItsEnd(verdict, found)];
      }
      // Its schedule is loaded by the worker, which waits in front of its command until the switch.
      if (openSince === undefined)
        return [
          { id, area: 'jobs', what, found: 'sidekiq-cron loads it once the new side is open', state: 'told' },
        ];
      return [judged(id, 'jobs', what, inSidekiq(job, entryOf(job), now, openSince))];
    }),
    ...others.map((entry) =>
      judged(
        `jobs/${entry.name}`,
        'jobs',
        `${entry.name} is scheduled by sidekiq-cron`,
        inSidekiq(undefined, entry, now, openSince),
      ),
    ),
  ];
}

type Verdict = Parameters<typeof judged>[3];

function onPlatform(
  job: WantedSchedule,
  found: PlatformJob | undefined,
  now: Date,
  openSince: Date | undefined,
): Verdict {
  const remedy = 'Run provision with `stage: application` again.';
  if (found === undefined) return { passed: false, found: 'App Platform has no such job', remedy };
  if (found.cron !== job.cron || found.timeZone !== job.timeZone)
    return {
      passed: false,
      found: `it runs at ${found.cron} (${found.timeZone}) instead of ${job.cron} (${job.timeZone})`,
      remedy,
    };
  if (openSince !== undefined) {
    if ('unknown' in found.fired)
      return {
        passed: false,
        found: `whether it has fired since the switch is not known: ${found.fired.unknown}`,
        remedy: 'Run verify again.',
      };
    const late = overdue(job, found.fired.last?.at, now, openSince);
    if (late !== undefined)
      return { passed: false, found: late, remedy: 'Look at the job’s invocations on App Platform.' };
  }
  return { passed: true, found: `${job.cron}, ${nextOf(job.cron, job.timeZone, now)}` };
}

/** A job that fires and fails may have done so on Heroku, too: for a person to judge. */
function withItsEnd(verdict: Check, job: PlatformJob | undefined): Check {
  const last = job === undefined || 'unknown' in job.fired ? undefined : job.fired.last;
  if (verdict.state === 'failed' || last?.phase !== 'FAILED') return verdict;
  return {
    ...verdict,
    state: 'told',
    found: `it fired at ${last.at.toISOString()} and failed; ${verdict.found}`,
    remedy: 'Read its log on App Platform.',
  };
}

/** That it was due since the opening and has not fired. */
function overdue(
  { cron, timeZone }: { cron: string; timeZone: string },
  last: Date | undefined,
  now: Date,
  openSince: Date,
): string | undefined {
  const due = lastRun({ expression: cron, timeZone }, openSince, new Date(now.getTime() - GRACE_MS));
  if (due === undefined || due <= openSince || (last !== undefined && last >= due)) return undefined;
  return `it was due at ${due.toISOString()} and ${last === undefined ? 'has never fired' : `fired last at ${last.toISOString()}`}`;
}

function inSidekiq(
  job: WantedSchedule | undefined,
  entry: CronEntry | undefined,
  now: Date,
  openSince: Date | undefined,
): Verdict {
  const remedy =
    'Look at the cron page of Sidekiq’s web interface, and whether a worker loads config/schedule.yml.';
  if (entry === undefined) return { passed: false, found: 'Redis holds no such schedule', remedy };
  if (!entry.enabled) return { passed: false, found: 'it is disabled', remedy };
  const [cron, timeZone] = splitZone(entry.cron);
  if (job !== undefined && cron !== job.cron)
    return { passed: false, found: `it runs at ${cron} instead of ${job.cron}`, remedy };
  if (cronProblem(cron) !== undefined)
    return { passed: true, found: `"${entry.cron}", whose next time only sidekiq-cron can tell` };
  if (openSince !== undefined) {
    const late = overdue({ cron, timeZone }, entry.lastEnqueuedAt, now, openSince);
    if (late !== undefined) return { passed: false, found: late, remedy };
  }
  return { passed: true, found: `${cron}, ${nextOf(cron, timeZone, now)}` };
}

/** fugit takes a time zone behind the fields: `0 3 * * * Europe/Berlin`. */
function splitZone(text: string): [cron: string, timeZone: string] {
  const parts = text.trim().split(/\s+/);
  const zone =
    parts.length === 6 && /^[A-Z][A-Za-z_]+(\/[A-Za-z_/+-]+)?$/.test(parts[5] ?? '')
      ? parts.pop()
      : undefined;
  return [parts.join(' '), zone ?? 'UTC'];
}

function nextOf(cron: string, timeZone: string, now: Date): string {
  const next = firstRun({ expression: cron, timeZone }, now.getTime() + 1, now.getTime() + WEEK_MS);
  return next === undefined ? 'not within a week' : `next at ${next.toISOString()}`;
}

type Cron = Parameters<typeof cronRuns>[0];

/** Hour by hour, since most jobs run soon. */
function firstRun(cron: Cron, from: number, until: number): Date | undefined {
  for (let at = from; at <= until; at += HOUR_MS) {
    const [first] = cronRuns(cron, new Date(at), new Date(Math.min(at + HOUR_MS - 1, until)));
    if (first !== undefined) return first;
  }
  return undefined;
}

/** Within a week before `until`, hour by hour, too. */
function lastRun(cron: Cron, from: Date, until: Date): Date | undefined {
  const first = Math.max(from.getTime(), until.getTime() - WEEK_MS);
  for (let at = until.getTime(); at >= first; at -= HOUR_MS) {
    const last = cronRuns(cron, new Date(Math.max(at - HOUR_MS + 1, first)), new Date(at)).at(-1);
    if (last !== undefined) return last;
  }
  return undefined;
}
