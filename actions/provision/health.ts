import type { App } from '../../src/digitalocean/app.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { checkHosts } from '../http-checks.ts';
import type { Provisioning } from './provision.ts';

const HEALTH_LIMIT_MS = 3 * 60_000;
const PAUSE_MS = 1_000;

/** Asks the app at its own host name, before any domain leads there, until each check of migration.yml passes. */
export async function waitUntilHealthy(p: Provisioning, app: App): Promise<void> {
  const { edge, subject } = p;
  const host = app.ingressHost;
  if (host === undefined) throw new Error(`The app ${p.names.app} has no host name yet: run this again.`);
  const started = edge.clock.now().getTime();
  for (;;) {
    const results = await checkHosts([host], subject.config.checks);
    const failed = results.filter(({ passed }) => !passed);
    if (failed.length === 0) {
      for (const { url, found } of results) edge.log.info(`${url}: ${found}`);
      return;
    }
    if (edge.clock.now().getTime() > Math.min(p.client.deadline ?? Infinity, started + HEALTH_LIMIT_MS)) {
      throw new ConfigurationError(
        `The app is deployed and does not pass its checks: ${failed.map(({ url, found }) => `${url}: ${found}`).join('; ')}. ` +
          'The old side is untouched. Mend the application or the checks in migration.yml and run this again.',
      );
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}
