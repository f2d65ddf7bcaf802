import type { ProcfileProcess } from './procfile.ts';

/** How many connections to Postgres one instance of a process may open. */
export interface PoolFacts {
  /** The process type of the Procfile. */
  process: string;
  /** Copies of the program in one instance, and threads in each; `null` when the repository does not tell. */
  processes: number | null;
  threads: number | null;
  /** Variables that decide it at run time; the numbers above are what holds without them. */
  variables: string[];
  /** What told it. */
  from: string;
}

/** `config/puma.rb`, `config/sidekiq.yml` and the like, by their path; undefined when there is none. */
export type ReadSettings = (file: string) => string | undefined;

/** Sidekiq's own default since 7.0; before it was 10 (its changelog, 5.0 and 7.0). */
const SIDEKIQ_THREADS = 5;
const OLD_SIDEKIQ_THREADS = 10;
/** node-postgres: `max` of a pool. */
const NODE_POOL = 10;

export function readPools(
  processes: readonly ProcfileProcess[],
  read: ReadSettings,
  known: { sidekiq: string | null; language: string | null; usesNodePool: boolean },
): PoolFacts[] {
  return processes.flatMap((process): PoolFacts[] => {
    if (process.kind === 'release' || process.kind === 'clock') return [];
    if (process.queue === 'sidekiq') return [sidekiqPool(process, read('config/sidekiq.yml'), known.sidekiq)];
    const { concurrency, workers, threads, name } = process;
    if (process.queue === 'celery') {
      return [{ process: name, processes: concurrency, threads: 1, variables: [], from: 'its command' }];
    }
    if (process.kind !== 'web') return [];
    const puma = read('config/puma.rb');
    if (known.language === 'ruby' && puma !== undefined) return [pumaPool(name, puma)];
    if (known.language === 'python') {
      return [
        {
          process: name,
          processes: workers,
          threads: threads ?? 1,
          variables: workers === null ? ['WEB_CONCURRENCY'] : [],
          from: 'its command',
        },
      ];
    }
    if (known.language === 'node' && known.usesNodePool) {
      return [
        { process: name, processes: 1, threads: NODE_POOL, variables: [], from: "node-postgres's default" },
      ];
    }
    return [];
  });
}

function sidekiqPool(
  { name, concurrency }: ProcfileProcess,
  settings: string | undefined,
  version: string | null,
): PoolFacts {
  const told =
    /^[ \t]*:?concurrency:\s*(?:(\d{1,4})\b|[^\n]{0,40}?ENV[^"'\n]{0,20}["'](\w{1,60})["'][^\n\d]{0,40}(\d{1,4})?)/m.exec(
      settings ?? '',
    );
  const byDefault = Number(version?.split('.')[0] ?? '7') >= 7 ? SIDEKIQ_THREADS : OLD_SIDEKIQ_THREADS;
  const variable = told?.[2] ?? (told === null && concurrency === null ? 'RAILS_MAX_THREADS' : undefined);
  const fromFile = told?.[1] ?? told?.[3];
  return {
    process: name,
    processes: 1,
    threads: concurrency ?? (fromFile === undefined ? byDefault : Number(fromFile)),
    variables: concurrency === null && variable !== undefined ? [variable] : [],
    from: concurrency !== null ? 'its command' : told === null ? "Sidekiq's default" : 'config/sidekiq.yml',
  };
}

function pumaPool(process: string, text: string): PoolFacts {
  const workers = setting(text, /^[ \t]*workers[ (]+(.*)$/m);
  const most =
    /^[ \t]*(?:max_threads_count|threads_count|threads)\s*(?:=|[ \t(])[ \t]*(.*)$/m.exec(text)?.[1] ?? '';
  const threads = settingOf(most);
  return {
    process,
    processes: workers === undefined ? 1 : workers.number,
    threads: threads.number,
    variables: [...new Set([...(workers?.variables ?? []), ...threads.variables])],
    from: 'config/puma.rb',
  };
}

function setting(text: string, pattern: RegExp): ReturnType<typeof settingOf> | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : settingOf(found);
}

/** `ENV.fetch("WEB_CONCURRENCY") { 2 }`, `ENV['X'] || 2` or `2`: the last number, and the variables before it. */
function settingOf(expression: string): { number: number | null; variables: string[] } {
  const variables = [...expression.slice(0, 300).matchAll(/ENV[^"'\n]{0,10}["'](\w{1,60})["']/g)].map(
    (found) => found[1] ?? '',
  );
  const number = /(\d{1,4})(?!.*\d)/.exec(expression.replaceAll(/["'][^"']*["']/g, '').slice(0, 300))?.[1];
  return { number: number === undefined ? null : Number(number), variables };
}

/** Connections of one instance, when the repository tells. */
export function connectionsOf({ processes, threads }: PoolFacts): number | null {
  return processes === null || threads === null ? null : processes * threads;
}
