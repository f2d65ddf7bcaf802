import { messageOf } from '../../src/errors.ts';
import type { GateEvidence } from '../../src/github/gate.ts';
import { readRecord, writeRecord } from '../../src/digitalocean/dns.ts';
import type { DnsRecord } from '../../src/digitalocean/dns.ts';
import {
  readFormation,
  restartDynos,
  restoreFormation,
  scale,
  waitUntilNoDynos,
} from '../../src/heroku/formation.ts';
import { readMaintenance, setMaintenance } from '../../src/heroku/maintenance.ts';
import { currentRelease, isParked, parkApp, rollBackRelease } from '../../src/heroku/release.ts';
import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Fence } from '../../src/postgres/fence.ts';
import { holdFence, readFence } from '../../src/postgres/fence.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { quietSidekiq, readSidekiq, setAsideJobs, waitUntilIdle } from '../../src/redis/sidekiq.ts';
import { copyBoth } from '../copy-both.ts';
import { openNewSide } from '../opening.ts';
import type { Parties } from '../parties.ts';
import { parityFigures, proveEqual } from '../prove-equal.ts';
import { smokeTest } from './smoke.ts';

/** The checks that come before anything is touched; supplied by the cutover, and by nobody on the way back. */
export interface Checks {
  gate: () => Promise<GateEvidence>;
  preFlight: () => Promise<Json>;
}

// Heroku sends SIGKILL 30 s after SIGTERM ("Dyno shutdown behavior"); one-off dynos may need longer to finish their work.
const DYNO_END_LIMIT_MS = 90_000;

/**
 * The cutover as a saga: each step with its undo, in the order of the design, with one point of no return. The same
 * list serves the cutover, its continuation by a re-run, and the undoing of one that was abandoned.
 */
