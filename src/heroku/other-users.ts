import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const attachment = z.object({
  name: z.string(),
  app: z.object({ name: z.string() }),
  addon: z.object({ id: z.string(), name: z.string() }),
});

/**
 * Other apps to which the same add-on is attached that this app has as `DATABASE` or `REDIS`: they go on writing to it,
 * whatever becomes of this app. Sorted; empty also when the app has no such attachment.
 */
export async function otherUsersOf(
  client: HerokuClient,
  app: string,
  name: 'DATABASE' | 'REDIS',
): Promise<string[]> {
  const own = await client.list(`/apps/${encodeURIComponent(app)}/addon-attachments`, attachment);
  const addOn = own.find((one) => one.name === name)?.addon;
  if (addOn === undefined) return [];
  const all = await client.list(`/addons/${encodeURIComponent(addOn.id)}/addon-attachments`, attachment);
  const here = new Set(own.map((one) => one.app.name));
  return [...new Set(all.map((one) => one.app.name))].filter((user) => !here.has(user)).sort();
}
