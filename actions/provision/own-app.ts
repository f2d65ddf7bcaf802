import { readApp, type App } from '../../src/digitalocean/app.ts';
import { requireOurs } from '../../src/digitalocean/ownership.ts';
import { OWNER_VARIABLE, variableOf } from './app-mark.ts';
import type { Provisioning } from './provision.ts';

/** The app as it is now. @throws ConfigurationError when one of that name is not this migration's. */
export async function readOwnApp(p: Provisioning): Promise<App | undefined> {
  const live = await readApp(p.client, p.names.app);
  if (live !== undefined)
    requireOurs('app', p.names.app, [variableOf(live.spec, OWNER_VARIABLE) ?? ''], p.names.tag);
  return live;
}
