import type { Check } from './result.ts';
import { judged } from './result.ts';

/** A worker process that reports to Redis. */
export interface WorkerProcess {
  quiet: boolean;
}

/**
 * Whether Sidekiq's processes are alive on the new side: each reports to Redis, and what it reported is gone after a
 * minute.
 *
 * @param processes undefined: nothing in Redis tells of Sidekiq
 */
export function workerChecks(processes: readonly WorkerProcess[] | undefined, open: boolean): Check[] {
  if (processes === undefined) return [];
  const id = 'jobs/workers';
  const what = 'Sidekiq’s processes are alive on the new side';
  // Before the switch the workers wait in front of their command.
  if (!open) return [];
  const working = processes.filter(({ quiet }) => !quiet).length;
  return [
    judged(id, 'jobs', what, {
      passed: working > 0,
      found: `${working} of ${processes.length} processes take jobs`,
      remedy: 'Look at the logs of the workers on App Platform.',
    }),
  ];
}
