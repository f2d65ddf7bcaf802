import { placeSchedules, type SidekiqSchedule } from './schedule-place.ts';
import { scheduledCommandJob } from './scheduled-command-job.ts';
import {
  commandsFile,
  LOADS_TEMPLATE_SINCE,
  scheduleFile,
  scheduleInitializer,
  type ScheduleLoading,
} from './sidekiq-schedule.ts';
import { sidekiqWeb, WEB_VARIABLES } from './sidekiq-web.ts';
import type { FilesInput, RepositoryFiles } from './repository-files.ts';
import { atLeast } from './version-order.ts';

/** Older ones have no version of sidekiq-cron that fits. */
const SIDEKIQ_SINCE = '6.0.0';

/** For Rails with Sidekiq: what sidekiq-cron needs to start the jobs of Heroku Scheduler. */
export function sidekiqFiles({ plan, facts, build }: FilesInput): RepositoryFiles {
  const nothing: RepositoryFiles = { files: [], checks: [], told: [], snippets: [] };
  const sidekiq = build.gems['sidekiq'] ?? null;
  const worker = plan.components.find(
    ({ kind, command }) => kind === 'worker' && /\bsidekiq(swarm)?\b/.test(command),
  );
  if (facts.rails === null || sidekiq === null || worker === undefined) return nothing;
  const { forSidekiq: jobs, elsewhere } = placeSchedules(plan);
  const told = elsewhere.map(({ name, why }) => `The scheduled job ${name} stays with App Platform: ${why}.`);
  if (jobs.length === 0) return { ...nothing, told };
  if (!atLeast(sidekiq, SIDEKIQ_SINCE)) {
    const old = `Nothing is proposed for sidekiq-cron: Sidekiq ${sidekiq} is older than ${SIDEKIQ_SINCE}. App Platform starts every job.`;
    return { ...nothing, told: [...told, old] };
  }

  const cron = build.gems['sidekiq-cron'] ?? null;
  const loading: ScheduleLoading =
    cron === null || atLeast(cron, LOADS_TEMPLATE_SINCE) ? 'by-itself' : 'initializer';
  const queue = queueOf(worker.command, build.queues);
  const theirs =
    build.files.some((path) => /^config\/schedule\.ya?ml$/.test(path)) &&
    !build.ours.includes('config/schedule.yml');
  const schedule = scheduleFile(jobs, queue);
  const files = [
    {
      path: 'config/scheduled_commands.yml',
      content: commandsFile(jobs),
      why: 'what Heroku Scheduler runs, with a time limit each',
    },
    {
      path: 'app/jobs/scheduled_command_job.rb',
      content: scheduledCommandJob(queue, sidekiq),
      why: 'runs one of them in a process of its own: no overlap, a time limit, signals passed on, no retries; it says so at its top',
    },
    {
      path: 'config/initializers/scheduled_commands.rb',
      content: scheduleInitializer(jobs, queue, loading),
      why:
        loading === 'by-itself'
          ? 'tells a running command to end when the worker is told to'
          : `schedules them, as sidekiq-cron ${cron ?? ''} reads no template by itself, and tells a running command to end with the worker`,
    },
    ...(loading === 'by-itself' && !theirs
      ? [
          {
            path: 'config/schedule.yml',
            content: schedule,
            why: 'when each runs, at the times that Heroku Scheduler has; sidekiq-cron reads it when a worker starts. Nothing in it fires on Heroku',
          },
        ]
      : []),
    ...(build.apiOnly
      ? []
      : [
          {
            path: 'config/initializers/sidekiq_web.rb',
            content: sidekiqWeb(),
            why: `Sidekiq's pages at /sidekiq behind a password; without ${WEB_VARIABLES.join(' and ')} they do not exist`,
          },
        ]),
  ];
  return {
    files,
    checks: [
      ...(cron === null
        ? [
            `sidekiq-cron is not in Gemfile.lock. In this branch: \`bundle add sidekiq-cron --version ">= ${LOADS_TEMPLATE_SINCE}"\`, and commit Gemfile and Gemfile.lock. (Neither is changed here: a lock file that was not made by bundler stops every build, on Heroku too.)`,
          ]
        : []),
      `To let sidekiq-cron start a job (${namesOf(jobs)}): merge this, write \`runs-in: sidekiq-cron\` at it under \`schedule\` in migration.yml, and run assess again. Until then App Platform starts it, as a job of its own with memory of its own.`,
    ],
    told: [
      ...told,
      ...(build.apiOnly
        ? ["Sidekiq's pages are not proposed: the app is `api_only` and has no sessions, which they need."]
        : []),
    ],
    snippets:
      theirs && loading === 'by-itself'
        ? [{ title: 'For your config/schedule.yml', language: 'erb', text: schedule }]
        : [],
  };
}

function namesOf(jobs: readonly SidekiqSchedule[]): string {
  return jobs.map(({ name }) => name).join(', ');
}

/** A queue that the worker looks at: `default`, unless it does not. */
function queueOf(command: string, queues: readonly string[]): string {
  const given = [...command.matchAll(/(?:^|\s)(?:-q|--queue)[\s=]+([\w-]{1,60})/g)].map(
    (found) => found[1] ?? '',
  );
  const all = given.length > 0 ? given : queues;
  return all.length === 0 || all.includes('default') ? 'default' : (all[0] ?? 'default');
}
