import { parse } from 'yaml';
import { z } from 'zod';
import { createStill, readFileOf, type Trial } from '../../src/docker/throw-away.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Provisioning } from './provision.ts';

/** What says which command a job of the schedule runs, and what schedules it: sidekiq-cron itself, or ours before 1.12. */
const COMMANDS = 'config/scheduled_commands.yml';
const SCHEDULES = [
  'config/schedule.yml',
  'config/schedule.yaml',
  'config/initializers/scheduled_commands.rb',
];
const JOB = 'app/jobs/scheduled_command_job.rb';

const commandsSchema = z.record(z.string(), z.unknown());

/**
 * The image holds the schedule of each job that migration.yml gives to sidekiq-cron: nothing else would start it on the
 * new side. Looks at the image's files without running anything of it.
 *
 * @throws ConfigurationError naming the jobs and the files that are missing
 */
export async function requireSchedule(p: Provisioning, trial: Trial, image: string): Promise<void> {
  const jobs = p.plan.sidekiqCron.map(({ name }) => name);
  if (jobs.length === 0) return;
  const files = await filesOf(trial, image, [COMMANDS, JOB, ...SCHEDULES]);
  const lacking = [
    ...[COMMANDS, JOB].filter((path) => !files.has(path)),
    ...(SCHEDULES.some((path) => files.has(path)) ? [] : [SCHEDULES[0] ?? '']),
  ];
  if (lacking.length > 0) throw missing(jobs, `it has no ${lacking.join(' and no ')}`);
  const commands = commandsSchema.safeParse(parsed(files.get(COMMANDS) ?? ''));
  if (!commands.success) throw missing(jobs, `its ${COMMANDS} cannot be read`);
  const scheduled = SCHEDULES.map((path) => files.get(path) ?? '').join('\n');
  const absent = jobs.filter((name) => !(name in commands.data) || !scheduled.includes(name));
  if (absent.length > 0) throw missing(absent, `its schedule does not name ${absent.join(', ')}`);
  p.edge.log.info(`The image holds the schedule of ${jobs.join(', ')} for sidekiq-cron.`);
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function missing(jobs: readonly string[], why: string): ConfigurationError {
  return new ConfigurationError(
    `migration.yml gives ${jobs.join(', ')} to sidekiq-cron (\`runs-in: sidekiq-cron\`), and the image would start none of it: ${why}. ` +
      'Merge the pull request with the files for the repository and build the image again, or leave `runs-in` out: then App ' +
      'Platform starts them. Nothing was changed.',
  );
}

/** The files that are there, by their paths below the image's working directory. */
async function filesOf(trial: Trial, image: string, paths: readonly string[]): Promise<Map<string, string>> {
  const asked = ['image', 'inspect', '--format', '{{.Config.WorkingDir}}', image];
  const home = (await trial.docker(asked)).trim().replace(/\/$/, '');
  const container = await createStill(trial, image);
  const found = new Map<string, string>();
  for (const path of paths) {
    const text = await readFileOf(trial, container, `${home}/${path}`);
    if (text !== undefined) found.set(path, text);
  }
  return found;
}
