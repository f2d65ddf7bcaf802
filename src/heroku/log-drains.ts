import { z } from 'zod';
import type { HerokuClient } from './client.ts';
import { named } from './named.ts';

const drainSchema = z.object({ url: z.string(), addon: named.nullish() });

/** Addresses of the log drains that somebody added to the app; those of add-ons end with them. They often hold a credential. */
export async function readOwnLogDrains(client: HerokuClient, app: string): Promise<string[]> {
  const drains = await client.list(`/apps/${encodeURIComponent(app)}/log-drains`, drainSchema);
  return drains
    .filter(({ addon }) => addon == null)
    .map(({ url }) => url)
    .sort();
}
