import { INGRESS_ADDRESSES } from '../../src/digitalocean/ingress.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { describeRecords, type NameRecord } from '../../src/dns/record.ts';
import { expectedOf, watchPropagation, type Propagation } from '../../src/dns/resolvers.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { readFormation, scale, waitUntilNoDynos } from '../../src/heroku/formation.ts';
import { readMaintenance, setMaintenance } from '../../src/heroku/maintenance.ts';
import { currentRelease, isParked, parkApp, rollBackRelease } from '../../src/heroku/release.ts';
import { restoreFormation } from '../../src/heroku/restore-formation.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';
import { DYNO_END_LIMIT_MS } from './quiesce.ts';
import type { TrafficSteps } from './traffic.ts';

/** Visitors find Heroku's maintenance page, and then follow the names as their resolvers forget the old addresses. */
export function dnsTraffic(parties: Parties): TrafficSteps {
  const { domains } = parties.subject.environment;
  return {
    hold: [maintenanceMode(parties), park(parties)],
    lead: domains.map((domain) => moveName(parties, domain)),
    afterwards: watchNames(parties),
  };
}

export function maintenanceMode({ oldSide: { heroku, app }, clock }: Parties): Step {
  return defineStep({
    name: 'maintenance-mode',
    prior: async () => ({ maintenance: await readMaintenance(heroku, app) }),
    act: async () => {
      await setMaintenance(heroku, app, true);
      return { since: clock.now().toISOString() };
    },
    settle: async () => ((await readMaintenance(heroku, app)) ? 'done' : 'not-done'),
    undo: ({ maintenance }) => setMaintenance(heroku, app, maintenance),
  });
}

/**
 * Scheduler cannot be paused by a supported API, and it keeps firing in maintenance mode: with an empty slug released,
 * what it starts finds no application code, so Redis has no writer left either.
 */
export function park({ oldSide: { heroku, interruptible, app }, checkLease }: Parties): Step {
  return defineStep({
    name: 'park',
    always: true,
    prior: async () => ({
      release: (await currentRelease(heroku, app))?.id ?? null,
      formation: await readFormation(heroku, app),
    }),
    act: async ({ formation }) => {
      // Only what ran: a parked app no longer knows the type `release`, and a continued run comes here again.
      const running = formation.filter(({ quantity }) => quantity > 0);
      await scale(
        heroku,
        app,
        running.map(({ type }) => ({ type, quantity: 0 })),
      );
      // Uploading takes a while, and whoever took over meanwhile may have Heroku serving again.
      const parkedFrom = await parkApp(heroku, app, { beforeRelease: checkLease });
      await waitUntilNoDynos(interruptible, app, { oneOff: true, limitMs: DYNO_END_LIMIT_MS });
      return { parkedFrom };
    },
    undo: async ({ release, formation }, result) => {
      const from = result?.parkedFrom ?? release;
      if (from !== null && (await isParked(heroku, app))) await rollBackRelease(heroku, app, from);
      await restoreFormation(heroku, app, formation);
    },
  });
}

/** One step a name: each has its own prior record to go back to. */
export function dnsStepName(domain: string): string {
  return `dns ${domain}`;
}

export function moveName(parties: Parties, domain: string): Step {
  return defineStep<{ records: NameRecord[] } | null, { records: NameRecord[]; before: NameRecord[] }>({
    name: dnsStepName(domain),
    prior: async () => ({ records: await providerOf(parties).readAddresses(domain) }),
    act: async (prior) => {
      const before = prior?.records ?? [];
      const dns = providerOf(parties);
      const records = await recordsOfNewSide(parties, domain);
      await dns.writeAddresses(domain, records);
      parties.log.info(`${domain}: ${describeRecords(before)} → ${describeRecords(records)}`);
      return { records, before };
    },
  });
}

/** Throws when migration.yml names nobody who serves the zone; a cutover with domains was refused then. */
export function providerOf({ dns }: Pick<Parties, 'dns'>): DnsProvider {
  if (dns !== undefined) return dns;
  throw new ConfigurationError('migration.yml does not say who serves the zone: put its section `dns` back.');
}

/** A zone's own name may have no CNAME: it is led to the addresses that App Platform has for such names. */
async function recordsOfNewSide({ subject, newSide }: Parties, domain: string): Promise<NameRecord[]> {
  const { zone = '', ttl = 30 } = subject.config.dns ?? {};
  if (domain !== zone) return [{ type: 'CNAME', data: await newSide.ingressHost(), ttl }];
  return INGRESS_ADDRESSES.A.map((data) => ({ type: 'A', data, ttl }));
}

/** How long after a record's own lifetime a resolver may still keep it before that is told as odd. */
export const GRACE_MS = 15_000;

/** Tells when the public's resolvers lead to the new side. Never fails: the records are written, and others are late. */
export function watchNames(parties: Parties): Step[] {
  if (parties.subject.environment.domains.length === 0) return [];
  const watch = defineStep<null, { domain: string; resolvers: Propagation[] }[]>({
    name: WATCH_NAMES,
    act: async (_prior, { signal }) => {
      const { subject, resolvers, log, clock } = parties;
      return Promise.all(
        subject.environment.domains.map(async (domain) => {
          const expected = expectedOf(await recordsOfNewSide(parties, domain)) ?? [];
          // The pre-flight has seen that no resolver may keep the old record for longer.
          const limitMs = (subject.config.dns?.ttl ?? 0) * 1000 + GRACE_MS;
          const options = { resolvers, limitMs, log, clock, signal };
          return { domain, resolvers: await watchPropagation(domain, expected, options) };
        }),
      );
    },
  });
  return [watch];
}

export const WATCH_NAMES = 'watch-names';
