import { HttpClient } from '@actions/http-client';
import { z } from 'zod';

import { readApp } from '../../src/digitalocean/app.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { trustsFrontDoor } from '../../src/front-door/probe.ts';
import { FRONT_DOOR_SECRET } from '../../src/front-door/secret.ts';
import { readFormation } from '../../src/heroku/formation.ts';
import { readCurrentSlug } from '../../src/heroku/release.ts';
import { requestsPerSecond } from '../../src/heroku/request-rate.ts';
import { readRouterLog } from '../../src/heroku/router-log.ts';
import { targetNames } from '../../src/migration/names.ts';
import { findForwarder } from '../front-door.ts';
import type { Parties } from '../parties.ts';
import type { Finding } from './findings.ts';
import { forecastOf } from './forecast.ts';
import { frontDoorParty } from './front-door-traffic.ts';
import { roomForWaiting } from './room-for-waiting.ts';

const PROVISION = 'Run provision with `stage: application` and look at its summary.';

/** What the front door needs beside what every cutover does; nothing with another way of moving visitors. */
export async function frontDoorReady(parties: Parties): Promise<Finding[]> {
  if (parties.subject.config.traffic !== 'front-door') return [];
  return Promise.all([
    builtForwarder(parties),
    runningWeb(parties),
    waitingVisitors(parties),
    secretThere(parties),
    trustedForwarder(parties),
  ]);
}

/** For this app, its process types, this new side and this key: else another slug would be looked for. */
async function builtForwarder(parties: Parties): Promise<Finding> {
  const what = 'forwarder of the front door';
  try {
    const slug = await findForwarder(await frontDoorParty(parties));
    if (slug !== undefined) return { what, found: `built (slug ${slug})` };
    return { what, found: 'not built for the app as it is now', remedy: PROVISION };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { what, found: 'not known', remedy: error.message };
  }
}

/** Heroku's router lets requests wait while web dynos start; where none is to run it refuses them at once (H14). */
async function runningWeb({ oldSide: { heroku, app } }: Parties): Promise<Finding> {
  const what = 'web dynos for the forwarder';
  const [slug, formation] = await Promise.all([readCurrentSlug(heroku, app), readFormation(heroku, app)]);
  const quantity = formation.find(({ type }) => type === 'web')?.quantity ?? 0;
  if (slug?.process_types['web'] !== undefined && quantity > 0) return { what, found: String(quantity) };
  return {
    what,
    found: slug?.process_types['web'] === undefined ? 'the app has no web process' : 'web is scaled to zero',
    remedy:
      'The front door runs in place of the web process: scale it up (`heroku ps:scale web=1`) or write `traffic: dns`.',
  };
}

async function waitingVisitors({ subject, oldSide: { heroku, app }, clock }: Parties): Promise<Finding> {
  const [lines, formation] = await Promise.all([readRouterLog(heroku, app), readFormation(heroku, app)]);
  return roomForWaiting({
    requests: lines === undefined ? undefined : requestsPerSecond(lines, clock.now()),
    holdMs: forecastOf(subject)?.high,
    webDynos: formation.find(({ type }) => type === 'web')?.quantity ?? 0,
    app,
  });
}

/**
 * Told and no reason to refuse: there are apps that look neither at their host nor at their visitors' addresses, and only
 * their people know.
 */
async function trustedForwarder(parties: Parties): Promise<Finding> {
  const what = 'new app trusts the forwarder';
  const { secret, targetHost } = await frontDoorParty(parties);
  try {
    const trusts = await trustsFrontDoor({ secret, targetHost, fetch: throughProxy, signal: parties.signal });
    if (trusts) return { what, found: 'yes' };
    return {
      what,
      found:
        "no: visitors' hosts and addresses look to it like App Platform's and the forwarder's (the middleware is in docs/front-door.md)",
    };
  } catch (error) {
    parties.signal.throwIfAborted();
    return { what, found: 'not known', remedy: messageOf(error) };
  }
}

/** As every other question of ours to the new side: through the machine's HTTP proxy where it has one. */
const throughProxy: typeof fetch = async (input, init) => {
  const client = new HttpClient('heroku-to-digitalocean', [], {
    ...{ allowRedirects: false, keepAlive: false, socketTimeout: 15_000 },
  });
  try {
    const headers = Object.fromEntries(new Headers(init?.headers));
    const answer = await client.get(input instanceof Request ? input.url : input.toString(), headers);
    return new Response(await answer.readBody(), { status: answer.message.statusCode ?? 500 });
  } finally {
    client.dispose();
  }
};

const variables = z.array(z.object({ key: z.string() })).default([]);

/** Its value is encrypted: that it is the right one is proven by the forwarder, which is built from the same key. */
async function secretThere({ subject, newSide }: Parties): Promise<Finding> {
  const { app: name } = targetNames(subject.environment.migrationId, subject.config.application);
  const what = `${FRONT_DOOR_SECRET} on the new app`;
  const app = await readApp(newSide.client, name);
  const there = variables.safeParse(app?.spec['envs']).data?.some(({ key }) => key === FRONT_DOOR_SECRET);
  return there === true ? { what, found: 'set' } : { what, found: 'missing', remedy: PROVISION };
}
