import { z } from 'zod';
import type { HerokuClient } from './client.ts';

/**
 * Every config var of the app with its value. The values are secrets: mask each before anything else happens.
 *
 * DATABASE_URL and REDIS_URL may change at any hour (rotation, fail-over): read them again in every phase and never
 * store them.
 */
export function readConfigVars(client: HerokuClient, app: string): Promise<Record<string, string>> {
  return client.get(`/apps/${encodeURIComponent(app)}/config-vars`, z.record(z.string(), z.string()));
}
