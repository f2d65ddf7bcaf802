import { z } from 'zod';

import { ConfigurationError } from '../../src/errors.ts';
import { readAutomaticDeploys, switchAutomaticDeploys } from '../../src/heroku/automatic-deploys.ts';
import { mayAutoscale, readHerokuAutoscaler, switchHerokuAutoscaler } from '../../src/heroku/autoscalers.ts';
import { readFormation } from '../../src/heroku/formation.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';

export const STAND_STILL = 'stand-still';

/** What changes dynos or code by itself and was on; as the journal holds it. */
export const movers = z.object({
  autoscaling: z.boolean(),
  deploys: z.object({ branch: z.string().nullable(), waitForCi: z.boolean() }).nullable(),
  /** What could not be asked, one line each. */
  unknown: z.array(z.string()),
});
export type Movers = z.infer<typeof movers>;

/**
 * Heroku's own autoscaling and its automatic deploys from GitHub are switched off before anything else, and on again when
 * the cutover is undone or rolled back. Those of other makers cannot be asked from here: the plan asks a person. What
 * moves all the same is seen from the formation and the releases, which are read again at the fence and at the point of
 * no return.
 */
export function standStill(parties: Parties): Step {
  const { log } = parties;
  return defineStep({
    name: STAND_STILL,
    always: true,
    prior: () => readMovers(parties),
    act: async (found) => {
      for (const line of found.unknown)
        log.warning(`${line} A dyno or a release that it starts in the window undoes the cutover.`);
      await switchMovers(parties, found, false);
      return {
        off: [
          ...(found.autoscaling ? ['autoscaling of web dynos'] : []),
          ...(found.deploys === null ? [] : ['automatic deploys from GitHub']),
        ],
      };
    },
    undo: (found) => switchMovers(parties, found, true),
  });
}

async function readMovers(parties: Parties): Promise<Movers> {
  const { dashboard, oldSide } = parties;
  if (dashboard === undefined)
    return { autoscaling: false, deploys: null, unknown: ['No address of Heroku’s dashboard was given.'] };
  const unknown: string[] = [];
  const id = await appId(parties);
  let autoscaling = false;
  if (mayAutoscale(await readFormation(oldSide.heroku, oldSide.app))) {
    const found = await readHerokuAutoscaler(dashboard.metrics, id);
    if ('unknown' in found)
      unknown.push(`Whether Heroku scales the web dynos by itself is not known: ${found.unknown}.`);
    else autoscaling = found.autoscaler !== undefined;
  }
  const deploys = await readAutomaticDeploys(dashboard.github, id);
  if (deploys.state === 'unknown')
    unknown.push(`Whether a push to GitHub deploys the app is not known: ${deploys.why}.`);
  return {
    autoscaling,
    deploys: deploys.state === 'on' ? { branch: deploys.branch, waitForCi: deploys.waitForCi } : null,
    unknown,
  };
}

/**
 * All of those that were on. Repeating it is harmless.
 *
 * @throws ConfigurationError that names what could not be switched and the way to do it by hand
 */
export async function switchMovers(parties: Parties, found: Movers, on: boolean): Promise<void> {
  if (!found.autoscaling && found.deploys === null) return;
  const { dashboard, oldSide, log } = parties;
  const { app } = oldSide;
  const problems: string[] = [];
  const id = await appId(parties);
  if (found.autoscaling) {
    const why =
      dashboard === undefined
        ? 'no address of Heroku’s dashboard was given'
        : await switchHerokuAutoscaler(dashboard.metrics, id, on);
    if (why !== undefined)
      problems.push(
        `autoscaling of web dynos (${why}): \`heroku ps:autoscale:${on ? 'enable --min … --max …' : 'disable'} -a ${app}\``,
      );
  }
  if (found.deploys !== null) {
    const why =
      dashboard === undefined
        ? 'no address of Heroku’s dashboard was given'
        : await switchAutomaticDeploys(dashboard.github, id, { on, ...found.deploys });
    if (why !== undefined)
      problems.push(
        `automatic deploys (${why}): “${on ? 'Enable' : 'Disable'} Automatic Deploys” in the tab Deploy of ${app} in Heroku’s dashboard`,
      );
  }
  if (problems.length === 0) {
    log.info(`Autoscaling and automatic deploys of ${app}: ${on ? 'as they were before' : 'off'}.`);
    return;
  }
  const told = `Heroku would not switch ${on ? 'on again' : 'off'} ${problems.join('; ')}.`;
  // Nothing waits for them to move again: a person does it when there is time.
  if (on) log.warning(`${told} Please do it by hand.`);
  else throw new ConfigurationError(`${told} Do it by hand, then run this again.`);
}

async function appId({ oldSide: { heroku, app } }: Parties): Promise<string> {
  const { id } = await heroku.get(`/apps/${encodeURIComponent(app)}`, z.object({ id: z.string() }));
  return id;
}
