import { cronJobName, SCHEDULE_VARIABLE } from '../migration/schedule-variable.ts';
import { yamlText } from '../migration/yaml-text.ts';
import { MARK } from './build-facts.ts';
import type { SidekiqSchedule } from './schedule-place.ts';

/** How the locked version of sidekiq-cron gets its schedule. */
export type ScheduleLoading =
  /** Since 1.12.0, or not in the lock file yet: it reads config/schedule.yml as a template when Sidekiq starts. */
  | 'by-itself'
  /** Before: it reads no file, or one that is no template, so that an initializer makes the jobs. */
  | 'initializer';

/** The first version that is known to read the file as a template and to leave other jobs alone. */
export const LOADS_TEMPLATE_SINCE = '1.12.0';

/** How long a command may run unless somebody writes more. */
const TIMEOUT_SECONDS = 1_800;

/** config/schedule.yml: a job is in it only where the variable names it, so that nothing is scheduled on Heroku. */
export function scheduleFile(jobs: readonly SidekiqSchedule[], queue: string): string {
  const names = jobs.map(({ name }) => name);
  return [
    `# ${MARK}: what Heroku Scheduler runs, for sidekiq-cron (${LOADS_TEMPLATE_SINCE} or later).`,
    '# It is yours: what you edit is not touched again.',
    '#',
    `# A job is scheduled only where the variable ${SCHEDULE_VARIABLE} names it. Heroku has no such variable, so that`,
    '# nothing fires there; provision sets it on the new side for jobs with `runs-in: sidekiq-cron` in migration.yml.',
    `<% here = ENV.fetch('${SCHEDULE_VARIABLE}', '').split(',') %>`,
    ...jobs.flatMap(({ name, cron, timeZone }) => [
      `<% if here.include?('${name}') %>`,
      `${cronJobName(name)}:`,
      `  cron: ${JSON.stringify(`${cron} ${timeZone}`)}`,
      '  class: ScheduledCommandJob',
      `  queue: ${yamlText(queue)}`,
      `  args: [${JSON.stringify(name)}]`,
      '<% end %>',
    ]),
    `<%= '{}' if (here & %w[${names.join(' ')}]).empty? %>`,
    '',
  ].join('\n');
}

/** config/scheduled_commands.yml: what each job runs, and for how long it may. */
export function commandsFile(jobs: readonly SidekiqSchedule[]): string {
  return [
    `# ${MARK}: the commands of Heroku Scheduler, which ScheduledCommandJob runs.`,
    '# It is yours: what you edit is not touched again. `timeout` is in seconds. What runs for long, or needs more memory',
    '# than the worker has to spare, belongs into a scheduled job of App Platform: leave `runs-in` out in migration.yml.',
    ...jobs.flatMap(({ name, command }) => [
      `${yamlText(name)}:`,
      `  command: ${JSON.stringify(command.trim())}`,
      `  timeout: ${TIMEOUT_SECONDS}`,
    ]),
    '',
  ].join('\n');
}

/** config/initializers/scheduled_commands.rb: passes signals on, and schedules where sidekiq-cron cannot by itself. */
export function scheduleInitializer(
  jobs: readonly SidekiqSchedule[],
  queue: string,
  loading: ScheduleLoading,
): string {
  const entry = ({ name, cron, timeZone }: SidekiqSchedule): string =>
    `  ${rubyText(name)} => ${rubyText(`${cron} ${timeZone}`)}`;
  return [
    '# frozen_string_literal: true',
    '',
    `# ${MARK}: commands that Sidekiq runs are told to end when the worker is.`,
    '# It is yours: what you edit is not touched again.',
    'Sidekiq.configure_server do |config|',
    '  config.on(:shutdown) { ScheduledCommandJob.end_all }',
    '',
    `  # A job is scheduled only where ${SCHEDULE_VARIABLE} names it. Heroku has no such variable, so that nothing fires there;`,
    '  # what a way back has brought to its Redis is taken out. Jobs of other names are left alone.',
    '  config.on(:startup) do',
    '    next unless defined?(Sidekiq::Cron::Job)',
    '',
    `    here = ENV.fetch('${SCHEDULE_VARIABLE}', '').split(',')`,
    '    elsewhere = ScheduledCommandJob.commands.keys - here',
    '    elsewhere.each { |name| Sidekiq::Cron::Job.destroy("scheduled-#{name}") }',
    ...(loading === 'by-itself'
      ? []
      : [
          '',
          '    # This version of sidekiq-cron reads no template by itself.',
          '    {',
          `    ${jobs.map(entry).join(',\n    ')}`,
          '    }.slice(*here).each do |name, cron|',
          '      Sidekiq::Cron::Job.create(',
          `        'name' => "scheduled-#{name}", 'cron' => cron, 'class' => 'ScheduledCommandJob',`,
          `        'queue' => ${rubyText(queue)}, 'args' => [name]`,
          '      )',
          '    end',
        ]),
    '  end',
    'end',
    '',
  ].join('\n');
}

/** A string of Ruby in single quotes. */
export function rubyText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
