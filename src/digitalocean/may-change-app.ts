import { z } from 'zod';
import type { App } from './app.ts';
import type { DigitalOcean } from './client.ts';
import { DigitalOceanError } from './refusal.ts';

/** Refused for what the request says, which is looked at once the token may send it. */
const AFTER_AUTHORIZATION = [400, 409, 422];

/**
 * Asks whether the token may change an app that is deployed, and changes nothing: whether its own deployment could be
 * returned to is answered under `app:update` (API reference, "Validate App Rollback"). Only that it is answered counts.
 *
 * @throws ConfigurationError when the token may not, with the scope that it lacks
 * @throws DigitalOceanError when it could not be asked
 */
export async function requireMayChangeApp(
  client: DigitalOcean,
  app: Pick<App, 'id'>,
  deploymentId: string,
): Promise<void> {
  try {
    await client.request('POST', `/apps/${app.id}/rollback/validate`, z.unknown(), {
      deployment_id: deploymentId,
    });
  } catch (error) {
    if (error instanceof DigitalOceanError && AFTER_AUTHORIZATION.includes(error.status)) return;
    throw error;
  }
}
