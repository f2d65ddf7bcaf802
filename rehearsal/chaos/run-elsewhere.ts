import { join } from 'node:path';
import { startProcess } from '../servers/process.ts';
import type { ChaosVerdict } from './run.ts';

const ONE_RUN = join(import.meta.dirname, 'one-run.ts');

/**
 * One run in a process of its own: several worlds do not wait for each other's turn on one thread, and what one leaves in
 * memory ends with it.
 */
export async function runElsewhere(seed: number, tell: (line: string) => void): Promise<ChaosVerdict> {
  let verdict: string | undefined;
  const said: string[] = [];
  const { exited } = startProcess(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ONE_RUN, String(seed)],
    {
      onLine: (line, stream) => {
        if (stream === 'stdout') verdict = line;
        else said.push(line);
        if (stream === 'stderr') tell(line);
      },
    },
  );
  const code = await exited;
  if (verdict !== undefined && code === 0) return JSON.parse(verdict) as ChaosVerdict;
  throw new Error(
    `The run with the seed ${seed} came to no verdict (${code ?? 'a signal'}):\n${said.slice(-20).join('\n')}`,
  );
}
