import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';

/** What visitors noticed of a move, as seen from outside. */
export interface Interruption {
  /** First refused request to first good one, milliseconds, of the client for whom it was longest. */
  downtimeMs: number;
  /** Longest wait of a request that was answered well in the end, milliseconds. */
  longestHoldMs: number;
  refusedRequests: number;
}

const verdict = z.object({
  verdict: z.string(),
  downtimeMs: z.number(),
  longestHoldMs: z.number(),
  refusedRequests: z.number(),
  writes: z.object({ missing: z.number(), doubled: z.number() }),
});

const PROGRAM = join(import.meta.dirname, '../../rehearsal/main.ts');

/** A whole migration of staging with the shipped workflows and bundles, in a process of its own. Throws unless it passed. */
export async function moveByRehearsal(options: {
  sizeMb: number;
  rate: number;
  seed: number;
  strategy: string;
  traffic: string;
}): Promise<Interruption> {
  const { sizeMb, rate, seed, strategy, traffic } = options;
  const args = [
    ...['--environment', 'staging', '--size', `${sizeMb}`, '--rate', `${rate}`, '--seed', `${seed}`],
    ...['--strategy', strategy, '--json', ...(traffic === 'dns' ? [] : ['--traffic', traffic])],
  ];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  let story = '';
  child.stdout.on('data', (chunk) => (told += String(chunk)));
  child.stderr.on('data', (chunk) => (story = (story + String(chunk)).slice(-2000)));
  const [code] = (await once(child, 'close')) as [number | null];
  const last = told.trim().split('\n').at(-1) ?? '';
  if (code !== 0) throw new Error(`The rehearsal ended with ${code ?? 'a signal'}:\n${story}`);
  const { downtimeMs, longestHoldMs, refusedRequests } = verdict.parse(JSON.parse(last));
  return { downtimeMs, longestHoldMs, refusedRequests };
}
