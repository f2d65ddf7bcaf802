import type { PipelineOptions } from '../pipeline.ts';
import type { EnvironmentName, World } from '../world.ts';
import { rightClocks } from './clocks.ts';
import type { Draw } from './draw.ts';
import type { Scene, Strike } from './fault.ts';

/** What goes wrong around a run. */
export interface Weather {
  /** For each attempt. */
  options(): Required<Pick<PipelineOptions, 'killStep' | 'machine' | 'signal'>>;
  /** An attempt is over. */
  attemptEnded(well: boolean): void;
  /** What struck where, and whether anything met it; what was drawn for a step that never began did not strike. */
  struck(): { what: string; met: boolean }[];
  /** The sun comes out: nothing that is still waiting for somebody to meet it happens any more. */
  clear(): void;
}

/** Strikes where the step begins that was drawn, or at the first one after it at which the fault is possible. */
export function weatherOf(drawn: Draw, world: World, tell: (line: string) => void): Weather {
  const waiting = [...drawn.faults];
  const strikes: { what: string; attempt: number; strike: Strike; met: boolean }[] = [];
  const clocks = rightClocks();
  let begun = 0;
  let attempt = 0;
  let cancelling = new AbortController();

  const killStep: PipelineOptions['killStep'] = (job, _step, line) => {
    const title = /^##\[group\](.*)/.exec(line)?.[1];
    // The guard watches: what ends it is another run's business, and it prints no steps.
    if (title === undefined || job.endsWith('guard')) return false;
    begun += 1;
    const environment = environmentOf(job, drawn);
    const side = world.oldSides.get(environment);
    if (side === undefined) return false;
    const cancel = (): void => cancelling.abort();
    const scene: Scene = { ...{ world, environment, side, clocks, cancel }, random: drawn.random };
    const index = waiting.findIndex(({ fault, at }) => at <= begun && (fault.isPossible?.(scene) ?? true));
    const [next] = index < 0 ? [] : waiting.splice(index, 1);
    if (next === undefined) return false;
    const what = `${next.fault.name} (${job}: ${title})`;
    tell(what);
    const strike = next.fault.strike(scene);
    strikes.push({ what, attempt, strike, met: false });
    const { fate = false } = strike;
    // For the lease of who died, and for nothing else.
    void Promise.resolve(fate).then((answer) => {
      if (answer === 'runner' || answer === true) setTimeout(() => void letAMinutePass(world), 1000);
    });
    return fate;
  };

  const look = (ended: (attempt: number) => boolean): void => {
    for (const one of strikes) one.met ||= one.strike.met(ended(one.attempt));
  };
  return {
    options: () => {
      attempt += 1;
      clocks.replaceMachines();
      cancelling = new AbortController();
      return { killStep, machine: clocks.machine, signal: cancelling.signal };
    },
    attemptEnded: (well) => look((of) => of === attempt && !well),
    struck: () => {
      look(() => false);
      return strikes.map(({ what, met }) => ({ what, met }));
    },
    clear: () => {
      for (const { faults } of [world.heroku, world.digitalOcean, world.github]) faults.clear();
    },
  };
}

/** Staging's jobs say so; with production drawn, all others are its own. */
export function environmentOf(job: string, { environment }: Pick<Draw, 'environment'>): EnvironmentName {
  return job.startsWith('staging') ? 'staging' : environment;
}

/**
 * Six hours pass: no job of an earlier run can be at work any more, and the next one takes out of the trusted sources what
 * those that died have left there. A re-run need not wait for that, a new run does: it cannot know whether the other is over.
 */
export function letJobsExpire({ digitalOcean }: World): void {
  for (const rule of digitalOcean.clusters().flatMap(({ rules }) => rules))
    if (rule.description !== undefined)
      rule.description = rule.description.replaceAll(/@\d{4}-\S+Z/g, '@2020-01-01T00:00Z');
}

export async function letAMinutePass(world: World): Promise<void> {
  const journals = world.digitalOcean.clusters().filter(({ status }) => status === 'online');
  await Promise.all(
    journals.map((cluster) =>
      cluster
        .query(
          'migration_journal',
          `update journal.lease set renewed_at = renewed_at - interval '60 s', expires_at = expires_at - interval '60 s'`,
        )
        // There is no journal yet, or it is just failing over: then the lease runs out by itself.
        .catch(() => undefined),
    ),
  );
}
