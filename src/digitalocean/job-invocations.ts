import { z } from 'zod';
import type { DigitalOcean } from './client.ts';

const pageSchema = z.object({
  job_invocations: z
    .array(
      z.object({
        phase: z.string().default('UNKNOWN'),
        created_at: z.string(),
        trigger: z.object({ type: z.string().optional() }).nullish(),
      }),
    )
    .nullish(),
  links: z.object({ pages: z.object({ last: z.string().optional() }).nullish() }).nullish(),
});

/** One firing of a scheduled job. */
export interface JobInvocation {
  at: Date;
  /** `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELED` or `SKIPPED`. */
  phase: string;
}

/** App Platform's own most for a page. */
const PAGE = 200;

/**
 * When a scheduled job of the app has fired last by its schedule, as App Platform lists it; undefined: never. What a
 * person started by hand is no firing.
 */
export async function lastInvocation(
  client: DigitalOcean,
  appId: string,
  job: string,
): Promise<JobInvocation | undefined> {
  const read = (page: number): Promise<z.output<typeof pageSchema>> => {
    const query = new URLSearchParams({ job_names: job, page: String(page), per_page: String(PAGE) });
    return client.request('GET', `/apps/${appId}/job-invocations?${query.toString()}`, pageSchema);
  };
  const first = await read(1);
  const last = lastPage(first.links?.pages?.last);
  // Which end the newest stand at is not documented: both are looked at, and all that is between them is older.
  const pages = last > 1 ? [first, await read(last)] : [first];
  return pages
    .flatMap((page) => page.job_invocations ?? [])
    .filter(({ trigger }) => trigger?.type !== 'MANUAL')
    .map(({ phase, created_at: at }) => ({ at: new Date(at), phase }))
    .sort((one, other) => other.at.getTime() - one.at.getTime())[0];
}

/** The number of the last page by its address; 1 where there is but one. */
function lastPage(address: string | undefined): number {
  return Number(URL.parse(address ?? '')?.searchParams.get('page') ?? 1);
}
