import type { Json } from '../../src/migration/json.ts';
import {
  prepareFrontDoor,
  readFrontDoor,
  removeFrontDoor,
  setFrontDoor,
} from '../../src/front-door/state.ts';
import {
  readFormation,
  scale,
  waitUntilNoOneOffDynos,
  waitUntilOldDynosEnded,
} from '../../src/heroku/formation.ts';
import { currentRelease, isParked, releaseFrontDoor, rollBackRelease } from '../../src/heroku/release.ts';
import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { findForwarder, type FrontDoorParty } from '../front-door.ts';
import type { Parties } from '../parties.ts';
import { moveName, watchNames } from './dns-traffic.ts';
import { refuseUncertified } from './edge-certificate.ts';
import { DYNO_END_LIMIT_MS } from './quiesce.ts';
import type { TrafficSteps } from './traffic.ts';

/** In the journal: roll-back knows by them that visitors were held this way. */
export const FRONT_DOOR_STATE = 'front-door-state';
export const FRONT_DOOR = 'front-door';
export const FRONT_DOOR_FORWARD = 'front-door-forward';

/**
 * Visitors wait, and then reach the new side through Heroku: a forwarder takes the place of the old code. It holds
 * requests until the new side is open, and leads them there; names move one by one afterwards, as their certificates are
 * ready, and nobody notices.
 */
export function frontDoorTraffic(parties: Parties): TrafficSteps {
  return {
    hold: [holdState(parties), placeForwarder(parties)],
    lead: [forward(parties)],
    afterwards: [
      ...parties.subject.environment.domains.map((domain) => whenCertified(parties, domain)),
      ...watchNames(parties),
    ],
  };
}

/** For whoever needs the forwarder's slug in a phase that has both sides. */
export async function frontDoorParty({
  subject,
  oldSide,
  newSide,
  frontDoorSecret,
}: Parties): Promise<FrontDoorParty> {
  return {
    heroku: oldSide.heroku,
    subject,
    secret: frontDoorSecret,
    targetHost: await newSide.ingressHost(),
  };
}

/** Before the forwarder runs anywhere: its dynos find what they are to do from their first moment on. */
function holdState({ subject, oldSide: { database } }: Parties): Step {
  const { migrationId } = subject.environment;
  return defineStep<Json, Json>({
    name: FRONT_DOOR_STATE,
    always: true,
    act: async () => {
      await prepareFrontDoor(database, migrationId);
      await setFrontDoor(database, migrationId, 'hold');
      return { state: 'hold' };
    },
    undo: () => removeFrontDoor(database, migrationId),
  });
}

/**
 * The forwarder's slug in place of the code. Scheduler cannot be paused by a supported API; what it starts from now on
 * finds no application code, nor does a one-off dyno, so Redis has no writer left either once the old dynos have ended.
 * Those of the web process end within Heroku's 30 s; one-off dynos are waited for before, while the site still serves.
 */
function placeForwarder(parties: Parties): Step {
  const { oldSide, checkLease, clock, log } = parties;
  const { heroku, interruptible, app } = oldSide;
  return defineStep({
    name: FRONT_DOOR,
    always: true,
    prior: async () => ({
      release: (await currentRelease(heroku, app))?.id ?? null,
      formation: await readFormation(heroku, app),
    }),
    act: async ({ formation }) => {
      const slug = await findForwarder(await frontDoorParty(parties));
      if (slug === undefined)
        throw new Error(
          'The forwarder was not built for this app as it is now: run provision with `stage: application`.',
        );
      await scale(
        heroku,
        app,
        formation
          .filter(({ type, quantity }) => type !== 'web' && quantity > 0)
          .map(({ type }) => ({ type, quantity: 0 })),
      );
      if (!(await isParked(heroku, app))) await waitUntilNoOneOffDynos(interruptible, app, DYNO_END_LIMIT_MS);
      const released = await releaseFrontDoor(heroku, app, slug, { beforeRelease: checkLease });
      const since = clock.now();
      await waitUntilOldDynosEnded(interruptible, app, {
        version: released.version,
        limitMs: DYNO_END_LIMIT_MS,
      });
      const endedAfterMs = clock.now().getTime() - since.getTime();
      log.info(
        `The dynos of the old release had ended after ${(endedAfterMs / 1000).toFixed(1)} s; visitors wait.`,
      );
      return {
        parkedFrom: released.replaced,
        slug,
        since: since.toISOString(),
        oldDynosEndedAfterMs: endedAfterMs,
      };
    },
    undo: async ({ release, formation }, result) => {
      const from = result?.parkedFrom ?? release;
      if (from !== null && (await isParked(heroku, app))) await rollBackRelease(heroku, app, from);
      await restoreFormation(heroku, app, formation);
    },
  });
}

/** Who waits is let go to the new side, a tenth of a second later. */
function forward({ subject, oldSide: { database }, clock, checkLease }: Parties): Step {
  const { migrationId } = subject.environment;
  return defineStep<Json, Json>({
    name: FRONT_DOOR_FORWARD,
    act: async () => {
      // A run that slept through a roll-back must not lead visitors to a side that is closed again.
      await checkLease();
      await setFrontDoor(database, migrationId, 'forward');
      return { at: clock.now().toISOString() };
    },
    settle: async () => ((await readFrontDoor(database, migrationId)) === 'forward' ? 'done' : 'not-done'),
  });
}

/** A name follows when App Platform's edge shows its certificate; until then its visitors come through Heroku. */
function whenCertified(parties: Parties, domain: string): Step {
  const move = moveName(parties, domain);
  return defineStep({
    ...move,
    act: async (prior: Json, context) => {
      await refuseUncertified(parties, domain, context.signal);
      return move.act(prior, context);
    },
  });
}
