import { messageOf } from '../../../src/errors.ts';
import type { Platform } from '../platform.ts';
import type { App } from './app.ts';
import { fires } from './cron.ts';
import { newInvocation } from './invocation.ts';
import type { JobSpec } from './spec.ts';

/** The played week begins on this Monday. */
const MONDAY = Date.UTC(2026, 0, 5);

/** Fires the SCHEDULED jobs of what is deployed, by a clock whose minutes are played. */
export function runSchedules(platform: Platform, apps: () => readonly App[]): void {
  const { schedulerMinuteMs, schedulerStartMinute } = platform.played;
  let minute = schedulerStartMinute;
  platform.schedule.every(schedulerMinuteMs, () => {
    minute += 1;
    const at = new Date(MONDAY + minute * 60_000);
    for (const app of apps()) {
      for (const job of app.active?.deployment.spec.jobs ?? []) {
        const { kind, schedule } = job;
        if (kind !== 'SCHEDULED' || schedule === undefined) continue;
        if (fires(schedule.cron, schedule.time_zone ?? 'UTC', at)) void invoke(app, job);
      }
    }
  });
}

/**
 * Runs a SCHEDULED job. While an earlier firing still runs, the next one is SKIPPED: the phase exists, when it is
 * used is not documented.
 */
async function invoke(app: App, job: JobSpec): Promise<void> {
  const { active } = app;
  if (active === undefined || active.deployment.spec.maintenance?.archive === true) return;
  const busy = app.invocations.some((other) => other.job === job.name && other.phase === 'RUNNING');
  const invocation = newInvocation(job, active.deployment.id, busy ? 'SKIPPED' : 'RUNNING');
  app.invocations.unshift(invocation);
  if (busy) return;
  try {
    const code = await active.release.runJob(job);
    invocation.phase = code === 0 ? 'SUCCEEDED' : 'FAILED';
  } catch (error) {
    app.logs.add(job.name, messageOf(error));
    invocation.phase = 'FAILED';
  }
  invocation.completedAt = new Date();
}