export function cutoverSteps(parties: Parties, checks: Checks): Step[] {
  const { subject, oldSide, newSide, log, clock } = parties;
  const { heroku, interruptible, app } = oldSide;
  const { migrationId } = subject.environment;
  // The locks live in a session of this process: a continued run takes them anew.
  let fence: Fence | undefined;
  // What keeps Heroku still is looked at again by a continued run: an undo that could not be noted, because the journal
  // was out of reach, or a person may have brought the app back meanwhile.
  const runsWorkers = async (): Promise<boolean> =>
    (await readFormation(heroku, app)).some(({ type, quantity }) => type !== 'web' && quantity > 0);

  return [
    defineStep({
      name: 'gate',
      // Evaluated once: to continue a cutover that has begun needs no second approval.
      act: async () => asJson(await checks.gate()),
    }),
    defineStep({ name: 'pre-flight', always: true, act: checks.preFlight }),
    defineStep({
      name: 'quiet-workers',
      act: async (_prior, { signal }) => {
        if (oldSide.redis === undefined) return { told: 0, waitedMs: 0 };
        return withRedis(oldSide.redis, { log, signal }, async (redis) => {
          const told = await quietSidekiq(redis);
          const limitMs = subject.config.workers.quietTimeoutMs;
          const { idle, busy, waitedMs } = await waitUntilIdle(redis, { limitMs, log, clock, signal });
          if (!idle) {
            throw new Error(
              `${busy} jobs were still running ${Math.round(limitMs / 1000)} s after the workers were told to go quiet. ` +
                'Raise `workers.quiet-timeout` in migration.yml or choose a time without long jobs.',
            );
          }
          return { told, waitedMs };
        });
      },
      settle: async () => ((await runsWorkers()) ? 'not-done' : 'done'),
      // A quiet Sidekiq stays quiet until it is restarted, and one that was told reports it up to 10 s later: so it is
      // not asked. Undoing the later steps may have restarted it already; once more costs its jobs nothing but time.
      undo: async () => {
        if (oldSide.redis === undefined) return;
        const runs = await withRedis(
          oldSide.redis,
          { log },
          async (redis) => (await readSidekiq(redis)).present,
        );
        if (runs) await restartDynos(heroku, app, (type) => type !== 'web');
      },
    }),
    defineStep({
      name: 'stop-workers',
      always: true,
      prior: async () => ({ formation: await readFormation(heroku, app) }),
      act: async ({ formation }) => {
        const workers = formation.filter(({ type, quantity }) => type !== 'web' && quantity > 0);
        await scale(
          heroku,
          app,
          workers.map(({ type }) => ({ type, quantity: 0 })),
        );
        await waitUntilNoDynos(interruptible, app, {
          types: workers.map(({ type }) => type),
          limitMs: DYNO_END_LIMIT_MS,
        });
        return { stopped: workers.map(({ type, quantity }) => `${type}=${quantity}`) };
      },
      undo: ({ formation }) => restoreFormation(heroku, app, formation),
    }),
    defineStep({
      name: 'maintenance-mode',
      prior: async () => ({ maintenance: await readMaintenance(heroku, app) }),
      act: async () => {
        await setMaintenance(heroku, app, true);
        return { since: clock.now().toISOString() };
      },
      settle: async () => ((await readMaintenance(heroku, app)) ? 'done' : 'not-done'),
      undo: ({ maintenance }) => setMaintenance(heroku, app, maintenance),
    }),
    defineStep({
      name: 'park',
      always: true,
      prior: async () => ({
        release: (await currentRelease(heroku, app))?.id ?? null,
        formation: await readFormation(heroku, app),
      }),
      // Scheduler cannot be paused by a supported API, and it keeps firing in maintenance mode: with an empty slug
      // released, what it starts finds no application code, so Redis has no writer left either.
      act: async ({ formation }) => {
        // Only what ran: a parked app no longer knows the type `release`, and a continued run comes here again.
        const running = formation.filter(({ quantity }) => quantity > 0);
        await scale(
          heroku,
          app,
          running.map(({ type }) => ({ type, quantity: 0 })),
        );
        // Uploading takes a while, and whoever took over meanwhile may have Heroku serving again.
        const parkedFrom = await parkApp(heroku, app, { beforeRelease: parties.checkLease });
        await waitUntilNoDynos(interruptible, app, { oneOff: true, limitMs: DYNO_END_LIMIT_MS });
        return { parkedFrom };
      },
      undo: async ({ release, formation }, result) => {
        const from = result?.parkedFrom ?? release;
        if (from !== null && (await isParked(heroku, app))) await rollBackRelease(heroku, app, from);
        await restoreFormation(heroku, app, formation);
      },
    }),
    defineStep({
      name: 'fence',
      always: true,
      act: async (_prior, { signal }) => {
        await fence?.release();
        await endOlderRuns(parties);
        fence = await holdFence(oldSide.database, { migrationId, epoch: parties.epoch, log, clock, signal });
        return { tables: fence.tables };
      },
      undo: async () => {
        await fence?.release();
        fence = undefined;
      },
    }),
    defineStep({
      name: 'copy',
      always: true,
      act: async (_prior, { signal }) => {
        const { postgres, redis } = await copyBoth(withFence(parties, fence, signal));
        return {
          tables: postgres.tables,
          bytes: postgres.bytes,
          postgresMs: postgres.milliseconds,
          removed: postgres.removed.map(({ entry, reason }) => `${entry}: ${reason}`),
          keys: redis?.keys ?? 0,
          redisMs: redis?.milliseconds ?? 0,
        };
      },
    }),
    defineStep({
      name: 'parity',
      always: true,
      act: async (_prior, { signal }) => parityFigures(await proveEqual(withFence(parties, fence, signal))),
    }),
    defineStep({
      name: 'point-of-no-return',
      pointOfNoReturn: true,
      act: async () => {
        if (!(await isParked(heroku, app))) {
          throw new Error(
            `Somebody released ${app} on Heroku during the cutover: its code may write to the old Redis.`,
          );
        }
        if (fence === undefined) throw new Error('The fence is not held.');
        fence.lost.throwIfAborted();
        await parties.checkLease();
        await fence.commit();
        return { at: clock.now().toISOString() };
      },
      settle: async () => {
        // An older run's COMMIT may still be on its way: the marker counts once its session is gone.
        await endOlderRuns(parties);
        return (await readFence(oldSide.database, migrationId)) === 'closed' ? 'done' : 'not-done';
      },
    }),
    defineStep({
      name: 'set-old-jobs-aside',
      act: async () => {
        if (oldSide.redis === undefined) return { keys: 0 };
        return withRedis(oldSide.redis, { log }, async (redis) => ({
          keys: await setAsideJobs(redis, migrationId),
        }));
      },
    }),
    defineStep({
      name: 'open-new-side',
      act: async () => {
        // A run that slept through a roll-back must not open a second side.
        await parties.checkLease();
        await openNewSide(newSide);
        return { at: clock.now().toISOString() };
      },
    }),
    ...subject.environment.domains.map((domain) => dnsStep(parties, domain)),
    defineStep({
      name: 'smoke',
      act: async (_prior, { signal }) => asJson(await smokeTest({ ...parties, signal })),
    }),
  ];
}

/** Ends what older runs of this migration left on the source: their locks, and a COMMIT that may still be on its way. */
export async function endOlderRuns({ subject, oldSide, epoch, log }: Parties): Promise<void> {
  const { migrationId } = subject.environment;
  const ended = await terminateStale(oldSide.database, { migrationId, epoch });
  if (ended > 0) log.info(`Ended ${ended} sessions that an earlier run had left on the source.`);
}

/** One step a name: each has its own prior record to go back to. */
export function dnsStepName(domain: string): string {
  return `dns ${domain}`;
}

function dnsStep({ subject, newSide }: Parties, domain: string): Step {
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

/** Work inside the fence ends at once when the fence is gone. */
function withFence(parties: Parties, fence: Fence | undefined, signal: AbortSignal): Parties {
  if (fence === undefined) throw new Error('The fence is not held.');
  return { ...parties, signal: AbortSignal.any([signal, fence.lost]) };
}

function asJson(value: unknown): Json {
  try {
    return JSON.parse(JSON.stringify(value)) as Json;
  } catch (error) {
    throw new Error(`A step's result cannot be written to the journal: ${messageOf(error)}`);
  }
}
