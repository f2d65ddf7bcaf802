import { removeFrontDoor, setFrontDoor } from '../../src/front-door/state.ts';
import { currentRelease } from '../../src/heroku/release.ts';
import { waitUntilOldDynosEnded } from '../../src/heroku/formation.ts';
import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { moveName } from '../cutover/dns-traffic.ts';
import { FRONT_DOOR, FRONT_DOOR_STATE } from '../cutover/front-door-traffic.ts';
import { DYNO_END_LIMIT_MS } from '../cutover/quiesce.ts';
import type { Parties } from '../parties.ts';
import { untilResolversLeadBack, type FollowedName } from './names.ts';
import type { Past } from './past.ts';

/** Whether the cutover that is to be reversed held visitors by the forwarder, which then stands on Heroku still. */
export function wasFrontDoor(past: Past): boolean {
  return past.step(FRONT_DOOR) !== undefined;
}

/** A step that leads a name back, which the undo of a way back that failed leads to the new side again. */
export function returnable(parties: Parties, domain: string, returning: Step): Step {
  return defineStep({
    ...returning,
    undo: async (_prior: Json, _result: Json, context) => {
      await moveName(parties, domain).act(null, context);
    },
  });
}

/**
 * While the new side still serves: until visitors come through the forwarder again, where they can be held. The public's
 * resolvers are asked, and a whole lifetime of the record passes in any case: there are others than those that are asked,
 * and one that looked just before the record changed keeps the old one for so long.
 */
export function untilResolversFollow(parties: Parties, past: Past): Step {
  return defineStep<Json, { waitedMs: number; names: FollowedName[] }>({
    name: 'resolvers-follow',
    act: async (_prior, { signal }) => {
      const { subject, log, clock } = parties;
      const { dns } = subject.config;
      if (past.movedNames.length === 0 || dns === undefined) return { waitedMs: 0, names: [] };
      const waitMs = (dns.ttl + 1) * 1000;
      log.info(
        `Waiting ${dns.ttl + 1} s until resolvers lead visitors through Heroku again; the new side serves.`,
      );
      const [names] = await Promise.all([
        untilResolversLeadBack(parties, past, signal),
        clock.sleep(waitMs, signal),
      ]);
      return { waitedMs: waitMs, names };
    },
  });
}

/** Right before the new side is closed: requests wait in the forwarder. */
export function holdAgain({ subject, oldSide: { database } }: Parties, past: Past): Step {
  const { migrationId } = subject.environment;
  return defineStep<Json, Json>({
    name: 'front-door-hold',
    always: true,
    act: async () => {
      await setFrontDoor(database, migrationId, 'hold');
      return { state: 'hold' };
    },
    // To a side that was never opened nobody is led.
    undo: async () => {
      if (past.wasOpened) await setFrontDoor(database, migrationId, 'forward');
    },
  });
}

/** Once the old code runs again and no forwarder is left: nothing of it stays in the old database. */
export function forgetFrontDoor({ subject, oldSide }: Parties): Step {
  const { heroku, interruptible, app, database } = oldSide;
  const { migrationId } = subject.environment;
  return defineStep<Json, Json>({
    name: FRONT_DOOR_STATE,
    act: async () => {
      const release = await currentRelease(heroku, app);
      if (release !== undefined) {
        const { version } = release;
        await waitUntilOldDynosEnded(interruptible, app, { version, limitMs: DYNO_END_LIMIT_MS });
      }
      await removeFrontDoor(database, migrationId);
      return null;
    },
  });
}
