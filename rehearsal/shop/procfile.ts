/** The shop's Procfile: what each process type runs, in this directory. */
export const processTypes = {
  web: 'node web.ts',
  worker: 'node worker.ts',
  release: 'node release.ts',
} as const;

/** What Heroku Scheduler runs; each firing is a row of `schedule_runs` and one Sidekiq job. */
export const scheduledCommands = {
  nightlyReport: 'node job.ts nightly-report',
  syncStock: 'node job.ts sync-stock',
} as const;
