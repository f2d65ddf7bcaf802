import type { Redis } from 'ioredis';

import { findPlaces } from './find.ts';

/** A schedule of sidekiq-cron as it stands in Redis. */
export interface CronEntry {
  name: string;
  /** As it was written: cron, or words that fugit understands. */
  cron: string;
  enabled: boolean;
  /** When it enqueued a job last; undefined: not yet. */
  lastEnqueuedAt: Date | undefined;
}

/**
 * Every schedule of sidekiq-cron in the selected database, by its own keys (lib/sidekiq/cron/job.rb): a set of hash
 * names, each hash with `name`, `cron`, `status` and `last_enqueue_time`.
 */
export async function readCronEntries(redis: Redis): Promise<CronEntry[]> {
  const entries: CronEntry[] = [];
  for (const place of await findPlaces(redis)) {
    if (place.system !== 'sidekiq') continue;
    for (const set of place.cronSets)
      for (const hash of (await redis.smembers(set)).sort()) {
        const fields = await redis.hgetall(`${place.prefix}${hash}`);
        const last = new Date(fields['last_enqueue_time'] ?? '');
        entries.push({
          name: fields['name'] ?? hash.split(':').at(-1) ?? hash,
          cron: fields['cron'] ?? '',
          enabled: fields['status'] !== 'disabled',
          lastEnqueuedAt: Number.isNaN(last.getTime()) ? undefined : last,
        });
      }
  }
  return entries;
}
