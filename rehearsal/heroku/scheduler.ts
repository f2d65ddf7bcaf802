import { startDyno } from './dyno.ts';
import { currentRelease, type App, type Platform, type SchedulerJob } from './platform.ts';

/**
 * Heroku Scheduler: one-off dynos named `scheduler.N` at the times of the played day, also while the app is in
 * maintenance mode (devcenter "Maintenance mode", 2024-05-07). Returns what stops it.
 */
export function startScheduler(platform: Platform): () => void {
  let minute = platform.played.schedulerStartMinute;
  const timer = setInterval(() => {
    minute += 1;
    for (const app of platform.apps) {
      for (const job of app.jobs) if (isDue(job, minute)) fire(platform, app, job);
    }
  }, platform.played.schedulerMinuteMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** `minute` counts from midnight UTC of the first played day. */
export function isDue(job: Pick<SchedulerJob, 'every' | 'at'>, minute: number): boolean {
  return job.every === 10 ? minute % 10 === 0 : minute % job.every === job.at;
}

function fire(platform: Platform, app: App, job: SchedulerJob): void {
  const release = currentRelease(app);
  if (!release) return;
  job.ranAt = new Date();
  startDyno(platform, app, {
    name: `scheduler.${platform.ids.digits(4)}`,
    type: 'scheduler',
    command: job.command,
    size: job.size,
    release,
    oneOff: true,
  });
}
