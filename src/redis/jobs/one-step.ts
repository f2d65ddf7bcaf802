import type { ChainableCommander, Redis } from 'ioredis';

/** A write to a watched key loses our turn; a server that is written to this often is not a closed one. */
const TURNS = 50;

/**
 * Reads and writes in one step: `plan` reads and answers what to write, and that is written only if none of the
 * `watched` keys (which need not exist) changed meanwhile; otherwise it is asked again. undefined: nothing to write.
 *
 * @throws Error when the keys are written to again and again by somebody else
 */
export async function inOneStep<T>(
  redis: Redis,
  watched: string[],
  plan: () => Promise<{ commands: (multi: ChainableCommander) => void; result: T } | undefined>,
): Promise<T | undefined> {
  for (let turn = 0; turn < TURNS; turn += 1) {
    if (watched.length > 0) await redis.watch(...watched);
    let step;
    try {
      step = await plan();
    } finally {
      if (step === undefined) await redis.unwatch();
    }
    if (step === undefined) return undefined;
    const multi = redis.multi();
    step.commands(multi);
    const replies = await multi.exec();
    if (replies === null) continue;
    for (const [error] of replies) if (error !== null) throw error;
    return step.result;
  }
  throw new Error(`${watched[0] ?? 'a key'} is written to all the time: somebody still works on these jobs.`);
}
