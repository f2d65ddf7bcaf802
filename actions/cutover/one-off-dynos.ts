import { listDynos, ONE_OFF_TYPES, waitUntilNoDynos } from '../../src/heroku/formation.ts';
import { withoutSecrets } from '../../src/migration/no-secrets.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';

/**
 * One-off dynos (a console, a rake task, a job of Scheduler) are named and waited for while the site serves: no change of
 * the formation stops them, and behind the maintenance page visitors would wait for them. One that is started later is
 * waited for once the app is parked.
 */
export function awaitOneOffDynos({ subject, oldSide, log, clock }: Parties): Step {
  return defineStep({
    name: 'one-off-dynos',
    always: true,
    act: async () => {
      const { interruptible, app } = oldSide;
      const found = (await listDynos(interruptible, app)).filter(({ type }) => ONE_OFF_TYPES.has(type));
      const names = found.map(({ name, command }) => `${name} (${withoutSecrets(command)})`);
      if (names.length > 0)
        log.info(`One-off dynos at work: ${names.join(', ')}. The cutover waits for them.`);
      const begun = clock.now().getTime();
      await waitUntilNoDynos(interruptible, app, {
        types: [],
        oneOff: true,
        limitMs: subject.config.workers.quietTimeoutMs,
      });
      return { found: names, waitedMs: clock.now().getTime() - begun };
    },
  });
}
