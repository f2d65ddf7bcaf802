import { z } from 'zod';
import { askUnofficially } from './unofficial.ts';

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
  const path = `/apps/${encodeURIComponent(options.appId)}/jobs`;
  const found = await askUnofficially({ url, token, signal }, path, answer, 'application/vnd.api+json');
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

/** The same time as a cron expression in UTC. */
export function schedulerCron(job: { every: number; at: number }): string {
  if (job.every === 10) return '*/10 * * * *';
  if (job.every === 60) return `${job.at % 60} * * * *`;
  return `${job.at % 60} ${Math.floor(job.at / 60) % 24} * * *`;
}
