import { expect, test } from '@jest/globals';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { blockersIn } from '../../src/migration/item.ts';
import { buildPlan, planDigest, type Plan } from '../../src/migration/plan.ts';
import { scheduleVariables } from '../../src/migration/schedule-variable.ts';
import { config, input, inventory } from './support/assessed-app.ts';

const inSidekiq = config.schedule.map((job) => ({ ...job, runsIn: 'sidekiq-cron' as const }));

function planned(worker: string): Plan {
  return buildPlan(
    input({
      config: { ...config, schedule: inSidekiq },
      inventory: { ...inventory, processTypes: { ...inventory.processTypes, worker } },
    }),
  );
}

test('`runs-in: sidekiq-cron` is read, and left out means App Platform', () => {
  const text = `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra }
schedule:
  - { name: one-job, command: rake one, cron: "0 3 * * *", runs-in: sidekiq-cron }
  - { name: other-job, command: rake other, cron: "0 4 * * *" }
`;
  expect(parseMigrationConfig(text, 'migration.yml').schedule).toEqual([
    { name: 'one-job', command: 'rake one', cron: '0 3 * * *', timeZone: 'UTC', runsIn: 'sidekiq-cron' },
    { name: 'other-job', command: 'rake other', cron: '0 4 * * *', timeZone: 'UTC' },
  ]);
  expect(() => parseMigrationConfig(text.replace('sidekiq-cron }', 'cron }'), 'migration.yml')).toThrow(
    /line 5/,
  );
});

test('a job has one home: named to sidekiq-cron it is no component, and the digest tells the two apart', () => {
  const plan = planned('bundle exec sidekiq -c 5');
  expect(plan.components.filter(({ kind }) => kind === 'scheduled')).toEqual([]);
  expect(plan.sidekiqCron.map(({ name }) => name)).toEqual(['nightly']);
  expect(scheduleVariables(plan)).toEqual([{ key: 'H2D_SCHEDULE', value: 'nightly', secret: false }]);
  expect(plan.items.find(({ id }) => id === 'schedule/nightly')).toMatchObject({
    verdict: 'automatic',
    becomes: 'sidekiq-cron in worker, 0 3 * * * UTC',
  });

  const other = buildPlan(input());
  expect(other.components.filter(({ kind }) => kind === 'scheduled')).toHaveLength(1);
  expect(scheduleVariables(other)).toEqual([]);
  expect(planDigest(plan)).not.toBe(planDigest(other));
});

test('without a worker that runs Sidekiq the job would never start: the plan is blocked', () => {
  const plan = planned('bundle exec good_job start');
  expect(blockersIn(plan.items).map(({ id }) => id)).toEqual(['schedule/nightly']);
});
