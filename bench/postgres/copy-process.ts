import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { copyDatabase, type CopyOptions } from '../../src/postgres/copy.ts';
import { endedChildrenCpuSeconds, peakBytes } from '../cpu.ts';
import { answerOrders } from '../own-process.ts';

/** What `copyDatabase` is given apart from what only a process itself can have. */
export type CopyOrder = Omit<CopyOptions, 'log' | 'clock' | 'signal' | 'beforeChange'>;

export interface CopyCost {
  milliseconds: number;
  /** Of the process and of the programs that it ran. */
  cpuSeconds: number;
  peakBytes: number;
}

answerOrders(async (order: CopyOrder): Promise<CopyCost> => {
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
});
