import type { Redis } from 'ioredis';
import { pipelined } from '../scan.ts';
import { parsed } from './in-progress.ts';

/** `<host>:<pid>:<12 hex digits>` (Sidekiq's lib/sidekiq/component.rb, `identity`). */
const SIDEKIQ_IDENTITY = /:[0-9]+:[0-9a-f]{12}$/;
/** Queues whose next job is looked at, to tell whose job it is. */
const SAMPLE = 20;

/**
 * Whose keys stand behind this prefix. Sidekiq and Resque both keep a set `queues` and lists `queue:<name>`, and other
 * applications may have keys of these names; so the keys beside it must be of the right type, and jobs must look like
 * theirs: a Sidekiq job has a `jid`, a Resque job a class and arguments and none.
 */
export async function recognise(redis: Redis, prefix: string): Promise<'sidekiq' | 'resque' | null> {
  const names = ['queues', 'processes', 'retry', 'schedule', 'dead', 'workers', 'failed', 'cron_jobs'];
  const types = await pipelined(redis, names, (pipeline, name) => pipeline.type(`${prefix}${name}`));
  const is = (name: string, type: string): boolean => types[names.indexOf(name)] === type;

  const identity = is('processes', 'set') ? await redis.srandmember(`${prefix}processes`) : null;
  if (identity !== null && SIDEKIQ_IDENTITY.test(identity)) return 'sidekiq';
  for (const set of ['retry', 'schedule', 'dead'])
    if (is(set, 'zset') && isSidekiqJob(await redis.zrange(`${prefix}${set}`, '0', '0'))) return 'sidekiq';
  if (
    is('cron_jobs', 'set') &&
    (await redis.srandmember(`${prefix}cron_jobs`))?.startsWith('cron_job:') === true
  )
    return 'sidekiq';
  if (prefix === 'resque:' && (is('queues', 'set') || is('workers', 'set') || is('failed', 'list')))
    return 'resque';
  if (!is('queues', 'set')) return null;
  const queues = (await redis.smembers(`${prefix}queues`)).slice(0, SAMPLE);
  for (const queue of queues) {
    const list = `${prefix}queue:${queue}`;
    const jobs = (await redis.type(list)) === 'list' ? await redis.lrange(list, 0, 0) : [];
    if (isSidekiqJob(jobs)) return 'sidekiq';
    if (jobs.length > 0 && Array.isArray(parsed(jobs[0] ?? '')['args'])) return 'resque';
  }
  if (is('workers', 'set') && is('failed', 'list')) return 'resque';
  // Empty queues and nothing else: without a namespace it is nearly always Sidekiq, with one it may be anything.
  return prefix === '' ? 'sidekiq' : null;
}

function isSidekiqJob([job]: string[]): boolean {
  return job !== undefined && typeof parsed(job)['jid'] === 'string';
}
