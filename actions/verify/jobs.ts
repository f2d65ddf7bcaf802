import { z } from 'zod';

import type { Check } from '../../src/checks/result.ts';
import type { App } from '../../src/digitalocean/app.ts';
import { lastInvocation } from '../../src/digitalocean/job-invocations.ts';
import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { scheduleChecks, type CronEntry, type PlatformJob } from '../../src/checks/schedules.ts';
import { workerChecks } from '../../src/checks/workers.ts';
import { readCronEntries } from '../../src/redis/jobs/cron-entries.ts';
import { readJobs, type WorkerProcess } from '../../src/redis/jobs/index.ts';
import { inEachDatabase } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import { recordedPlan } from './recorded-plan.ts';

const scheduled = z.object({
  jobs: z
    .array(
      z.looseObject({
        name: z.string(),
        kind: z.string().nullish(),
        schedule: z.object({ cron: z.string(), time_zone: z.string().default('UTC') }).nullish(),
      }),
    )
    .nullish(),
});

/** The opening costs a worker one boot; then it reports within ten seconds. */
const BOOT_MS = 90_000;
const LOOK_MS = 1_000;

/** Every schedule with its next time, and after the switch Sidekiq's processes. */
export async function jobChecks(
  parties: Parties,
  app: App | undefined,
  openSince: Date | undefined,
): Promise<Check[]> {
  const plan = recordedPlan(parties.subject);
  const wanted =
    plan === undefined
      ? parties.subject.config.schedule.map(({ name, cron, timeZone, runsIn = 'app-platform' as const }) => ({
          name,
          cron,
          timeZone,
          runsIn,
        }))
      : [
          ...plan.components.flatMap(({ name, schedule }) =>
            schedule === null ? [] : [{ name, ...schedule, runsIn: 'app-platform' as const }],
          ),
          ...plan.sidekiqCron.map(({ name, cron, timeZone }) => ({
            name,
            cron,
            timeZone,
            runsIn: 'sidekiq-cron' as const,
          })),
        ];
  return [
    ...scheduleChecks(
      wanted,
      {
        platform: app === undefined ? [] : await platformJobs(parties, app, openSince !== undefined),
        sidekiqCron: await cronEntries(parties),
      },
      { now: parties.clock.now(), openSince },
    ),
    ...workerChecks(await liveProcesses(parties, openSince !== undefined), openSince !== undefined),
  ];
}

/** While the new side is closed nothing that fires does anything: only then nobody asks. */
async function platformJobs({ newSide }: Parties, app: App, open: boolean): Promise<PlatformJob[]> {
  const jobs = (scheduled.parse(app.spec).jobs ?? []).flatMap(({ name, kind, schedule }) =>
    kind === 'SCHEDULED' && schedule != null
      ? [{ name, cron: schedule.cron, timeZone: schedule.time_zone }]
      : [],
  );
  const found: PlatformJob[] = [];
  for (const job of jobs)
    found.push({
      ...job,
      fired: open ? await lastFired(newSide.client, app.id, job.name) : { last: undefined },
    });
  return found;
}

async function lastFired(
  client: Parties['newSide']['client'],
  appId: string,
  job: string,
): Promise<PlatformJob['fired']> {
  try {
    return { last: await lastInvocation(client, appId, job) };
  } catch (error) {
    if (!(error instanceof DigitalOceanError)) throw error;
    return { unknown: error.message };
  }
}

async function cronEntries({ newSide, log, signal }: Parties): Promise<CronEntry[]> {
  const side = { redis: newSide.redis?.admin };
  return (await inEachDatabase(side, { log, signal }, readCronEntries)).flat();
}

/** Undefined: nothing tells of Sidekiq. After the switch its workers are waited for while they boot. */
async function liveProcesses(
  { newSide, clock, log, signal }: Parties,
  open: boolean,
): Promise<WorkerProcess[] | undefined> {
  const side = { redis: newSide.redis?.admin };
  const started = clock.now().getTime();
  for (;;) {
    const found = await inEachDatabase(side, { log, signal }, readJobs);
    if (found.every(({ present }) => !present)) return undefined;
    const processes = found.flatMap((one) => one.processes);
    if (!open || processes.length > 0 || clock.now().getTime() - started > BOOT_MS) return processes;
    await clock.sleep(LOOK_MS, signal);
  }
}
