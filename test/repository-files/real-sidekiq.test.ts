import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { startHeroku } from '../../rehearsal/heroku/world.ts';
import type { RedisServer } from '../../rehearsal/servers/redis.ts';
import { startProcess, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { findRubySidekiq } from '../../rehearsal/servers/ruby-sidekiq.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { cronJobName, SCHEDULE_VARIABLE } from '../../src/migration/schedule-variable.ts';
import { enqueueDueRun } from '../../src/redis/jobs/due-run.ts';
import { scheduledCommandJob } from '../../src/repository-files/scheduled-command-job.ts';
import {
  commandsFile,
  scheduleFile,
  scheduleInitializer,
  type ScheduleLoading,
} from '../../src/repository-files/sidekiq-schedule.ts';
import type { SidekiqSchedule } from '../../src/repository-files/schedule-place.ts';
import { sidekiqWeb } from '../../src/repository-files/sidekiq-web.ts';
import { clientOf } from '../redis/two-sides.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { testRedis } from '../support/servers.ts';

const run = promisify(execFile);
const rubySidekiq = await inFullRun(() => findRubySidekiq(silentLog));

/** What a Rails app with sidekiq-cron would have loaded. */
const APPLICATION = `
require 'pathname'
require 'erb'
require 'sidekiq'
require 'sidekiq-cron'
module Rails
  def self.root; Pathname.new(__dir__); end
end
redis = { url: ENV['REDIS_URL'] }
Sidekiq.configure_client { |config| config.redis = redis }
Sidekiq.configure_server do |config|
  config.redis = redis
  Sidekiq::Options[:poll_interval_average] = 1
  Sidekiq::Options[:cron_poll_interval] = 1
end
require_relative 'app/jobs/scheduled_command_job'
load File.join(__dir__, 'config/initializers/scheduled_commands.rb')
`;

/** An application with the proposal merged; sidekiq-cron of Debian is older than what reads a template by itself. */
function merged(jobs: readonly SidekiqSchedule[], loading: ScheduleLoading = 'initializer'): string {
  const directory = temporaryDirectory('merged');
  const files = {
    'app.rb': APPLICATION,
    'app/jobs/scheduled_command_job.rb': scheduledCommandJob('default', '6.4.1'),
    'config/scheduled_commands.yml': commandsFile(jobs),
    'config/initializers/scheduled_commands.rb': scheduleInitializer(jobs, 'default', loading),
    'config/initializers/sidekiq_web.rb': sidekiqWeb(),
    ...(loading === 'by-itself' ? { 'config/schedule.yml': scheduleFile(jobs, 'default') } : {}),
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

function job(name: string, command: string, cron = '0 3 * * *', timeZone = 'UTC'): SidekiqSchedule {
  return { name, command, cron, timeZone };
}

/** Runs Ruby in the application's directory; its answer is what it prints. */
async function ask(
  directory: string,
  script: string,
  variables: Record<string, string> = {},
): Promise<string> {
  const { ruby, environment } = foundIn(rubySidekiq);
  const { stdout } = await run(ruby, ['-e', script], {
    cwd: directory,
    env: { ...environment, ...variables },
    timeout: 60_000,
  });
  return stdout.trim();
}

testNeeding([rubySidekiq], 'what is proposed is Ruby, whatever is in a command', async () => {
  const odd = [job('odd', `echo "it's #{1} \\\\ 'two' %w[x]" && echo <%= 1 %> # no comment`)];
  for (const loading of ['by-itself', 'initializer'] as const) {
    const directory = merged(odd, loading);
    for (const path of [
      'app/jobs/scheduled_command_job.rb',
      'config/initializers/scheduled_commands.rb',
      'config/initializers/sidekiq_web.rb',
    ]) {
      const { ruby, environment } = foundIn(rubySidekiq);
      const { stdout } = await run(ruby, ['-wc', path], { cwd: directory, env: environment });
      expect(stdout.trim()).toBe('Syntax OK');
    }
    const read = `require 'yaml'; print YAML.load_file('config/scheduled_commands.yml')['odd']['command']`;
    expect(await ask(directory, read)).toBe(odd[0]?.command);
  }
});

testNeeding(
  [rubySidekiq],
  'config/schedule.yml holds no job without the variable, and with it those that it names, at their true times',
  async () => {
    const redis = await testRedis();
    const jobs = [
      job('ten-minutes', 'true', '*/10 * * * *'),
      job('nightly', 'true', '30 3 * * *', 'Europe/Berlin'),
      job('not-here', 'true', '0 5 * * *'),
    ];
    const directory = merged(jobs, 'by-itself');
    const load = `require './app'
      Sidekiq.logger.level = Logger::FATAL
      schedule = YAML.load(ERB.new(File.read('config/schedule.yml')).result)
      raise 'no schedule' unless schedule.is_a?(Hash)
      Sidekiq::Cron::Job.load_from_hash!(schedule)
      from = EtOrbi.parse('2026-01-15 00:00:00 UTC')
      puts Sidekiq::Cron::Job.all.sort_by(&:name).map { |one|
        [one.name, one.klass, Fugit.parse_cron(one.cron).next_time(from).utc.strftime('%H:%M'), one.args.inspect].join(' ') }`;
    const where = { REDIS_URL: urlOf(redis) };
    const named = { ...where, [SCHEDULE_VARIABLE]: 'nightly,ten-minutes' };
    expect(await ask(directory, load, named)).toBe(
      [
        'scheduled-nightly ScheduledCommandJob 02:30 ["nightly"]',
        'scheduled-ten-minutes ScheduledCommandJob 00:10 ["ten-minutes"]',
      ].join('\n'),
    );
    // What a roll-back brings to Heroku's Redis is taken out there again.
    expect(await ask(directory, load, where)).toBe('');
  },
);

testNeeding(
  [rubySidekiq],
  'a command ends well, fails, is stopped with all its children, is not run twice at once, and is put back by a deployment',
  async () => {
    const redis = await testRedis();
    const directory = merged([
      job('good', 'echo done > good'),
      job('untidy', 'sleep 50 & echo $! > left'),
      job('bad', 'exit 3'),
      job('slow', `sh -c 'trap : TERM; echo $$ > child; while :; do sleep 0.1; done' & wait; sleep 60`),
      job('long', 'echo began >> long; exec sleep 30'),
    ]);
    const where = { REDIS_URL: urlOf(redis) };
    const within = (script: string): Promise<string> =>
      ask(
        directory,
        `require './app'\nrequire 'sidekiq/api'\nSidekiq.logger.level = Logger::FATAL\n${script}`,
        where,
      );
    expect(await within(`p ScheduledCommandJob.new.perform('good')`)).toBe('nil');
    expect(readFileSync(join(directory, 'good'), 'utf8')).toBe('done\n');
    const isAlive = (file: string): string =>
      `File.exist?("/proc/#{File.read('${file}').strip}/stat") && File.read("/proc/#{File.read('${file}').strip}/stat").split[2] != 'Z' ? 'lives' : 'gone'`;
    expect(await within(`ScheduledCommandJob.new.perform('untidy'); print(${isAlive('left')})`)).toBe('gone');
    const failed = `begin; ScheduledCommandJob.new.perform('bad'); rescue ScheduledCommandJob::Failed => e; print e.message; end`;
    expect(await within(failed)).toBe('bad: ended with exit code 3');
    // A child that does not hear SIGTERM, and a limit of a second.
    const limit = `ScheduledCommandJob.send(:remove_const, :GRACE_SECONDS); ScheduledCommandJob::GRACE_SECONDS = 1
      ScheduledCommandJob.define_singleton_method(:commands) { YAML.load_file('config/scheduled_commands.yml').each_value { |one| one['timeout'] = 1 } }`;
    const slow = `${limit}
      begin; ScheduledCommandJob.new.perform('slow'); rescue ScheduledCommandJob::Failed => e; puts e.message; end
      print(${isAlive('child')})`;
    expect(await within(slow)).toBe('slow: stopped after 1 seconds\ngone');
    const overlap = `
      first = Thread.new { ScheduledCommandJob.new.perform('long') }
      sleep 1
      ScheduledCommandJob.new.perform('long')
      puts File.readlines('long').size
      ScheduledCommandJob.end_all
      first.join
      puts Sidekiq::Queue.new('default').map { |one| [one.klass, one.args].inspect }.join
      print Sidekiq.redis { |connection| connection.call('EXISTS', 'scheduled_command:long') }`;
    expect(await within(overlap)).toBe('1\n["ScheduledCommandJob", ["long"]]\n0');
  },
);

testNeeding(
  [rubySidekiq],
  'merged and deployed to Heroku, nothing but Heroku Scheduler starts a job; where the variable is, the worker does',
  async () => {
    const redis = await testRedis();
    const diary = join(temporaryDirectory('diary'), 'starts');
    writeFileSync(diary, '');
    // Every second, so that the test need not wait for a minute.
    const directory = merged([job('note', `echo worker >> ${diary}`, '* * * * * *')]);
    const { ruby, sidekiq, environment } = foundIn(rubySidekiq);
    const words = [ruby, sidekiq, '-r', './app.rb', '-c', '2', '-q', 'default'];
    const exported = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`);
    writeFileSync(join(directory, 'worker.sh'), [...exported, `exec ${words.join(' ')}`].join('\n'));
    const starts = (): string[] =>
      readFileSync(diary, 'utf8')
        .split('\n')
        .filter((line) => line !== '');

    // What a way back has brought: a cron job of ours, and one of the application's own.
    const brought = `require './app'
      { 'scheduled-note' => 'ScheduledCommandJob', 'own' => 'Own' }.each { |name, klass|
        Sidekiq::Cron::Job.create('name' => name, 'cron' => '0 0 1 1 *', 'class' => klass, 'args' => ['note']) }
      print Sidekiq::Cron::Job.all.size`;
    expect(await ask(directory, brought, { REDIS_URL: urlOf(redis) })).toMatch(/2$/);

    const heroku = await startHeroku({
      log: silentLog,
      authority: await createAuthority('Heroku'),
      played: { schedulerMinuteMs: 100, shutdownSeconds: 5 },
    });
    try {
      const app = await heroku.createApp({
        name: 'stores',
        code: directory,
        processTypes: { worker: 'sh worker.sh' },
        formation: { worker: { quantity: 1, size: 'Standard-1X' } },
        config: { REDIS_URL: urlOf(redis) },
        domains: [],
        scheduler: [{ command: `echo scheduler >> ${diary}`, every: 10, at: 0 }],
      });
      expect(app).toBeDefined();
      await until(async () => (await redisCli(directory, urlOf(redis), 'SCARD', 'processes')) === '1');
      await delay(5_000);
      const lines = starts();
      expect(lines.length).toBeGreaterThan(2);
      expect(new Set(lines)).toEqual(new Set(['scheduler']));
      expect(await redisCli(directory, urlOf(redis), 'SCARD', 'cron_jobs')).toBe('1');
      expect(await redisCli(directory, urlOf(redis), 'EXISTS', 'cron_job:own')).toBe('1');
    } finally {
      await heroku.stop();
    }

    writeFileSync(diary, '');
    const newSide = startProcess('/bin/sh', ['worker.sh'], {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '', REDIS_URL: urlOf(redis), [SCHEDULE_VARIABLE]: 'note' },
      onLine: () => undefined,
    });
    await until(() => Promise.resolve(starts().length >= 3));
    expect(new Set(starts())).toEqual(new Set(['worker']));
    process.kill(newSide.pid, 'SIGTERM');
    await newSide.exited;
  },
  120_000,
);

testNeeding(
  [rubySidekiq],
  'a run that was missed is enqueued for a real worker and runs once; one that sidekiq-cron has enqueued is known',
  async () => {
    const server = await testRedis();
    const redis = clientOf({ host: server.host, port: server.port, tls: { mode: 'off' } });
    const diary = join(temporaryDirectory('diary'), 'starts');
    writeFileSync(diary, '');
    const directory = merged([
      job('yearly', `echo yearly >> ${diary}`, '0 0 1 1 *'),
      job('often', 'true', '* * * * * *'),
    ]);
    const { ruby, sidekiq, environment } = foundIn(rubySidekiq);
    const worker = startProcess(ruby, [sidekiq, '-r', './app.rb', '-c', '2', '-q', 'default'], {
      cwd: directory,
      env: { ...environment, REDIS_URL: urlOf(server), [SCHEDULE_VARIABLE]: 'yearly,often' },
      onLine: () => undefined,
    });
    const enqueue = (name: string, due: Date) => enqueueDueRun(redis, [cronJobName(name)], due, systemClock);
    const last = (): Promise<string | null> => redis.hget('cron_job:scheduled-often', 'last_enqueue_time');
    await until(async () => ((await last()) ?? '') !== '');
    expect(await enqueue('often', new Date((await last()) ?? ''))).toBe('known');

    // Noted as enqueued when the schedule was loaded.
    const due = new Date('2026-01-01T00:00:00Z');
    expect(await enqueue('yearly', due)).toBe('enqueued');
    expect(await enqueue('yearly', due)).toBe('known');
    await until(() => Promise.resolve(readFileSync(diary, 'utf8') !== ''));
    await delay(3_000);
    expect(readFileSync(diary, 'utf8')).toBe('yearly\n');
    process.kill(worker.pid, 'SIGTERM');
    await worker.exited;
  },
  120_000,
);

testNeeding(
  [rubySidekiq],
  "Sidekiq's pages are not there without the variables, and with them not without both",
  async () => {
    const redis = await testRedis();
    const directory = merged([job('note', 'true')]);
    expect(existsSync(join(directory, 'config/initializers/sidekiq_web.rb'))).toBe(true);
    const pages = `require './app'; require 'rack'; require 'rack/mock'
      module ActiveSupport; module SecurityUtils; def self.secure_compare(a, b); Rack::Utils.secure_compare(a, b); end; end; end
      $mounted = {}
      class Routes; def prepend(&block); instance_eval(&block); end; def mount(one); $mounted.merge!(one.to_h { |app, path| [path, app] }); end; end
      module Rails; def self.application; @application ||= Struct.new(:routes).new(Routes.new); end; end
      load 'config/initializers/sidekiq_web.rb'
      app = $mounted['/sidekiq']
      if app.nil? then print 'none'
      else
        ask = lambda { |header| Rack::MockRequest.new(app).get('/', 'rack.session' => {}, 'HTTP_AUTHORIZATION' => header).status }
        basic = lambda { |text| "Basic #{[text].pack('m0')}" }
        print [ask.call(nil), ask.call(basic.call('ada:wrong')), ask.call(basic.call('eve:pa:ss')), ask.call(basic.call('ada:')), ask.call(basic.call('ada:pa:ss'))].join(' ')
      end`;
    const where = { REDIS_URL: urlOf(redis) };
    expect(await ask(directory, pages, where)).toBe('none');
    expect(await ask(directory, pages, { ...where, SIDEKIQ_WEB_USER: 'ada' })).toBe('none');
    expect(await ask(directory, pages, { ...where, SIDEKIQ_WEB_PASSWORD: 'x' })).toBe('none');
    const both = { ...where, SIDEKIQ_WEB_USER: 'ada', SIDEKIQ_WEB_PASSWORD: 'pa:ss' };
    expect(await ask(directory, pages, both)).toBe('401 401 401 401 200');
  },
);

function urlOf({ host, port }: RedisServer): string {
  return `redis://${host}:${port}/0`;
}

function redisCli(directory: string, url: string, ...command: string[]): Promise<string> {
  const words = command.map((word) => `'${word}'`).join(', ');
  return ask(directory, `require 'redis'; print Redis.new(url: ENV['REDIS_URL']).call(${words})`, {
    REDIS_URL: url,
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    if (await condition()) return;
    await delay(500);
  }
  throw new Error('It did not come to pass within 30 seconds.');
}
