import { z } from 'zod';

import { removeFrontDoor } from '../../../src/front-door/state.ts';
import { deleteSchedulerJobs, readSchedulerJobs, schedulerCron } from '../../../src/heroku/scheduler.ts';
import type { UnofficialAddress } from '../../../src/heroku/unofficial.ts';
import { withoutSecrets } from '../../../src/migration/no-secrets.ts';
import type { Json } from '../../../src/migration/json.ts';
import type { Step } from '../../../src/migration/saga.ts';
import { defineStep } from '../../../src/migration/saga.ts';
import { liftFence } from '../../../src/postgres/lift-fence.ts';
import { endLive } from '../../../src/postgres/live.ts';
import { endReverse } from '../../../src/postgres/reverse.ts';
import { settleLive } from '../../../src/postgres/settle-live.ts';
import { frontDoorParty } from '../../cutover/front-door-traffic.ts';
import { finalizeFrontDoor } from '../../front-door.ts';
import { backward, forward, liveOptions } from '../../live.ts';
import type { Parties } from '../../parties.ts';
import { wasFrontDoor } from '../front-door-traffic.ts';
import type { Past } from '../past.ts';
import { clearRedis, forgetCopies, residueOf } from './residue.ts';

/** The journal's row of it says that there is no way back any more. */
export const END_OF_THE_WAY_BACK = 'end-of-the-way-back';

/**
 * The end of the way back: noted first, so that nobody begins to go back meanwhile; then everything of ours is removed
 * on both sides, and looked for. Each may be repeated, and a run that died goes on where it was.
 */
export function finalizeSteps(
  parties: Parties & { scheduler: UnofficialAddress },
  past: Past,
  preFlight: () => Promise<Json>,
): Step[] {
  const { oldSide, subject, log, clock } = parties;
  const { migrationId } = subject.environment;
  return [
    defineStep({ name: 'pre-flight', always: true, act: preFlight }),
    defineStep({
      name: END_OF_THE_WAY_BACK,
      pointOfNoReturn: true,
      act: async () => {
        await parties.checkLease();
        return { at: clock.now().toISOString() };
      },
      settle: () => Promise.resolve('not-done'),
    }),
    deleteSchedules(parties),
    defineStep({
      name: 'settle-old-side',
      act: async (_prior, { signal }) => {
        // Its foreign keys and triggers were out of the way of what was drained to it.
        if (past.isCaptured) await settleLive(backward(parties), liveOptions({ ...parties, signal }));
        return null;
      },
    }),
    defineStep({
      name: 'remove-captures',
      act: async (_prior, { signal }) => {
        const options = liveOptions({ ...parties, signal });
        if (past.isCaptured) await endReverse(backward(parties), options);
        await endLive(forward(parties), options);
        await forgetCopies(parties);
        return null;
      },
    }),
    defineStep({
      name: 'front-door',
      act: async () => {
        if (wasFrontDoor(past)) {
          // Late visitors are led on, by a forwarder that needs nothing of the old database.
          const party = await frontDoorParty(parties);
          return { ...(await finalizeFrontDoor({ ...party, database: oldSide.database })) };
        }
        await removeFrontDoor(oldSide.database, migrationId);
        return null;
      },
    }),
    defineStep({
      name: 'lift-fence',
      act: async () => {
        await liftFence(oldSide.database, migrationId, { log, clock });
        return null;
      },
    }),
    defineStep({ name: 'clear-redis', act: async () => ({ keys: await clearRedis(parties) }) }),
    defineStep({
      name: 'prove-no-residue',
      act: async () => {
        const left = await residueOf(parties);
        if (left.length > 0)
          throw new Error(
            [
              `Something of the migration is left (${left.length}):`,
              ...left.slice(0, 20),
              'Run this again; what stays then is not ours to drop: have its owner do it.',
            ].join('\n  '),
          );
        return { left };
      },
    }),
  ];
}

/** Heroku Scheduler has no supported API: what the dashboard's address does not do is told, and a person does it. */
function deleteSchedules({
  scheduler,
  oldSide: { heroku, app },
  log,
}: Parties & { scheduler: UnofficialAddress }): Step {
  const idOf = async (): Promise<string> =>
    (await heroku.get(`/apps/${encodeURIComponent(app)}`, z.object({ id: z.string() }))).id;
  const byHand = `Delete the jobs of Heroku Scheduler by hand: \`heroku addons:open scheduler -a ${app}\`, or the add-on with them.`;
  return defineStep<{ jobs: string[] }, { deleted: number } | { toldInstead: string }>({
    name: 'delete-schedules',
    prior: async () => {
      const { url: schedulerUrl, token } = scheduler;
      const found = await readSchedulerJobs({ schedulerUrl, token, appId: await idOf() });
      if ('unknown' in found) return { jobs: [] };
      // The journal keeps how to make them anew.
      return {
        jobs: found.jobs.map(
          (job) => `${schedulerCron(job)} ${job.dynoSize}: ${withoutSecrets(job.command)}`,
        ),
      };
    },
    act: async ({ jobs }) => {
      const done = await deleteSchedulerJobs(scheduler, await idOf());
      if ('deleted' in done) {
        if (jobs.length > 0) log.info(`Heroku Scheduler: ${jobs.length} jobs deleted: ${jobs.join('; ')}`);
        return { deleted: jobs.length };
      }
      log.warning(`Whether jobs of Heroku Scheduler are left is not known (${done.unknown}). ${byHand}`);
      return { toldInstead: `${done.unknown}. ${byHand}` };
    },
  });
}
