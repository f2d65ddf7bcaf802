import { readFormation, restartDynos, scale, waitUntilNoDynos } from '../../src/heroku/formation.ts';
import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { forgetJobs, quietJobs, readJobs, resumeJobs, waitUntilIdle } from '../../src/redis/jobs/index.ts';
import { inEachDatabase, sumOfEach } from '../jobs.ts';
import type { Parties } from '../parties.ts';

// What keeps Heroku still is looked at again by a continued run: an undo that could not be noted, because the journal
// was out of reach, or a person may have brought the app back meanwhile.

// Heroku sends SIGKILL 30 s after SIGTERM ("Dyno shutdown behavior"); one-off dynos may need longer to finish their work.
export const DYNO_END_LIMIT_MS = 90_000;

/** Workers take no new jobs and end those that run, while the site still serves. */
export function quietWorkers({ subject, oldSide, log, clock }: Parties): Step {
  const { heroku, app } = oldSide;
  const runsWorkers = async (): Promise<boolean> =>
    (await readFormation(heroku, app)).some(({ type, quantity }) => type !== 'web' && quantity > 0);
  return defineStep({
    name: 'quiet-workers',
    act: async (_prior, { signal }) => {
      const told = await sumOfEach(oldSide, { log, signal }, quietJobs);
      const started = clock.now().getTime();
      const waited = (): number => clock.now().getTime() - started;
      const { quietTimeoutMs: limitMs, whenBusy } = subject.config.workers;
      let stillBusy = 0;
      await inEachDatabase(oldSide, { log, signal }, async (redis) => {
        const left = Math.max(0, limitMs - waited());
        const { idle, busy } = await waitUntilIdle(redis, { limitMs: left, log, clock, signal });
        if (idle) return;
        const problem = `${busy} jobs were still running ${Math.round(limitMs / 1000)} s after the workers were told to go quiet`;
        if (whenBusy === 'abort') {
          throw new Error(
            `${problem}. Raise \`workers.quiet-timeout\` in migration.yml, choose a time without long jobs, or write ` +
              '`workers.when-busy: go-on` if they may be broken off and run again.',
          );
        }
        stillBusy += busy;
        log.warning(
          `${problem}. Their workers are stopped all the same, as a deploy does: what they put back runs again on the new side.`,
        );
      });
      return { told, waitedMs: waited(), stillBusy };
    },
    settle: async () => ((await runsWorkers()) ? 'not-done' : 'done'),
    // A quiet Sidekiq stays quiet until it is restarted, and one that was told reports it up to 10 s later: so it is
    // not asked. Undoing the later steps may have restarted it already; once more costs its jobs nothing but time.
    undo: async () => {
      const workers = await inEachDatabase(oldSide, { log }, async (redis) => {
        await resumeJobs(redis);
        await forgetJobs(redis);
        return (await readJobs(redis)).present;
      });
      if (workers.includes(true)) await restartDynos(heroku, app, (type) => type !== 'web');
    },
  });
}

export function stopWorkers({ oldSide: { heroku, interruptible, app } }: Parties): Step {
  return defineStep({
    name: 'stop-workers',
    always: true,
    prior: async () => ({ formation: await readFormation(heroku, app) }),
    act: async ({ formation }) => {
      const workers = formation.filter(({ type, quantity }) => type !== 'web' && quantity > 0);
      await scale(
        heroku,
        app,
        workers.map(({ type }) => ({ type, quantity: 0 })),
      );
      await waitUntilNoDynos(interruptible, app, {
        types: workers.map(({ type }) => type),
        limitMs: DYNO_END_LIMIT_MS,
      });
      return { stopped: workers.map(({ type, quantity }) => `${type}=${quantity}`) };
    },
    undo: ({ formation }) => restoreFormation(heroku, app, formation),
  });
}
