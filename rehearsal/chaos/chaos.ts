import { messageOf } from '../../src/errors.ts';
import type { Chapters } from '../chapters.ts';
import { runElsewhere } from './run-elsewhere.ts';
import type { ChaosVerdict } from './run.ts';

export interface ChaosResult {
  verdict: 'passed' | 'failed';
  /** Those that count: something struck. */
  runs: ChaosVerdict[];
  /** Which came to no end that could be judged, and why. */
  unjudged: { seed: number; reason: string }[];
  /** Seeds of runs in which nothing that was drawn met anything: they prove nothing. */
  withoutFault: number[];
}

export interface ChaosOptions {
  runs: number;
  /** Of the first run; each further one has the next. */
  seed: number;
  /** How many go on at the same time. */
  parallel: number;
}

/** One of so many in a row proving nothing, something is wrong with what is drawn. */
const MOST_WITHOUT_FAULT = 10;

/**
 * Many runs, each with its own seed: `--chaos --runs 1 --seed <that of a run>` draws the same again. A run that nothing
 * struck does not count, and the next seed takes its place.
 */
export async function chaos(
  options: ChaosOptions,
  chapters: Chapters,
  signal: AbortSignal,
  run: typeof runElsewhere = runElsewhere,
): Promise<ChaosResult> {
  const runs: ChaosVerdict[] = [];
  const withoutFault: number[] = [];
  const unjudged: ChaosResult['unjudged'] = [];
  let next = options.seed;
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < options.runs) {
      signal.throwIfAborted();
      begun += 1;
      const seed = next;
      next += 1;
      chapters.chapter(`Run ${begun} of ${options.runs}, seed ${seed}`);
      const tell = (line: string): void => chapters.line(`${seed}: ${line}`);
      try {
        const verdict = await run(seed, tell);
        describe(verdict).forEach(tell);
        if (verdict.struck.length > 0 || verdict.broken.length > 0) {
          runs.push(verdict);
          continue;
        }
        withoutFault.push(seed);
        begun -= 1;
      } catch (error) {
        signal.throwIfAborted();
        tell(`BROKEN: ${messageOf(error)}`);
        unjudged.push({ seed, reason: messageOf(error) });
      }
      if (withoutFault.length > MOST_WITHOUT_FAULT + runs.length)
        throw new Error(
          `Nothing struck in the runs with the seeds ${withoutFault.join(', ')}: chaos is too tame.`,
        );
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.parallel, options.runs) }, work));

  const broken = runs.filter((one) => one.broken.length > 0);
  const failed = [...broken, ...unjudged].map(({ seed }) => seed);
  const verdict = failed.length === 0 ? 'passed' : 'failed';
  const told =
    verdict === 'passed'
      ? `PASSED: ${runs.length} runs`
      : `FAILED: seeds ${failed.join(', ')} of ${runs.length + unjudged.length} runs`;
  const others =
    withoutFault.length === 0 ? '' : `; not counted, for nothing struck: seeds ${withoutFault.join(', ')}`;
  chapters.line(`${told}${others}`);
  return { verdict, runs, unjudged, withoutFault };
}

function describe(run: ChaosVerdict): string[] {
  const shared = run.runners === 1 ? '' : `, copied by ${run.runners}`;
  const how = `${run.environment}, ${run.strategy}, ${run.traffic}${shared}`;
  const attempts = `${run.attempts} ${run.attempts === 1 ? 'attempt' : 'attempts'}${run.rolledBack ? ' and a roll-back' : ''}`;
  const verdict =
    run.broken.length > 0
      ? `BROKEN: ${run.broken.join('; ')}`
      : run.struck.length > 0
        ? 'holds'
        : 'does not count: nothing struck';
  return [
    ...run.missed.map((what) => `nothing met it: ${what}`),
    `${verdict}: ${run.authoritative} serves after ${attempts}, ${(run.downtimeMs / 1000).toFixed(1)} s down (${how}; ${run.seconds} s)`,
  ];
}
