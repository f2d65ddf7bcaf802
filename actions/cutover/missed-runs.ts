import { z } from 'zod';

import { readApp } from '../../src/digitalocean/app.ts';
import { componentName } from '../../src/digitalocean/app-spec.ts';
import { messageOf } from '../../src/errors.ts';
import { parkedSince } from '../../src/heroku/released-since.ts';
import { cronRuns } from '../../src/migration/cron-runs.ts';
import { cronProblem } from '../../src/migration/cron.ts';
import type { Json } from '../../src/migration/json.ts';
import { targetNames } from '../../src/migration/names.ts';
import { latestSection } from '../../src/migration/record.ts';
import { cronJobName } from '../../src/migration/schedule-variable.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { enqueueDueRun } from '../../src/redis/jobs/due-run.ts';
import type { DueRun } from '../../src/redis/jobs/due-run.ts';
import { inEachDatabase } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import type { Subject } from '../subject.ts';

export const MISSED_RUNS = 'missed-runs';

const missedRun = z.object({
  name: z.string(),
  command: z.string(),
  /** When it was due; run once all the same. */
  due: z.array(z.string()),
  /** `enqueued`: by this cutover; `already`: by sidekiq-cron itself; `by-hand`: a person must, and why. */
  outcome: z.enum(['enqueued', 'already', 'by-hand']),
  why: z.string().nullable(),
  /** Opens a shell on the new side, in which to run `command`. */
  shell: z.string().nullable(),
});

/** A scheduled job that was due when Heroku had no code to run it with and the new side was still closed. */
export type MissedRun = z.infer<typeof missedRun>;

/** Those in the step's result; none of a cutover that was made before there was such a step. */
export function missedRunsIn(result: Json): MissedRun[] {
  return z.object({ runs: z.array(missedRun) }).safeParse(result).data?.runs ?? [];
}

const planned = z.object({
  plan: z.object({
    components: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        command: z.string(),
        schedule: z.object({ cron: z.string(), timeZone: z.string() }).nullable(),
      }),
    ),
    sidekiqCron: z
      .array(z.object({ name: z.string(), command: z.string(), cron: z.string(), timeZone: z.string() }))
      .default([]),
  }),
});

interface Schedule {
  name: string;
  command: string;
  cron: string;
  timeZone: string;
  inSidekiq: boolean;
}

/**
 * Each schedule that was due between the two moments, with its times. Heroku Scheduler starts a job late at times: one
 * that was due before the first and late is not known to be missed, and not among them.
 */
export function missedBetween(
  subject: Pick<Subject, 'config' | 'record'>,
  stopped: Date,
  opened: Date,
): { schedule: Schedule; due: Date[] }[] {
  return schedulesOf(subject).flatMap((schedule) => {
    if (cronProblem(schedule.cron) !== undefined) return [];
    const due = cronRuns({ expression: schedule.cron, timeZone: schedule.timeZone }, stopped, opened);
    return due.length === 0 ? [] : [{ schedule, due }];
  });
}

/** A worker's boot, which is when sidekiq-cron loads its schedules. */
const BOOT_MS = 90_000;
const LOOK_MS = 1_000;

/**
 * What neither side ran is run once on the new side: a job of sidekiq-cron is enqueued as sidekiq-cron would have. What
 * App Platform starts is told with its command, since its API lists, cancels and shows runs and has nothing that starts
 * one. What cannot be enqueued is told, too, and fails nothing.
 */
