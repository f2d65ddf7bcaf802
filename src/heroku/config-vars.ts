import { z } from 'zod';
import { unknownApp } from './unknown-app.ts';
import type { HerokuClient } from './client.ts';

/**
 * Every config var of the app with its value. The values are secrets: mask each before anything else happens.
 *
 * DATABASE_URL and REDIS_URL may change at any hour (rotation, fail-over): read them again in every phase and never
 * store them. Throws a ConfigurationError for an app that the token cannot see.
 */
export async function readConfigVars(client: HerokuClient, app: string): Promise<Record<string, string>> {
  const path = `/apps/${encodeURIComponent(app)}/config-vars`;
  const configVars = await client.find(path, z.record(z.string(), z.string()));
  if (configVars === undefined) throw unknownApp(app);
  return configVars;
}
