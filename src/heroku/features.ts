import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const feature = z.object({ name: z.string(), enabled: z.boolean() });

/** Whether the app has preboot: after a release, dynos of the release before serve on for some minutes, unlisted. */
export async function hasPreboot(client: HerokuClient, app: string): Promise<boolean> {
  const features = await client.list(`/apps/${encodeURIComponent(app)}/features`, feature);
  return features.some(({ name, enabled }) => name === 'preboot' && enabled);
}
