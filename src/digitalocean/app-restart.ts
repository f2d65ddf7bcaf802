import { z } from 'zod';
import { readApp, waitForDeployment } from './app.ts';
import type { DigitalOcean } from './client.ts';

const workersOf = z.object({ workers: z.array(z.object({ name: z.string() })).nullish() });
const restarted = z.object({ deployment: z.object({ id: z.string() }) });

/**
 * Starts every worker of the app anew, and waits until that is done; returns their names. The web side is left alone.
 *
 * @throws ConfigurationError when the deployment fails that this is for DigitalOcean
 */
export async function restartWorkers(client: DigitalOcean, appName: string): Promise<string[]> {
  const app = await readApp(client, appName);
  if (app === undefined) return [];
  const names = (workersOf.parse(app.spec).workers ?? []).map(({ name }) => name);
  if (names.length === 0) return [];
  const { deployment } = await client.request('POST', `/apps/${app.id}/restart`, restarted, {
    components: names,
  });
  await waitForDeployment(client, app.id, deployment.id);
  return names;
}
