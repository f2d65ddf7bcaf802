import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { copyDatabase, type CopyOptions } from '../../src/postgres/copy.ts';
import { endedChildrenCpuSeconds, peakBytes } from './cpu.ts';

/** What `copyDatabase` is given apart from what only a process itself can have. */
export type CopyOrder = Omit<CopyOptions, 'log' | 'clock' | 'signal' | 'beforeChange'>;

export type CopyAnswer =
  'ready' | { failed: string } | { milliseconds: number; cpuSeconds: number; peakBytes: number };

/** A process that does nothing but one copy, so that its CPU and memory are the copy's. Its parent sends the order. */
function main(): void {
  const answer = (words: CopyAnswer): boolean => process.send?.(words) ?? false;
  process.once('disconnect', () => process.exit(1));
  process.once('message', (order: CopyOrder) => {
    void copy(order).then(answer, (thrown: unknown) =>
      answer({ failed: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) }),
    );
  });
  answer('ready');
}

async function copy(order: CopyOrder): Promise<CopyAnswer> {
  const used = process.cpuUsage();
  const started = performance.now();
  await copyDatabase({ ...order, log: silentLog, clock: systemClock });
  const milliseconds = performance.now() - started;
  const { user, system } = process.cpuUsage(used);
  return {
    milliseconds,
    cpuSeconds: (user + system) / 1e6 + endedChildrenCpuSeconds(),
    peakBytes: peakBytes(),
  };
}

main();
