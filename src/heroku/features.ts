import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const feature = z.object({ name: z.string(), enabled: z.boolean() });

/** Whether the app has preboot: after a release, dynos of the release before serve on for some minutes, unlisted. */
export async function hasPreboot(client: HerokuClient, app: string): Promise<boolean> {
  const features = await client.list(`/apps/${encodeURIComponent(app)}/features`, feature);
  return features.some(({ name, enabled }) => name === 'preboot' && enabled);
}

/** Changes no dyno: the next release is the first to be with it or without. */
export async function setPreboot(client: HerokuClient, app: string, enabled: boolean): Promise<void> {
  await client.patch(`/apps/${encodeURIComponent(app)}/features/preboot`, { enabled }, feature);
}
