import { z } from 'zod';

import { messageOf } from '../../src/errors.ts';
import { readFromDyno } from '../../src/heroku/dyno-variable.ts';
import { listDynos, readFormation, restartDynos, scale } from '../../src/heroku/formation.ts';
import { parkApp } from '../../src/heroku/release.ts';
import type { HerokuGround } from './heroku-ground.ts';
import { formatDuration } from '../../src/report/format.ts';
import { decisive, Disproved } from './outcome.ts';
import { ELSEWHERE } from './program.ts';
import { untilAnswered } from './until-answered.ts';

/** Releases a slug of the builder on the app that serves, as the cutover releases the forwarder, and asks it. */
export async function foreignSlug(ground: HerokuGround, signal: AbortSignal): Promise<string> {
  const { client } = ground;
  const host = await ground.serving();
  const [app, slug] = await Promise.all([ground.app(), ground.foreignSlug()]);
  await decisive('a slug that another app built was not released', () =>
    client.post(`/apps/${encodeURIComponent(app)}/releases`, { slug }, z.unknown()),
  );
  await servesElsewhere(ground, host, signal, 'the released slug');
  return 'the slug of another app was released by its id, and it answers';
}

/**
 * Deletes the builder and has the web dyno start again: it must still find its slug. `released` is the foreign slug's own
 * probe: where that has failed there is nothing to outlive anything.
 */
export async function slugOutlivesApp(
  ground: HerokuGround,
  released: () => Promise<string>,
  signal: AbortSignal,
): Promise<string> {
  await released().catch((error: unknown) => {
    throw new Error(`no slug of another app runs here: ${messageOf(error)}`);
  });
  const { client } = ground;
  const [host, app] = await Promise.all([ground.serving(), ground.app()]);
  const before = (await listDynos(client, app)).map(({ name, release }) => `${name} v${release.version}`);
  await ground.deleteBuilder();
  await restartDynos(client, app, () => true);
  // A dyno that was not replaced yet would answer from the old start.
  await client.clock.sleep(RESTART_MS, signal);
  await servesElsewhere(ground, host, signal, 'the slug whose app is deleted');
  return `the app that had built it is deleted, ${before.join(', ') || 'its dyno'} was started again, and it answers`;
}

const RESTART_MS = 5_000;
/** Booting takes seconds; what has not answered by then does not start. */
const START_LIMIT_MS = 3 * 60_000;

async function servesElsewhere(
  { client, patienceMs }: HerokuGround,
  host: string,
  signal: AbortSignal,
  what: string,
): Promise<void> {
  const limitMs = Math.min(START_LIMIT_MS, patienceMs);
  const limit = AbortSignal.timeout(limitMs);
  try {
    await untilAnswered(host, ELSEWHERE, { clock: client.clock, signal: AbortSignal.any([limit, signal]) });
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new Disproved(`${what} has not answered within ${formatDuration(limitMs)}`);
  }
}

const SESSION_LIMIT_MS = 90_000;

/** The files of the application that a one-off dyno finds where it starts, read over its attached session. */
async function filesSeen(ground: HerokuGround, signal: AbortSignal): Promise<string[]> {
  const text = await readFromDyno(ground.client, await ground.app(), 'ls', {
    // Names of files of ours: nothing to hide.
    mask: () => undefined,
    signal,
    limitMs: SESSION_LIMIT_MS,
  });
  return text.split('\n').filter((name) => name !== '');
}

export async function attachedDyno(ground: HerokuGround, signal: AbortSignal): Promise<string> {
  await ground.serving();
  const files = await decisive('no one-off dyno was started', () => filesSeen(ground, signal)).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      // Whatever the session did instead is the answer: its protocol is documented nowhere.
      if (error instanceof Error && error.name === 'Error') throw new Disproved(error.message);
      throw error;
    },
  );
  if (!files.includes('server.js'))
    throw new Disproved(`the session showed ${files.join(', ') || 'no file'} instead of the program's files`);
  return `the session showed what the dyno wrote (${files.join(', ')})`;
}

/** As `park` does in the cutover: everything to zero, the empty slug released, and a one-off dyno looks around. */
export async function emptySlug(ground: HerokuGround, signal: AbortSignal): Promise<string> {
  const { client } = ground;
  await ground.serving();
  const app = await ground.app();
  const running = (await readFormation(client, app)).filter(({ quantity }) => quantity > 0);
  await scale(
    client,
    app,
    running.map(({ type }) => ({ type, quantity: 0 })),
  );
  await decisive('the empty slug was refused', () => parkApp(client, app));
  const files = await filesSeen(ground, signal);
  if (files.includes('server.js'))
    throw new Disproved('a dyno that started on the empty slug still found the application code');
  return `the empty slug was uploaded and released; a one-off dyno found ${files.join(', ') || 'no file'} there`;
}
