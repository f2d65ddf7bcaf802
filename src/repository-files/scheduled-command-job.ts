import { MARK } from './build-facts.ts';
import { rubyText } from './sidekiq-schedule.ts';
import { atLeast } from './version-order.ts';

/** Since this version Sidekiq calls it so; before it is `Sidekiq::Worker` alone. */
const JOB_SINCE = '6.3.0';

/** Below the 25 seconds that Sidekiq waits for its jobs. */
const GRACE_SECONDS = 10;

/** app/jobs/scheduled_command_job.rb, for the locked version of Sidekiq. */
export function scheduledCommandJob(queue: string, sidekiq: string | null): string {
  const module = sidekiq !== null && !atLeast(sidekiq, JOB_SINCE) ? 'Sidekiq::Worker' : 'Sidekiq::Job';
  return `# frozen_string_literal: true

require 'securerandom'
require 'yaml'

# ${MARK}. It is yours: what you edit is not touched again.
#
# Runs a command of config/scheduled_commands.yml in a process of its own, as Heroku Scheduler ran it in a dyno of its own.
#
# - No overlap: while a command runs, on whichever worker, the next start of it is left out and told in the log.
# - Timeout: after its seconds it gets SIGTERM, ${GRACE_SECONDS} s later SIGKILL, with everything that it has started.
# - Retries: none. One that fails lies among Sidekiq's dead jobs, from where a person may run it again, and runs next at
#   its next time.
# - Deployments: when the worker is told to end the command is, too, and it is put back into its queue: the next worker
#   runs it again from its beginning.
class ScheduledCommandJob
  include ${module}
  sidekiq_options queue: ${rubyText(queue)}, retry: 0

  class Failed < StandardError; end

  GRACE_SECONDS = ${GRACE_SECONDS}
  LOCK_SECONDS = 60
  LOOK_SECONDS = 0.25
  RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) else return 0 end"
  RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"

  class << self
    # The worker was told to end.
    def end_all
      @ending = true
    end

    def ending?
      @ending == true
    end

    def commands
      YAML.safe_load(File.read(Rails.root.join('config', 'scheduled_commands.yml')))
    end
  end

  def perform(name)
    entry = self.class.commands.fetch(name)
    token = SecureRandom.hex
    unless redis('SET', lock_of(name), token, 'NX', 'EX', LOCK_SECONDS)
      Sidekiq.logger.warn("#{name}: the last one still runs, so this start is left out")
      return
    end
    begin
      result = run(name, entry, token)
    ensure
      redis('EVAL', RELEASE, 1, lock_of(name), token)
    end
    return if result == :success
    raise Failed, "#{name}: #{result}" unless result == :cut_short

    Sidekiq.logger.warn("#{name}: the worker ends, so it is put back and runs again from its beginning")
    self.class.perform_async(name)
  end

  private

  # :success, :cut_short, or what went wrong.
  def run(name, entry, token)
    limit = Float(entry.fetch('timeout'))
    pid = Process.spawn('/bin/sh', '-c', entry.fetch('command'), pgroup: true, in: File::NULL)
    began = renewed = now
    stopped = why = status = nil
    until status
      status = Process.wait2(pid, Process::WNOHANG)&.last
      break if status

      if stopped.nil? && (self.class.ending? || now - began > limit)
        why = self.class.ending? ? :cut_short : "stopped after #{limit.round} seconds"
        stopped = now
        signal('TERM', pid)
      end
      signal('KILL', pid) if stopped && now - stopped > GRACE_SECONDS
      renewed = renew(name, token) if now - renewed > LOCK_SECONDS / 4
      sleep LOOK_SECONDS
    end
    end_group(pid)
    return :success if status.success?

    why || (status.signaled? ? "ended by signal #{status.termsig}" : "ended with exit code #{status.exitstatus}")
  ensure
    # Sidekiq's own end of patience arrives as an exception.
    signal('KILL', pid) if pid && status.nil?
  end

  # A dyno ended with its command; so does what the command has left behind.
  def end_group(pid)
    began = now
    signal('TERM', pid)
    sleep LOOK_SECONDS while signal(0, pid) && now - began <= GRACE_SECONDS
    signal('KILL', pid)
  end

  # To the command and everything that it has started, which is a process group of its own; nil when there is none left.
  def signal(name, pid)
    Process.kill(name, -pid)
  rescue Errno::ESRCH
    nil
  end

  def renew(name, token)
    redis('EVAL', RENEW, 1, lock_of(name), token, LOCK_SECONDS)
    now
  rescue StandardError => e
    Sidekiq.logger.warn("#{name}: its lock could not be renewed (#{e.class})")
    now
  end

  def lock_of(name)
    "scheduled_command:#{name}"
  end

  def redis(*command)
    Sidekiq.redis { |connection| connection.call(*command) }
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
`;
}
