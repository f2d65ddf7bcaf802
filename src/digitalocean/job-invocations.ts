import { z } from 'zod';
import type { DigitalOcean } from './client.ts';

const invocationsSchema = z.object({
  job_invocations: z
    .array(z.object({ phase: z.string().default('UNKNOWN'), created_at: z.string() }))
    .nullish(),
});

/** One firing of a scheduled job. */
export interface JobInvocation {
  at: Date;
  /** `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELED` or `SKIPPED`. */
  phase: string;
}

/** App Platform's own most for a page. */
const PAGE = 200;

/** When a scheduled job of the app has fired last, as App Platform lists it; undefined: never. */
export async function lastInvocation(
  client: DigitalOcean,
  appId: string,
  job: string,
): Promise<JobInvocation | undefined> {
  const query = new URLSearchParams({ job_names: job, page: '1', per_page: String(PAGE) });
  const answer = await client.request(
    'GET',
    `/apps/${appId}/job-invocations?${query.toString()}`,
    invocationsSchema,
  );
  // The newest come first, as of deployments; within the page nothing is left to that.
  return (answer.job_invocations ?? [])
    .map(({ phase, created_at: at }) => ({ at: new Date(at), phase }))
    .sort((one, other) => other.at.getTime() - one.at.getTime())[0];
}
