import { isOneCommand } from '../digitalocean/wait-until-open.ts';

export type ProcessKind = 'web' | 'release' | 'worker' | 'clock';

/** What a process's command tells about it. The command itself is not kept: people write secrets into them. */
export interface CommandFacts {
  kind: ProcessKind;
  /**
   * What stays in front of the program and does not pass SIGTERM on: a shell between several commands, or a package
   * manager that runs a script; `null` when the program is the container's first process.
   */
  inFront: 'a shell' | 'npm' | 'yarn' | 'pnpm' | null;
  /** A program that only a buildpack of Heroku brings, such as `bin/start-pgbouncer`. */
  herokuProgram: string | null;
  /** The path that the command runs, when it is a file such as `bin/worker`. */
  script: string | null;
  /** The worker that it starts, by the library's name. */
  queue: string | null;
  /** `-c 10` or `--concurrency=10` of a worker, `--workers`, `--threads` of a server. */
  concurrency: number | null;
  workers: number | null;
  threads: number | null;
}

/** What schedules: these commands do nothing but wait for the clock. */
const CLOCK =
  /\bclockwork\b|\bcelery\b.*\s(beat|-B|--beat)\b|\brqscheduler\b|\bresque[:-]scheduler\b|\bque-scheduler\b|\brufus/;
const CLOCK_NAME = /^(clock|cron|beat|scheduler|clockwork|celerybeat|celery_beat)$/i;

/** Programs that come with a buildpack, not with the application. */
const HEROKU_PROGRAMS =
  /(?:^|[\s/])(bin\/start-(?:pgbouncer(?:-stunnel)?|stunnel|nginx(?:-solo|-debug)?)|start-pgbouncer|heroku-php-(?:apache2|nginx)|bin\/qgtunnel|bin\/qgsocks|bin\/boot-nginx|bin\/runsvdir-dyno)\b/;

const QUEUES: readonly [RegExp, string][] = [
  [/\bsidekiq(swarm)?\b/, 'sidekiq'],
  [/\bgood_job\b/, 'good_job'],
  [/\bsolid_queue\b|\bbin\/jobs\b/, 'solid_queue'],
  [/\bjobs:work\b|\bdelayed_job\b/, 'delayed_job'],
  [/\bresque:work/, 'resque'],
  [/(^|\s)que(\s|$)/, 'que'],
  [/\bcelery\b/, 'celery'],
  [/(^|\s)rq\s+worker\b|\brqworker\b/, 'rq'],
  [/\bdramatiq\b/, 'dramatiq'],
  [/\bhorizon\b|\bqueue:work\b/, 'laravel'],
];

export function readCommand(name: string, command: string): CommandFacts {
  return {
    kind: kindOf(name, command),
    inFront: inFront(command),
    herokuProgram: HEROKU_PROGRAMS.exec(command)?.[1] ?? null,
    script: scriptOf(command),
    queue: QUEUES.find(([pattern]) => pattern.test(command))?.[1] ?? null,
    concurrency: numberAfter(command, /(?:^|\s)(?:-c|--concurrency)[\s=]+(\d{1,4})\b/),
    workers: numberAfter(command, /(?:^|\s)(?:-w|--workers)[\s=]+(\d{1,4})\b/),
    threads: numberAfter(command, /(?:^|\s)--threads[\s=]+(\d{1,4})\b/),
  };
}

function kindOf(name: string, command: string): ProcessKind {
  if (name === 'web' || name === 'release') return name;
  return CLOCK.test(command) || CLOCK_NAME.test(name) ? 'clock' : 'worker';
}

/**
 * App Platform tells only the container's first process to end. Heroku tells every process of the dyno (its article
 * "Dyno Shutdown Behavior", 2024-12-03), so that a shell in front is no trouble there and is one here.
 */
function inFront(command: string): CommandFacts['inFront'] {
  const last = /(?:^|&&|\|\||;|\n)\s*([^;&|\n]*)$/.exec(command.trim())?.[1] ?? '';
  const runner = /^(?:exec\s+)?(?:env\s+)?(?:\w+=\S*\s+)*(npm|yarn|pnpm)\s/.exec(`${last} `)?.[1];
  if (runner === 'npm' || runner === 'yarn' || runner === 'pnpm') return runner;
  if (isOneCommand(command)) return null;
  return /^exec\s/.test(last) ? null : 'a shell';
}

function scriptOf(command: string): string | null {
  const found =
    /^(?:exec\s+)?(?:(?:ba)?sh\s+)?(?:\.\/)?((?:[\w.-]+\/)*[\w.-]+(?:\/[\w.-]+|\.sh))(?:\s|$)/.exec(
      command.trim(),
    );
  return found?.[1] ?? null;
}

function numberAfter(command: string, pattern: RegExp): number | null {
  const found = pattern.exec(command)?.[1];
  return found === undefined ? null : Number(found);
}

/**
 * Whether a shell script ends with its program in its own place. A script that does not keeps its shell as the first
 * process, which does not hand SIGTERM on.
 */
export function scriptKeepsItsShell(text: string): boolean {
  if (!/^#!\s*\S*(?:\/|\s)(?:ba|da|z)?sh\b/.test(text)) return false;
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return !lines.some((line) => /(?:^|&&|\|\||;|\bthen|\belse|\))\s*exec\s/.test(line));
}
