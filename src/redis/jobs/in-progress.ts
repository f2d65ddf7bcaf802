import type { Redis } from 'ioredis';
import { inOneStep } from './one-step.ts';

/**
 * The queue that a list of taken jobs belongs to, by the list's name without the namespace; null when each job names
 * its own queue; undefined when it is no such list.
 *
 * - Sidekiq Pro's super_fetch: `queue:sq|<identity>|<queue>` (sidekiq issues 6007 and 3339).
 * - gitlab-sidekiq-reliable-fetch: `working:queue:<queue>:<host>:<pid>:<nonce>`, older ones without the nonce
 *   (lib/sidekiq/base_reliable_fetch.rb, WORKING_QUEUE_REGEX).
 * - sidekiq-unique-jobs 9: `uniquejobs:working:<identity>` for all queues (lib/sidekiq_unique_jobs/key.rb).
 */
export function queueOfTaken(list: string): string | null | undefined {
  if (list.startsWith('uniquejobs:working:')) return null;
  const superFetch = /^queue:sq\|[^|]*\|(.+)$/s.exec(list)?.[1];
  if (superFetch !== undefined) return `queue:${superFetch}`;
  const gitlab = /^working:(queue:.*):[^:]*:[0-9]*:[0-9a-f]*$/s.exec(list);
  const older = gitlab ?? /^working:(queue:.*):[^:]*:[0-9]*$/s.exec(list);
  return older?.[1];
}

/**
 * Puts a list's jobs back to where the workers fetch next, the right end of their queue, one job a step: a job is on
 * one of the two lists at any time. Returns how many.
 */
export async function returnTaken(redis: Redis, prefix: string, list: string): Promise<number> {
  const queue = queueOfTaken(list.slice(prefix.length));
  if (queue === undefined) return 0;
  let returned = 0;
  for (;;) {
    const done = await inOneStep(redis, [list], async () => {
      const job = await redis.lindexBuffer(list, 0);
      if (job === null) return undefined;
      const home = `${prefix}${queue ?? queueNamedIn(job)}`;
      return {
        // The newest first, so that the oldest ends up first in line.
        commands: (multi) => multi.rpush(home, job).lpop(list),
        result: true,
      };
    });
    if (done === undefined) return returned;
    returned += 1;
  }
}

function queueNamedIn(job: Buffer): string {
  const queue = parsed(job.toString())['queue'];
  return `queue:${typeof queue === 'string' ? queue : 'default'}`;
}

/** A JSON object's fields; none for anything else. */
export function parsed(json: string): Partial<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
