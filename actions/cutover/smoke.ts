import { webHost } from '../../src/heroku/web-host.ts';
import type { CheckResult } from '../http-checks.ts';
import { checkHosts } from '../http-checks.ts';
import type { Parties } from '../parties.ts';

// Names are looked up anew each time; resolvers may keep the old address for as long as the record lived before.
const NAMES_LIMIT_MS = 5 * 60_000;
const RETRY_MS = 1000;

/**
 * Asks the new side directly, then under its public names until DNS leads there. With the front door they lead to Heroku
 * still, as does the app's own name there: so the forwarder is what is asked. Throws when a check keeps failing.
 */
export async function smokeTest(parties: Parties): Promise<{ checks: CheckResult[] }> {
  const { subject, oldSide, newSide, clock, log, signal } = parties;
  const hosts = [
    await newSide.ingressHost(),
    ...subject.environment.domains,
    ...(subject.config.traffic === 'front-door' ? [await webHost(oldSide.heroku, oldSide.app)] : []),
  ];
  const started = clock.now().getTime();
  for (;;) {
    const checks = await checkHosts(hosts, subject.config.checks);
    const failed = checks.filter(({ passed }) => !passed);
    if (failed.length === 0) {
      for (const { url, found, milliseconds } of checks) log.info(`${url}: ${found} in ${milliseconds} ms`);
      return { checks };
    }
    const waited = clock.now().getTime() - started;
    if (waited > NAMES_LIMIT_MS) {
      throw new Error(
        `The new side does not pass its checks after ${Math.round(waited / 1000)} s: ` +
          `${failed.map(({ url, found }) => `${url}: ${found}`).join('; ')}. ` +
          'The data has moved and the new side is open. Mend it and re-run this job, or run roll-back.',
      );
    }
    await clock.sleep(RETRY_MS, signal);
  }
}
