import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { startProcess } from '../../rehearsal/servers/process.ts';
import { messageOf } from '../../src/errors.ts';

/** What visitors noticed of a move, as seen from outside. */
export interface Interruption {
  /** First refused request to first good one, milliseconds, of the client for whom it was longest. */
  downtimeMs: number;
  /** Longest wait of a request that was answered well in the end, milliseconds. */
  longestHoldMs: number;
  /** How much of a hold the old release's own dynos took to end; null without the front door. */
  oldReleaseEndedAfterMs: number | null;
  refusedRequests: number;
}

const verdict = z.object({
  verdict: z.literal('passed'),
  downtimeMs: z.number(),
  longestHoldMs: z.number(),
  oldReleaseEndedAfterMs: z.number().nullable(),
  refusedRequests: z.number(),
  record: z.string(),
});

const PROGRAM = join(import.meta.dirname, '../../rehearsal/main.ts');
/** From the verdict's record to the directory that a rehearsal leaves: artifacts, its environment's, the file. */
const LEFT = ['..', '..', '..'];
/** Of the rehearsal's story, for the message when it does not pass. */
const LAST_LINES = 30;

/**
 * A whole migration of staging with the shipped workflows and bundles, in a process of its own. Throws with what it said
 * last unless it passed, which includes that nobody was without service or waited for longer than is promised.
 */
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
    ...['--strategy', strategy, '--traffic', traffic, '--json'],
  ];
  let last = '';
  const story: string[] = [];
  const rehearsal = startProcess(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROGRAM, ...args],
    {
      onLine: (line, stream) => {
        if (stream === 'stdout') last = line;
        else story.push(line);
      },
    },
  );
  const code = await rehearsal.exited;
  if (code !== 0)
    throw new Error(
      `The rehearsal ended with ${code ?? 'a signal'}:\n${story.slice(-LAST_LINES).join('\n')}`,
    );
  const { downtimeMs, longestHoldMs, oldReleaseEndedAfterMs, refusedRequests, record } = passed(last);
  rmSync(join(record, ...LEFT), { recursive: true });
  return { downtimeMs, longestHoldMs, oldReleaseEndedAfterMs, refusedRequests };
}

function passed(line: string): z.infer<typeof verdict> {
  try {
    return verdict.parse(JSON.parse(line));
  } catch (error) {
    throw new Error(`The rehearsal's last line is no verdict that passed: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
