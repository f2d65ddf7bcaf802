import { readRecord, writeRecord } from '../../src/digitalocean/dns.ts';
import type { DnsRecord } from '../../src/digitalocean/dns.ts';
import { readFormation, restoreFormation, scale, waitUntilNoDynos } from '../../src/heroku/formation.ts';
import { readMaintenance, setMaintenance } from '../../src/heroku/maintenance.ts';
import { currentRelease, isParked, parkApp, rollBackRelease } from '../../src/heroku/release.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';
import { DYNO_END_LIMIT_MS } from './quiesce.ts';
import type { TrafficSteps } from './traffic.ts';

/** Visitors find Heroku's maintenance page, and then follow the names as their resolvers forget the old addresses. */
export function dnsTraffic(parties: Parties): TrafficSteps {
  return {
    hold: [maintenanceMode(parties), park(parties)],
    lead: parties.subject.environment.domains.map((domain) => moveName(parties, domain)),
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

export function moveName({ subject, newSide }: Parties, domain: string): Step {
  const { dns } = subject.config;
  if (dns === undefined) throw new Error('Domains without a dns section were refused at the start.');
  return defineStep<
    { record: { type: DnsRecord['type']; data: string; ttl: number } | null },
    { data: string; ttl: number }
  >({
    name: dnsStepName(domain),
    prior: async () => ({ record: (await readRecord(newSide.client, dns.zone, domain)) ?? null }),
    act: async () => {
      const record: DnsRecord =
        domain === dns.zone
          ? { type: 'A', data: APEX_ADDRESS, ttl: dns.ttl }
          : { type: 'CNAME', data: await newSide.ingressHost(), ttl: dns.ttl };
      await writeRecord(newSide.client, dns.zone, domain, record);
      return { data: record.data, ttl: record.ttl };
    },
  });
}

/** App Platform's shared ingress for apex names (DigitalOcean, "Manage domains", 2025-12-11). */
const APEX_ADDRESS = '162.159.140.98';
