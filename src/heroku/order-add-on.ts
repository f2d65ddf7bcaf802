import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const addOn = z.object({
  id: z.string(),
  name: z.string(),
  state: z.string(),
});

const POLL_MS = 2000;

/**
 * Orders an add-on for the app and waits until it can be used, which takes Postgres some minutes. It is billed by the
 * second from then on, and goes with its app.
 *
 * @throws Error when it is not there in time, or Heroku gives the order up
 */
export async function orderAddOn(
  client: HerokuClient,
  app: string,
  plan: string,
  limitMs: number,
): Promise<void> {
  const started = client.clock.now().getTime();
  const path = `/apps/${encodeURIComponent(app)}/addons`;
  for (let now = await client.post(path, { plan }, addOn); now.state !== 'provisioned';) {
    if (now.state === 'deprovisioned') throw new Error(`Heroku gave the add-on ${plan} up again.`);
    const waited = client.clock.now().getTime() - started;
    if (waited > limitMs)
      throw new Error(`The add-on ${plan} is still ${now.state} after ${Math.round(waited / 1000)} s.`);
    await client.clock.sleep(POLL_MS, client.signal);
    now = await client.get(`${path}/${now.id}`, addOn);
  }
  client.log.info(`${plan}: there, on ${app}`);
}
