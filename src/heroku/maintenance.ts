import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const appMaintenance = z.object({ maintenance: z.boolean() });

/** Whether the app's router answers with the maintenance page (503, H80). Only the router: every other dyno keeps running. */
export async function readMaintenance(client: HerokuClient, app: string): Promise<boolean> {
  return (await client.get(`/apps/${encodeURIComponent(app)}`, appMaintenance)).maintenance;
}

/** Turns maintenance mode on or off and returns only when Heroku says so. Asking twice is harmless. */
export async function setMaintenance(client: HerokuClient, app: string, maintenance: boolean): Promise<void> {
  const answer = await client.patch(`/apps/${encodeURIComponent(app)}`, { maintenance }, appMaintenance);
  if (answer.maintenance !== maintenance) {
    throw new Error(
      `Heroku was asked to turn maintenance mode of ${app} ${maintenance ? 'on' : 'off'} and answered that it is not.`,
    );
  }
}
