import { z } from 'zod';

import { orderAddOn } from '../../src/heroku/order-add-on.ts';
import { readSchedulerJobs } from '../../src/heroku/scheduler.ts';
import type { HerokuGround } from './heroku-ground.ts';
import { Disproved } from './outcome.ts';

export const SCHEDULER_PLAN = 'scheduler:standard';
const LIMIT_MS = 5 * 60_000;

/** A Scheduler that nobody has given a job yet must be told as such. */
export async function schedulerAddress(
  ground: HerokuGround,
  { schedulerUrl, token }: { schedulerUrl: string; token: string },
  signal: AbortSignal,
): Promise<string> {
  const { client } = ground;
  const app = await ground.app();
  await orderAddOn(client, app, SCHEDULER_PLAN, LIMIT_MS);
  const { id } = await client.get(`/apps/${encodeURIComponent(app)}`, z.object({ id: z.string() }));
  const read = await readSchedulerJobs({ schedulerUrl, token, appId: id, signal });
  if ('unknown' in read) throw new Disproved(read.unknown);
  if (read.jobs.length > 0) throw new Disproved(`a new Scheduler was told to have ${read.jobs.length} jobs`);
  return 'a new Scheduler was told to have no job';
}
