import { z } from 'zod';

import { formatDuration } from '../../src/report/format.ts';
import { askApp } from './ask-app.ts';
import type { DigitalOceanGround } from './digitalocean-ground.ts';
import { Disproved } from './outcome.ts';
import { ANSWERED } from './reach-program.ts';

const reached = z.object({ postgres: z.string(), redis: z.string() });

/** A new droplet installs Docker and pulls the image: some three minutes, and a slow mirror longer. */
const LIMIT_MS = 15 * 60_000;
const PAUSE_MS = 2_000;

/** Asks the app in the VPC whom it reaches, until both have answered. */
export async function privateNetwork(ground: DigitalOceanGround, signal: AbortSignal): Promise<string> {
  const { ingressHost } = await ground.app();
  if (ingressHost === undefined) throw new Error('App Platform serves the app under no host name.');
  const { clock, deadline = Infinity } = ground.client;
  const started = clock.now().getTime();
  const until = Math.min(started + LIMIT_MS, deadline);
  for (;;) {
    const { status, body } = await askApp(ingressHost);
    const told = status === 200 ? reached.safeParse(parsed(body)).data : undefined;
    if (told?.postgres === ANSWERED && told.redis === ANSWERED)
      return "the app reached the cluster and the Redis that the droplet's cloud-config started, at their private addresses";
    if (clock.now().getTime() > until) {
      if (told === undefined)
        throw new Error(`The app itself does not answer (${status === 0 ? body : `HTTP ${status}`}).`);
      throw new Disproved(
        `after ${formatDuration(clock.now().getTime() - started)} the app hears at the private addresses: of the cluster "${told.postgres}", of Redis on the droplet "${told.redis}"`,
      );
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
