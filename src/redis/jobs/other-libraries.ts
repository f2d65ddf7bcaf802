/**
 * Libraries that keep jobs in Redis and that are neither told to stop nor set aside by us, by how the names of their keys
 * look, with the file of each that names them (read on 2026-11-23). These were not tried with the libraries themselves: one that renamed its
 * keys, or was given another prefix, is not seen.
 */
const LIBRARIES: readonly (readonly [library: string, names: RegExp])[] = [
  // kombu/transport/redis.py, celery/backends/base.py
  ['Celery', /^(?:_kombu\.binding\.|celery-task-meta-|unacked(?:_index|_mutex)?$)/],
  // rq/queue.py, rq/worker_registration.py, rq/job.py
  ['RQ', /^rq:(?:queues$|queue:|workers?(?:$|:)|job:)/],
  // dramatiq/brokers/redis.py
  ['Dramatiq', /^dramatiq:/],
  // huey/storage.py
  ['Huey', /^huey\.(?:redis|results|schedule)\./],
  // arq/constants.py
  ['arq', /^arq:(?:queue|job:|in-progress:)/],
  // bee-queue lib/defaults.js, lib/lua/addJob.lua
  ['Bee-Queue', /^bq:[^:]+:(?:waiting|jobs|active|delayed)$/],
  // kue lib/redis.js; in braces for a cluster
  ['Kue', /^(?:q|\{q\}):(?:jobs|job):/],
  // laravel framework src/Illuminate/Queue/RedisQueue.php, horizon
  ['Laravel', /(?:^|_)(?:horizon:|queues:[^:]+:(?:reserved|delayed|notify)$)/],
  // asynq internal/base/base.go
  ['Asynq', /^asynq:\{/],
];

/** The library that a key of this name belongs to by its looks. */
export function otherJobLibraryOf(name: string): string | undefined {
  return LIBRARIES.find(([, names]) => names.test(name))?.[0];
}
