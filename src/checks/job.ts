import type { Step } from '../migration/check-config.ts';
import type { CheckRun, Seen } from './run.ts';
import { newConversation, runStep } from './script.ts';

const LOOK_MS = 500;

/** Enqueues a job by a request and waits until it is seen done. */
export async function enqueueAndSee(
  run: CheckRun,
  { enqueue, done, withinMs }: { enqueue: Step; done: Step | undefined; withinMs: number },
): Promise<Seen> {
  const conversation = newConversation(run);
  const before = done === undefined ? await run.processedJobs() : undefined;
  if (done === undefined && before === undefined) {
    return {
      passed: false,
      found:
        'the new Redis holds no Sidekiq, so nothing counts its jobs: say with `done` which request sees the job done',
    };
  }
  const enqueued = await runStep(run, enqueue, conversation);
  if (!enqueued.passed) return { ...enqueued, found: `it was not enqueued: ${enqueued.found}` };
  const started = run.clock.now().getTime();
  for (;;) {
    const seen = await look(run, done, before, () =>
      done === undefined ? Promise.resolve(undefined) : runStep(run, done, conversation),
    );
    const milliseconds = run.clock.now().getTime() - started;
    if (seen === undefined)
      return {
        passed: true,
        found: `${done === undefined ? COUNTED : 'seen done'} after ${milliseconds} ms`,
        milliseconds,
      };
    if (milliseconds > withinMs)
      return {
        passed: false,
        found: `not done after ${Math.round(milliseconds / 1000)} s (${seen})`,
        milliseconds,
      };
    await run.clock.sleep(LOOK_MS, run.signal);
  }
}

/** Jobs of others count as well: only a request can tell this very job. */
const COUNTED = 'Sidekiq counted a processed job (this one, or another of that moment)';

/** Undefined once it is done, else what was seen. */
async function look(
  run: CheckRun,
  done: Step | undefined,
  before: number | undefined,
  again: () => Promise<Seen | undefined>,
): Promise<string | undefined> {
  if (done === undefined) {
    const now = await run.processedJobs();
    return now !== undefined && now > (before ?? 0)
      ? undefined
      : "Sidekiq's counter of processed jobs stands still";
  }
  const seen = await again();
  return seen?.passed === true ? undefined : (seen?.found ?? 'nothing');
}
