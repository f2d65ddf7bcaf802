import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { guardProcess } from '../../rehearsal/servers/process.ts';
import type { CopyAnswer, CopyOrder } from './copy-process.ts';

export interface CopyCost {
  milliseconds: number;
  /** Of the process and of the programs that it ran. */
  cpuSeconds: number;
  peakBytes: number;
}

/** A process that waits for the word to copy, all of its code loaded. */
export interface ReadyCopy {
  copy(order: CopyOrder): Promise<CopyCost>;
}

/** As each run of the action is: a fresh process. Starting Node is no part of what is measured. */
export async function readyToCopy(environment: Record<string, string>): Promise<ReadyCopy> {
  const child = fork(fileURLToPath(new URL('./copy-process.ts', import.meta.url)), {
    env: environment,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const unguard = child.pid === undefined ? (): void => undefined : guardProcess(child.pid);
  child.once('exit', unguard);
  const ready = await nextAnswer(child);
  if (ready !== 'ready') throw new Error('The process that copies did not start.');
  return {
    copy: async (order) => {
      const answer = nextAnswer(child);
      child.send(order);
      const said = await answer;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await gone;
      if (said === 'ready' || 'failed' in said)
        throw new Error(`The copy failed: ${said === 'ready' ? 'it did not begin' : said.failed}`);
      return said;
    },
  };
}

function nextAnswer(child: ChildProcess): Promise<CopyAnswer> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('The process that copies ended too early.'));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      resolve(answer as CopyAnswer);
    });
  });
}
