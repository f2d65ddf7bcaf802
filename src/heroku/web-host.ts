import { z } from 'zod';
import type { HerokuClient } from './client.ts';

/** Heroku's own name of an app (`shop-1a2b3c.herokuapp.com`), under which its router serves it whatever its domains. */
export async function webHost(client: HerokuClient, app: string): Promise<string> {
  const { web_url: url } = await client.get(
    `/apps/${encodeURIComponent(app)}`,
    z.object({ web_url: z.url() }),
  );
  return new URL(url).host;
}
