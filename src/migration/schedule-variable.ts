import type { AppVariable } from '../digitalocean/app-environment.ts';
import type { Plan } from './plan.ts';

/**
 * Names the jobs that sidekiq-cron starts, with commas between: what provision proposes for config/schedule.yml schedules
 * those and no other. It exists on the new side only, so that merging the proposal fires nothing on Heroku.
 */
export const SCHEDULE_VARIABLE = 'H2D_SCHEDULE';

/** The variable for a plan; none when App Platform starts every job. */
export function scheduleVariables({ sidekiqCron }: Pick<Plan, 'sidekiqCron'>): AppVariable[] {
  if (sidekiqCron.length === 0) return [];
  const names = sidekiqCron.map(({ name }) => name).sort();
  return [{ key: SCHEDULE_VARIABLE, value: names.join(','), secret: false }];
}

/** The name of a job of ours among an app's own cron jobs in Sidekiq. */
export function cronJobName(name: string): string {
  return `scheduled-${name}`;
}
