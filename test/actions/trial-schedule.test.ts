import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { requireSchedule } from '../../actions/provision/trial-schedule.ts';
import { startDocker, type DockerWorld } from '../../rehearsal/docker/world.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { createDocker } from '../../src/docker/docker.ts';
import { clearTrial, openTrial } from '../../src/docker/throw-away.ts';
import {
  commandsFile,
  scheduleFile,
  scheduleInitializer,
} from '../../src/repository-files/sidekiq-schedule.ts';

const JOBS = [
  { name: 'nightly-report', command: 'bin/rails reports:nightly', cron: '0 3 * * *', timeZone: 'UTC' },
  { name: 'sync-stock', command: 'bin/rails stock:sync', cron: '*/10 * * * *', timeZone: 'Europe/Berlin' },
];
const IMAGES: Record<string, Record<string, string>> = {
  complete: {
    'config/scheduled_commands.yml': commandsFile(JOBS),
    'config/schedule.yml': scheduleFile(JOBS, 'default'),
    'app/jobs/scheduled_command_job.rb': '# the job',
  },
  'older-gem': {
    'config/scheduled_commands.yml': commandsFile(JOBS),
    'config/initializers/scheduled_commands.rb': scheduleInitializer(JOBS, 'default', 'initializer'),
    'app/jobs/scheduled_command_job.rb': '# the job',
  },
  'of-last-month': {
    'config/scheduled_commands.yml': commandsFile(JOBS.slice(1)),
    'config/schedule.yml': scheduleFile(JOBS.slice(1), 'default'),
    'app/jobs/scheduled_command_job.rb': '# the job',
  },
  'before-the-merge': { Gemfile: "gem 'sidekiq'" },
  unreadable: {
    'config/scheduled_commands.yml': '- just\n- a list\n',
    'config/schedule.yml': scheduleFile(JOBS, 'default'),
    'app/jobs/scheduled_command_job.rb': '# the job',
  },
};

let docker: DockerWorld;
const path = process.env.PATH;

beforeAll(async () => {
  docker = await startDocker({
    images: (reference) => {
      const files = IMAGES[reference];
      if (files === undefined) return undefined;
      const code = temporaryDirectory('image');
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(code, name)), { recursive: true });
        writeFileSync(join(code, name), text);
      }
      return { code, workingDirectory: '/rails' };
    },
  });
  process.env.PATH = `${docker.bin}${delimiter}${path ?? ''}`;
});
afterAll(async () => {
  process.env.PATH = path;
  await docker.stop();
  await stopAll();
});

async function look(image: string, jobs = JOBS): Promise<string[]> {
  const lines: string[] = [];
  const program = createDocker({ redact: (text) => text });
  const trial = await openTrial(program, `h2d-trial-${image}`, temporaryDirectory('trial'));
  await program(['pull', '--quiet', image]);
  try {
    const p = { plan: { sidekiqCron: jobs }, edge: { log: { info: (line: string) => lines.push(line) } } };
    await requireSchedule(p as never, trial, image);
  } finally {
    await clearTrial(program, trial.mark, trial.directory);
  }
  return lines;
}

test.each(['complete', 'older-gem'])(
  'an image with the schedule (%s) is accepted, and nothing of it ran',
  async (image) => {
    expect(await look(image)).toEqual([
      'The image holds the schedule of nightly-report, sync-stock for sidekiq-cron.',
    ]);
    expect(docker.calls.filter(({ args }) => args[0] === 'run')).toEqual([]);
    expect(docker.containers()).toEqual([]);
  },
);

test.each([
  [
    'before-the-merge',
    'it has no config/scheduled_commands.yml and no app/jobs/scheduled_command_job.rb and no config/schedule.yml',
  ],
  ['of-last-month', 'its schedule does not name nightly-report'],
  ['unreadable', 'its config/scheduled_commands.yml cannot be read'],
])('one without it (%s) is refused with what is missing', async (image, why) => {
  await expect(look(image)).rejects.toThrow(why);
  expect(docker.containers()).toEqual([]);
});

test('where App Platform starts every job, nothing is looked for', async () => {
  expect(await look('before-the-merge', [])).toEqual([]);
});

test('flags that are not played are refused', async () => {
  const program = createDocker({ redact: (text) => text });
  await expect(program(['run', '--privileged', 'complete'])).rejects.toThrow('unknown flag: --privileged');
  await expect(program(['compose', 'up'])).rejects.toThrow('unknown command: docker compose up');
});
