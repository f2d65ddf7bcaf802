import { z } from 'zod';
import type { HerokuClient } from './client.ts';

/** Where Heroku serves the app, whatever its domains: `https://shop-1a2b3c.herokuapp.com`. Undefined when it says none. */
export async function appWebUrl(client: HerokuClient, app: string): Promise<string | undefined> {
  const { web_url: text } = await client.get(
    `/apps/${encodeURIComponent(app)}`,
    z.object({ web_url: z.string().nullish() }),
  );
  const host = URL.parse(text ?? '')?.host;
  return host === undefined ? undefined : `https://${host}`;
}