export function runMissed(parties: Parties, resultOf: (step: string) => Promise<Json>): Step {
  return defineStep({
    name: MISSED_RUNS,
    act: async (_prior, { signal }) => {
      const { subject, oldSide, clock, log } = parties;
      const opened = z.object({ at: z.iso.datetime() }).safeParse(await resultOf('open-new-side')).data?.at;
      const stopped = await parkedSince(oldSide.heroku, oldSide.app);
      if (opened === undefined || stopped === undefined) return { runs: [] };
      const until = clock.now().getTime() + BOOT_MS;
      const runs: MissedRun[] = [];
      for (const { schedule, due } of missedBetween(subject, stopped, new Date(opened))) {
        const { outcome, why } = schedule.inSidekiq
          ? await enqueueOnce({ ...parties, signal }, schedule, due.at(-1) ?? stopped, until)
          : { outcome: 'by-hand' as const, why: 'App Platform has no way to start a scheduled job' };
        runs.push({
          name: schedule.name,
          command: schedule.command,
          due: due.map((one) => one.toISOString()),
          outcome,
          why,
          shell: outcome === 'by-hand' ? await shellOf(parties) : null,
        });
      }
      for (const run of runs) {
        if (run.outcome === 'by-hand') log.warning(describeMissed(run));
        else log.info(describeMissed(run));
      }
      return { runs: runs.map((run) => ({ ...run })) };
    },
  });
}

/** One line, with what is to be done. */
export function describeMissed({ name, command, due, outcome, why, shell }: MissedRun): string {
  const was = `${name} was due at ${due.join(', ')}, and neither side ran it`;
  switch (outcome) {
    case 'enqueued':
      return `${was}: it is enqueued in Sidekiq on the new side, once.`;
    case 'already':
      return `${was}: Sidekiq on the new side has it already.`;
    case 'by-hand':
      return `${was}. Run it once by hand (${why ?? 'nobody else does'}): ${shell === null ? '' : `${shell}, and there: `}${command}`;
  }
}

async function enqueueOnce(
  { newSide, clock, log, signal }: Parties,
  { name }: Schedule,
  due: Date,
  until: number,
): Promise<Pick<MissedRun, 'outcome' | 'why'>> {
  const names = [cronJobName(name), name];
  const side = { redis: newSide.redis?.admin };
  try {
    for (;;) {
      const found = await inEachDatabase(side, { log, signal }, (redis) =>
        enqueueDueRun(redis, names, due, clock),
      );
      const is = (one: DueRun): boolean => found.includes(one);
      if (is('enqueued')) return { outcome: 'enqueued', why: null };
      if (is('known')) return { outcome: 'already', why: null };
      if (clock.now().getTime() > until)
        return { outcome: 'by-hand', why: 'no worker of the new side has loaded a schedule of that name' };
      await clock.sleep(LOOK_MS, signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: 'by-hand', why: messageOf(error) };
  }
}

/** In a worker, if there is one: a scheduled job has no place of its own that runs all the time. */
async function shellOf({ subject, newSide }: Parties): Promise<string | null> {
  const components = planOf(subject)?.components ?? [];
  const running = ['worker', 'service'].map((kind) => components.find((one) => one.kind === kind));
  const component = running.find((one) => one !== undefined);
  const names = targetNames(subject.environment.migrationId, subject.config.application);
  const app = await readApp(newSide.client, names.app).catch(() => undefined);
  if (component === undefined || app === undefined) return null;
  return `doctl apps console ${app.id} ${componentName(component.name)}`;
}

/** As the plan has them; by migration.yml where the record holds none. */
function schedulesOf({ config, record }: Pick<Subject, 'config' | 'record'>): Schedule[] {
  const plan = planOf({ record });
  if (plan === undefined)
    return config.schedule.map(({ name, command, cron, timeZone, runsIn }) => ({
      ...{ name, command, cron, timeZone },
      inSidekiq: runsIn === 'sidekiq-cron',
    }));
  return [
    ...plan.components.flatMap(({ name, command, schedule }) =>
      schedule === null ? [] : [{ name, command, ...schedule, inSidekiq: false }],
    ),
    ...plan.sidekiqCron.map((job) => ({ ...job, inSidekiq: true })),
  ];
}

function planOf({ record }: Pick<Subject, 'record'>): z.infer<typeof planned>['plan'] | undefined {
  return latestSection(record, 'assess', planned)?.plan;
}
