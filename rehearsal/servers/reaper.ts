/**
 * A program of its own that outlives its parent by a moment. It reads from the parent what there is to clean up; when
 * the pipe closes, for whatever reason (SIGKILL included), it kills and removes what is left.
 */
import { createInterface } from 'node:readline';
import { reap, type Quarry } from './reap.ts';

export type ReaperOrder =
  { watch: Quarry } | { forget: number } | { directory: string } | { forgetDirectory: string };

const quarries = new Map<number, Quarry>();
const directories = new Set<string>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as ReaperOrder;
  if ('watch' in order) quarries.set(order.watch.pid, order.watch);
  else if ('forget' in order) quarries.delete(order.forget);
  else if ('directory' in order) directories.add(order.directory);
  else directories.delete(order.forgetDirectory);
}
reap(quarries.values(), directories);
