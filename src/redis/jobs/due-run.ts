import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';

import type { Clock } from '../../clock.ts';
import { findPlaces } from './find.ts';
import { inOneStep } from './one-step.ts';

/** What became of a run: enqueued now, or already by sidekiq-cron or an earlier call; or it has no such schedule (yet). */
export type DueRun = 'enqueued' | 'known' | 'no-schedule';

/**
 * Enqueues the run of a schedule that was due at `due`, as sidekiq-cron does: the message that it keeps for the schedule,
 * as a job of its own, with the two notes that its poller looks at before it enqueues a run (one that is less than a minute
 * late it may enqueue itself): `last_enqueue_time`, and the run in `:enqueued`. So a run is enqueued once, whoever asks for
 * it and however often (lib/sidekiq/cron/job.rb, `should_enque?`).
 *
 * Only `last_enqueue_time` tells that it was: where a schedule is loaded for the first time its last run is put into
 * `:enqueued` though nobody enqueued it (`save`), so that nobody ever does.
 *
 * The schedule is the first of `names` that stands in the selected database. One of Active Job is none: its messages are
 * of another form.
 */
export async function enqueueDueRun(
  redis: Redis,
  names: readonly string[],
  due: Date,
  clock: Clock,
): Promise<DueRun> {
  for (const name of names)
    for (const place of await findPlaces(redis)) {
      if (place.system !== 'sidekiq') continue;
      for (const set of place.cronSets)
        for (const hash of await redis.smembers(set)) {
          const key = `${place.prefix}${hash}`;
          const fields = await redis.hgetall(key);
          const message = messageIn(fields);
          if (fields['name'] === name && message !== undefined)
            return enqueue(redis, { key, prefix: place.prefix, message, due, clock });
        }
    }
  return 'no-schedule';
}

interface Message {
  queue: string;
  class: string;
}

function messageIn({
  message = '',
  active_job: activeJob = '',
}: Record<string, string>): Message | undefined {
  if (['1', 'true'].includes(activeJob)) return undefined;
  try {
    const parsed = JSON.parse(message) as Partial<Message> | null;
    const { queue, class: klass } = parsed ?? {};
    return typeof queue === 'string' && typeof klass === 'string' ? (parsed as Message) : undefined;
  } catch {
    return undefined;
  }
}

/** Its poller notes a run and then enqueues it: longer than it takes from the one to the other. */
const POLLER_MS = 1_000;

async function enqueue(
  redis: Redis,
  {
    key,
    prefix,
    message,
    due,
    clock,
  }: { key: string; prefix: string; message: Message; due: Date; clock: Clock },
): Promise<DueRun> {
  const noted = `${key}:enqueued`;
  const score = due.getTime() / 1000;
  // As Ruby writes it: without milliseconds.
  const member = due.toISOString().replace(/\.\d+Z$/, 'Z');
  const isEnqueued = async (): Promise<boolean> => {
    const last = new Date((await redis.hget(key, 'last_enqueue_time')) ?? '').getTime();
    return last >= due.getTime();
  };
  const done = await inOneStep(redis, [key, noted], async () => {
    if (await isEnqueued()) return undefined;
    // Looked at by the poller, which may be about to enqueue it.
    if (Number(await redis.zscore(noted, member)) === score) {
      await clock.sleep(POLLER_MS);
      if (await isEnqueued()) return undefined;
    }
    const now = clock.now();
    const seconds = now.getTime() / 1000;
    const jid = randomBytes(12).toString('hex');
    const job = { retry: true, ...message, jid, created_at: seconds, enqueued_at: seconds };
    return {
      commands: (multi) =>
        multi
          .zadd(noted, score, member)
          .hset(key, 'last_enqueue_time', `${now.toISOString().slice(0, 19).replace('T', ' ')} +0000`)
          .sadd(`${prefix}queues`, message.queue)
          .lpush(`${prefix}queue:${message.queue}`, JSON.stringify(job)),
      result: 'enqueued' as const,
    };
  });
  return done ?? 'known';
}
