import { z } from 'zod';

import { waitUntilOldDynosEnded } from '../../src/heroku/formation.ts';
import { currentRelease } from '../../src/heroku/release.ts';
import { askApp, type AppAnswer } from './ask-app.ts';
import type { HerokuGround } from './heroku-ground.ts';
import { Disproved } from './outcome.ts';
import { GENERATION, START_DELAY } from './program.ts';
import { untilAnswered } from './until-answered.ts';

/** Longer than the forwarder's dynos take to start, so that a router which does not wait is seen not to. */
const START_DELAY_MS = 10_000;
/** Below the 50 that a router is documented to let a web dyno have at once (H11). */
const AT_ONCE = 40;
const PAUSE_MS = 100;
/** A hold that is much shorter than the start was none: somebody else served meanwhile. */
const HELD_AT_LEAST = 0.5;
const OLD_DYNOS_LIMIT_MS = 90_000;

/**
 * Asks without pause from many connections while a release replaces the only web dyno by one that binds late, as the
 * cutover's forwarder replaces the application. Nobody may be refused, somebody must have waited for the new dyno, and
 * once it has answered the old one may not any more.
 */
export async function routerHold(ground: HerokuGround, signal: AbortSignal): Promise<string> {
  const { client } = ground;
  const host = await ground.serving();
  const app = await ground.app();
  const set = (vars: Record<string, string | null>): Promise<unknown> =>
    client.patch(`/apps/${encodeURIComponent(app)}/config-vars`, vars, z.unknown());
  await set({ [GENERATION]: 'first' });
  await untilAnswered(host, 'first', { clock: client.clock, signal });

  const answers: Observed[] = [];
  const over = new AbortController();
  const asking = Array.from({ length: AT_ONCE }, () =>
    askOn(host, answers, AbortSignal.any([over.signal, signal])),
  );
  try {
    await set({ [GENERATION]: 'second', [START_DELAY]: String(START_DELAY_MS) });
    const version = (await currentRelease(client, app))?.version ?? 0;
    await untilAnswered(host, 'second', { clock: client.clock, signal });
    await waitUntilOldDynosEnded(client, app, { version, limitMs: OLD_DYNOS_LIMIT_MS });
  } finally {
    over.abort();
    await Promise.all(asking);
    // The next release of this app starts at once again.
    await set({ [START_DELAY]: null }).catch(() => undefined);
  }
  return judgeHold(answers);
}

/** One answer, with when it was asked for and when it came. */
export interface Observed extends AppAnswer {
  askedAt: number;
}

async function askOn(host: string, answers: Observed[], over: AbortSignal): Promise<void> {
  for (;;) {
    const askedAt = performance.now();
    answers.push({ ...(await askApp(host)), askedAt });
    if (over.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** In words what the answers show. @throws Disproved */
export function judgeHold(answers: readonly Observed[]): string {
  const refused = answers.filter(({ status }) => status !== 200);
  if (answers.length === 0) throw new Error('Nobody has asked.');
  const longest = Math.max(0, ...answers.map(({ milliseconds }) => milliseconds));
  const [first] = refused;
  if (first !== undefined) {
    throw new Disproved(
      `${refused.length} of ${answers.length} requests were refused while the new dyno started, the first ${
        first.status === 0 ? `without an answer (${first.body})` : `with HTTP ${first.status}`
      } after ${inSeconds(first.milliseconds)}`,
    );
  }
  const cameAt = ({ askedAt, milliseconds }: Observed): number => askedAt + milliseconds;
  const firstNew = Math.min(
    ...answers.filter(({ body }) => body === 'second').map((answer) => cameAt(answer)),
  );
  const late = answers.filter(({ body, askedAt }) => body === 'first' && askedAt > firstNew);
  if (late.length > 0)
    throw new Disproved(
      `${late.length} requests that came after the new dyno's first answer were given to the old one`,
    );
  if (longest < START_DELAY_MS * HELD_AT_LEAST)
    throw new Disproved(
      `no request waited for the new dyno, which took ${inSeconds(START_DELAY_MS)} to bind: the longest took ${inSeconds(longest)}, so the old one was given requests meanwhile`,
    );
  return `none of ${answers.length} requests, ${AT_ONCE} at once, was refused; the longest waited ${inSeconds(longest)} for a dyno that took ${inSeconds(START_DELAY_MS)} to bind`;
}

function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
