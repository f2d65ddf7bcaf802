import { fork, type ChildProcess } from 'node:child_process';
import { guardProcess } from '../rehearsal/servers/process.ts';
import { messageOf } from '../src/errors.ts';
import { bundled } from './bundled.ts';

type Said<Answer> = 'ready' | { failed: { message: string; stack: string | undefined } } | { answer: Answer };

/** A process that does nothing but what it is told, so that its CPU and memory are the work's. All its code is loaded. */
export interface OwnProcess<Order, Answer> {
  /** One order at a time. @throws Error with the process's own stack when the work failed; the process ends then */
  ask(order: Order): Promise<Answer>;
  /** Ends it; at once when it is at work. */
  end(): Promise<void>;
}

/** As each run of an action is: a fresh process of one bundle. Starting Node is no part of what is measured. */
export async function startOwnProcess<Order, Answer>(
  module: URL,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<OwnProcess<Order, Answer>> {
  const child = fork(await bundled(module), {
    env: environment,
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const unguard = child.pid === undefined ? (): void => undefined : guardProcess(child.pid);
  child.once('exit', unguard);
  if ((await nextWords<Answer>(child)) !== 'ready') throw new Error('The process did not start.');
  return {
    ask: async (order) => {
      const words = nextWords<Answer>(child);
      child.send(order as object);
      const said = await words;
      if (said !== 'ready' && 'answer' in said) return said.answer;
      child.disconnect();
      if (said === 'ready') throw new Error('The work did not begin.');
      const failure = new Error(said.failed.message);
      // Its own stack says where; ours only that we asked.
      if (said.failed.stack !== undefined) failure.stack = said.failed.stack;
      throw failure;
    },
    end: async () => {
      if (!child.connected) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await gone;
    },
  };
}

function nextWords<Answer>(child: ChildProcess): Promise<Said<Answer>> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('The process ended too early.'));
    child.once('exit', ended);
    child.once('message', (words) => {
      child.off('exit', ended);
      resolve(words as Said<Answer>);
    });
  });
}

/** The other side: does what the parent orders until it lets go. What is ordered is between the two of them. */
export function answerOrders(work: (order: never) => Promise<object>): void {
  const say = (words: Said<object>): boolean => process.send?.(words) ?? false;
  process.once('disconnect', () => process.exit());
  process.on('message', (order) => {
    work(order as never).then(
      (answer) => say({ answer }),
      (thrown: unknown) => {
        const stack = thrown instanceof Error ? thrown.stack : undefined;
        say({ failed: { message: messageOf(thrown), stack } });
      },
    );
  });
  say('ready');
}
