import { readApp } from '../src/digitalocean/app.ts';
import { requireMayChangeApp } from '../src/digitalocean/may-change-app.ts';
import { DigitalOceanError } from '../src/digitalocean/refusal.ts';
import { ConfigurationError } from '../src/errors.ts';
import { targetNames } from '../src/migration/names.ts';
import type { Finding } from './cutover/findings.ts';
import type { Parties } from './parties.ts';

const TROUBLE = 'https://status.digitalocean.com tells of trouble; then run this again.';

/**
 * Whether DigitalOcean's token may change the new app. Only the way back does: its workers, which were told to be quiet, are
 * started anew, at its end and when it is undone. Known before the cutover, so that the way back is open once it has begun.
 *
 * @param unasked when it could not be asked: `remedy` stands in the way, `advice` is told only
 * @returns nothing while there is no app that serves
 */
export async function changeableNewApp(
  { subject, newSide: { client } }: Pick<Parties, 'subject' | 'newSide'>,
  unasked: 'remedy' | 'advice',
): Promise<Finding[]> {
  const what = 'DigitalOcean token may change the new app';
  const { app: name } = targetNames(subject.environment.migrationId, subject.config.application);
  try {
    const app = await readApp(client, name);
    if (app?.active_deployment == null) return [];
    await requireMayChangeApp(client, app, app.active_deployment.id);
    return [{ what, found: 'yes' }];
  } catch (error) {
    if (error instanceof ConfigurationError) return [{ what, found: 'no', remedy: error.message }];
    if (!(error instanceof DigitalOceanError)) throw error;
    return [{ what, found: 'not known', [unasked]: `${error.message} ${TROUBLE}` }];
  }
}
