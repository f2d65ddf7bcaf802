import { certificateState } from '../../src/checks/certificate.ts';
import { compareSides } from '../../src/checks/compare.ts';
import { whyNot } from '../../src/checks/connection.ts';
import { servedCertificate } from '../../src/checks/exchange.ts';
import { FRONT_PAGE, runChecks } from '../../src/checks/functional.ts';
import { judged, type Check } from '../../src/checks/result.ts';
import type { CheckRun } from '../../src/checks/run.ts';
import type { RedisAddress, RedisOptions } from '../../src/redis/connect.ts';
import { CERTIFICATE_DAYS } from '../../src/migration/check-config.ts';
import { appWebUrl } from '../../src/heroku/web-url.ts';
import { checkHosts, type CheckResult } from '../http-checks.ts';
import { inEachDatabase } from '../jobs.ts';
import type { Parties } from '../parties.ts';

/** Asks the new side what migration.yml declares, and while the old side serves, both for the same. */
export async function functionalChecks(
  parties: Parties,
  {
    moved,
    secrets,
    redact,
  }: { moved: boolean; secrets: Record<string, string>; redact: (text: string) => string },
): Promise<{ checks: Check[]; http: CheckResult[] }> {
  const { subject, oldSide, newSide, clock, log, signal } = parties;
  const { config, environment } = subject;
  const ingress = await newSide.ingressHost();
  const hosts = moved ? [ingress, ...environment.domains] : [ingress];
  // Under every name that leads there; all else is asked once, under the name that visitors use.
  const http = await checkHosts(hosts, config.checks);
  const host = moved ? (environment.domains[0] ?? ingress) : ingress;
  const run: CheckRun = {
    base: `https://${host}`,
    oldBase: moved ? undefined : await appWebUrl(oldSide.heroku, oldSide.app),
    secrets,
    processedJobs: () => processedJobs(newSide.redis?.admin, { log, signal }),
    environment: process.env,
    environmentName: environment.name,
    redact,
    clock,
    signal,
  };
  const declared = config.declaredChecks.length > 0 ? config.declaredChecks : [FRONT_PAGE];
  const checks = await runChecks(run, declared, { closed: !moved });
  // Without a declaration only what the new side is known to answer while it is closed.
  const paths = config.compare?.paths ?? [
    ...new Set(
      declared.flatMap((check) => (check.kind === 'request' && check.method === 'GET' ? [check.path] : [])),
    ),
  ];
  return {
    checks: [
      ...checks,
      ...(await Promise.all(hosts.map((name) => certificateOf(name, run)))),
      ...(await compareSides(run, paths, config.compare)),
    ],
    http,
  };
}

/** Under every name that leads there, and not only under the one that all else is asked under. */
async function certificateOf(host: string, run: CheckRun): Promise<Check> {
  const seen = await servedCertificate(new URL(`https://${host}/`)).catch((error: unknown) => whyNot(error));
  return judged(`function/certificate/${host}`, 'function', `${host} has a certificate that is trusted`, {
    ...(typeof seen === 'string'
      ? { passed: false, found: seen }
      : certificateState(seen, CERTIFICATE_DAYS, run.clock.now())),
    remedy: 'Look at the domain on App Platform: it renews certificates by itself while DNS leads there.',
  });
}

/** Sidekiq's own counters, of each logical database that has one; undefined where nothing has ever counted. */
export async function processedJobs(
  redis: RedisAddress | undefined,
  options: RedisOptions,
): Promise<number | undefined> {
  const counted = (await inEachDatabase({ redis }, options, (client) => client.get('stat:processed'))).filter(
    (text) => text !== null,
  );
  return counted.length === 0 ? undefined : counted.reduce((sum, text) => sum + Number(text), 0);
}
