import { looksSecret } from '../migration/no-secrets.ts';
import type { Plan } from '../migration/plan.ts';
import { mayHoldSecret } from '../migration/propose-config.ts';

/** A job that Sidekiq may start by the clock. */
export interface SidekiqSchedule {
  name: string;
  command: string;
  /** Five fields. */
  cron: string;
  timeZone: string;
}

export interface PlacedSchedules {
  /** Those that fit into a worker: they get an entry, which fires nothing unless migration.yml says so. */
  forSidekiq: SidekiqSchedule[];
  /** Those that stay scheduled jobs of App Platform, and why. */
  elsewhere: { name: string; why: string }[];
}

/** What a job may be to run beside a worker's own work: App Platform's instances of 1 GiB or less. */
const SMALL = /^(apps-s-1vcpu-(0\.5gb|1gb(-fixed)?)|basic-xxs|basic-xs)$/;

/**
 * Which jobs of the plan can live in Sidekiq. One that needs more memory than a small dyno has stays a scheduled job of
 * its own: it would take the worker down with it.
 */
export function placeSchedules(plan: Pick<Plan, 'components' | 'sidekiqCron'>): PlacedSchedules {
  const forSidekiq: SidekiqSchedule[] = [];
  const elsewhere: PlacedSchedules['elsewhere'] = [];
  const own = plan.components.flatMap(({ name, command, schedule, instanceSize }) =>
    schedule === null ? [] : [{ name, command, ...schedule, instanceSize }],
  );
  for (const job of [...plan.sidekiqCron.map((one) => ({ ...one, instanceSize: null })), ...own]) {
    const { name, command, cron, timeZone, instanceSize } = job;
    if (mayHoldSecret(command) || looksSecret(command))
      elsewhere.push({ name, why: 'its command may hold a secret, which is not written into a file' });
    else if (instanceSize !== null && !SMALL.test(instanceSize))
      elsewhere.push({ name, why: `it needs ${instanceSize}: too large to run beside a worker's own work` });
    else forSidekiq.push({ name, command, cron, timeZone });
  }
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return { forSidekiq: forSidekiq.sort(byName), elsewhere: elsewhere.sort(byName) };
}
