import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, temporaryDirectory, type ServerProcess } from '../../rehearsal/servers/process.ts';
import type { RubySidekiq } from '../../rehearsal/servers/ruby-sidekiq.ts';
import { waitUntilOpen } from '../../src/digitalocean/wait-until-open.ts';
import { OPEN_KEY } from '../../src/redis/rights.ts';
import { readDiary, type Entry, type Side } from './job-diary.ts';

/**
 * Every execution of a job writes what becomes of it into one diary, which both sides append to. Some ids say what is
 * special about their job:
 *
 *     new-8-dead      fails and is not retried
 *     new-9-endless   does not end on the new side
 *     new-10-far      is due in a day
 */
const application = `
require 'openssl'
require 'sidekiq'
require 'sidekiq-cron'

SIDE, DIARY = ENV.values_at('SIDE', 'DIARY')

def note(what, id, attempt = 0)
  thread = Thread.current.object_id.to_s(36)
  line = [SIDE, Process.getpgrp, thread, what, id, attempt].join(' ')
  File.open(DIARY, File::WRONLY | File::APPEND | File::CREAT) { |file| file.syswrite(line + "\\n") }
end

class Diary
  def call(_worker, job, _queue)
    id = job['args'][0] || "tick-#{job['jid']}"
    attempt = Thread.current[:attempt] = job.fetch('retry_count', -1) + 1
    note 'begun', id, attempt
    yield
    note 'ended', id, attempt
  rescue Sidekiq::Shutdown
    note 'cut', id, attempt
    raise
  rescue StandardError
    note 'failed', id, attempt
    raise
  end
end

class Work
  include Sidekiq::Worker
  sidekiq_options retry: 5
  sidekiq_retry_in { 5 }

  def perform(id, seconds, failures)
    sleep seconds
    sleep if id == 'new-9-endless' && SIDE == 'new'
    raise 'not yet' if Thread.current[:attempt] < failures
  end
end

class Tick
  include Sidekiq::Worker
  def perform; end
end

# As Heroku's certificate is nobody's, only the new side's is looked at; its address is a number and not in it.
ca = ENV['REDIS_CA_CERT'].to_s
tls = { verify_mode: OpenSSL::SSL::VERIFY_NONE }
unless ca.empty?
  store = OpenSSL::X509::Store.new.tap { |all| all.add_cert(OpenSSL::X509::Certificate.new(ca)) }
  tls = { cert_store: store, verify_mode: OpenSSL::SSL::VERIFY_PEER, verify_hostname: false }
end
redis = { url: ENV['REDIS_URL'], ssl_params: tls }
Sidekiq.configure_client { |config| config.redis = redis }
Sidekiq.configure_server do |config|
  config.redis = redis
  config.server_middleware { |chain| chain.add Diary }
  Sidekiq::Options[:poll_interval_average] = 1
  Sidekiq::Options[:cron_poll_interval] = 1
  Sidekiq::Options[:cron_history_size] = 10_000
end

if ENV['SCHEDULE']
  Sidekiq::Cron::Job.load_from_hash('tick' => { 'class' => 'Tick', 'cron' => '* * * * * *', 'queue' => 'default' })
end

if ENV['PRODUCER']
  going = true
  trap('TERM') { going = false }
  (1..).each do |n|
    break unless going

    id = "#{SIDE}-#{n}"
    case n % 20
    when 3 then Work.set(queue: 'slow').perform_async(id, 1, 0)
    when 7, 17 then Work.perform_async(id, 0, n % 40 == 7 && SIDE == 'old' ? 2 : 1)
    when 5, 15 then Work.perform_in(2 + n % 25, id, 0, 0)
    else
      case n
      when 8 then Work.set(retry: 0).perform_async(id += '-dead', 0, 1)
      when 9 then Work.perform_async(id += '-endless', 0, 0)
      when 10 then Work.perform_in(86_400, id += '-far', 0, 0)
      else Work.perform_async(id, 0.01, 0)
      end
    end
    note 'asked', id
    sleep 0.025
  end
end
`;

/** How a side's processes reach their Redis. */
export interface Surroundings {
  side: Side;
  url: string;
  ca?: string;
  serverName?: string;
}

export interface RubyProcess extends ServerProcess {
  /** What it has written so far. */
  said(): string;
}

export interface WorkerOptions {
  /** Started as `provision` starts workers: in front of the command it waits until its side is open. */
  waits?: boolean;
  /** Writes sidekiq-cron's schedule while it boots. */
  loadsSchedule?: boolean;
}

export interface RubyApplication {
  worker: (where: Surroundings, options?: WorkerOptions) => RubyProcess;
  /** Enqueues forty jobs a second of all kinds until it is stopped. */
  producer: (where: Surroundings) => RubyProcess;
  diary: () => Entry[];
}

/** A small application with Sidekiq and sidekiq-cron; its processes are stopped by `stopAll` at the latest. */
export function rubyApplication({ ruby, sidekiq, environment }: RubySidekiq): RubyApplication {
  const directory = temporaryDirectory('ruby');
  const program = join(directory, 'application.rb');
  const diary = join(directory, 'diary');
  writeFileSync(program, application);
  writeFileSync(diary, '');

  const start = (where: Surroundings, command: string[], variables: Record<string, string>): RubyProcess => {
    const lines: string[] = [];
    const [file = '', ...words] = command;
    const started = startProcess(file, words, {
      cwd: directory,
      env: {
        ...environment,
        SIDE: where.side,
        DIARY: diary,
        REDIS_URL: where.url,
        ...(where.ca === undefined ? {} : { REDIS_CA_CERT: where.ca }),
        ...(where.serverName === undefined ? {} : { REDIS_TLS_SERVERNAME: where.serverName }),
        ...variables,
      },
      onLine: (line) => lines.push(line),
    });
    return { ...started, said: () => lines.join('\n') };
  };

  return {
    worker: (where, { waits = false, loadsSchedule = false } = {}) => {
      // Two seconds until a job that runs is pushed back, so that the test need not wait for Sidekiq's twenty-five.
      const words = [ruby, sidekiq, '-r', program, '-c', '5', '-t', '2', '-q', 'default', '-q', 'slow'];
      const command = waits
        ? ['/bin/sh', '-c', waitUntilOpen(words.join(' '), { language: 'ruby', key: OPEN_KEY })]
        : words;
      return start(where, command, loadsSchedule ? { SCHEDULE: '1' } : {});
    },
    producer: (where) => start(where, [ruby, program], { PRODUCER: '1' }),
    diary: () => readDiary(diary),
  };
}
