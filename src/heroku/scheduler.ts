import { z } from 'zod';
import { askUnofficially, tellUnofficially, type UnofficialAddress } from './unofficial.ts';

/** A job of Heroku Scheduler: `every` 10, 60 or 1440 minutes, `at` the minute within the hour or day (UTC). */
export interface SchedulerJob {
  command: string;
  dynoSize: string;
  every: number;
  at: number;
}

const answer = z.object({
  data: z.array(
    z.object({
      id: z.string().nullable().default(null),
      attributes: z.object({
        command: z.string(),
        'dyno-size': z.string().default(''),
        every: z.number(),
        at: z.number().nullable().default(0),
      }),
    }),
  ),
});

/**
 * Heroku Scheduler has no public API: this asks the address that its dashboard uses, which may change any day. So it
 * never fails: either the jobs, or the reason why they are not known (declare them in migration.yml then).
 */
export async function readSchedulerJobs(options: {
  /** `https://particleboard.heroku.com` in earnest. */
  schedulerUrl: string;
  token: string;
  appId: string;
  signal?: AbortSignal;
}): Promise<{ jobs: SchedulerJob[] } | { unknown: string }> {
  const { schedulerUrl: url, token, signal } = options;
  const found = await askForJobs({ url, token, signal }, options.appId);
  if ('unknown' in found) return { unknown: `the dashboard's address: ${found.unknown}` };
  if ('missing' in found) return { unknown: "the dashboard's address answered with HTTP 404" };
  return {
    jobs: found.answer.data.map(({ attributes }) => ({
      command: attributes.command,
      dynoSize: attributes['dyno-size'],
      every: attributes.every,
      at: attributes.at ?? 0,
    })),
  };
}

const ACCEPT = 'application/vnd.api+json';

function askForJobs(
  address: UnofficialAddress,
  appId: string,
): ReturnType<typeof askUnofficially<z.infer<typeof answer>>> {
  return askUnofficially(address, `/apps/${encodeURIComponent(appId)}/jobs`, answer, ACCEPT);
}

/**
 * Deletes every job there and reads whether any is left. Either how many were, or why it is not known; then a person
 * does it in the dashboard.
 */
export async function deleteSchedulerJobs(
  address: UnofficialAddress,
  appId: string,
): Promise<{ deleted: number } | { unknown: string }> {
  const found = await askForJobs(address, appId);
  if ('unknown' in found) return { unknown: found.unknown };
  if ('missing' in found) return { unknown: "the dashboard's address answered with HTTP 404" };
  for (const { id } of found.answer.data) {
    if (id === null) return { unknown: "the dashboard's address does not tell the jobs' ids" };
    const path = `/apps/${encodeURIComponent(appId)}/jobs/${encodeURIComponent(id)}`;
    const told = await tellUnofficially(address, 'DELETE', path, { accept: ACCEPT });
    if ('unknown' in told) return { unknown: told.unknown };
  }
  const left = await askForJobs(address, appId);
  if (!('answer' in left)) return { unknown: 'what is left was not told' };
  if (left.answer.data.length > 0) return { unknown: `${left.answer.data.length} jobs are there still` };
  return { deleted: found.answer.data.length };
}

/** The same time as a cron expression in UTC. */
export function schedulerCron(job: { every: number; at: number }): string {
  if (job.every === 10) return '*/10 * * * *';
  if (job.every === 60) return `${job.at % 60} * * * *`;
  return `${job.at % 60} ${Math.floor(job.at / 60) % 24} * * *`;
}
