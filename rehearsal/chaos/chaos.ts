import type { Chapters } from '../chapters.ts';
import { chaosRun, type ChaosVerdict } from './run.ts';

export interface ChaosResult {
  verdict: 'passed' | 'failed';
  runs: ChaosVerdict[];
}

/** Many runs, each with its own seed: `--chaos --runs 1 --seed <that of a run>` sees it again. */
export async function chaos(
  options: { runs: number; seed: number },
  chapters: Chapters,
  signal: AbortSignal,
): Promise<ChaosResult> {
  const runs: ChaosVerdict[] = [];
  for (let index = 0; index < options.runs; index += 1) {
    signal.throwIfAborted();
    const seed = options.seed + index;
    chapters.chapter(`Run ${index + 1} of ${options.runs}, seed ${seed}`);
    const run = await chaosRun(seed, (line) => chapters.line(line));
    runs.push(run);
    chapters.line(
      `${run.broken.length === 0 ? 'holds' : `BROKEN: ${run.broken.join('; ')}`}: ${run.authoritative} serves after ` +
        `${run.attempts} ${run.attempts === 1 ? 'attempt' : 'attempts'}${run.rolledBack ? ' and a roll-back' : ''}, ` +
        `${(run.downtimeMs / 1000).toFixed(1)} s down (${run.strategy})`,
    );
  }
  const verdict = runs.every(({ broken }) => broken.length === 0) ? 'passed' : 'failed';
  const failed = runs.filter(({ broken }) => broken.length > 0).map(({ seed }) => seed);
  chapters.line(verdict === 'passed' ? `PASSED: ${runs.length} runs` : `FAILED: seeds ${failed.join(', ')}`);
  return { verdict, runs };
}
