import { randomUUID } from 'node:crypto';

import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from '../postgres/connect.ts';
import type { Writer } from './journal.ts';
import type { JournalSession } from './journal-session.ts';
import { openSession } from './journal-session.ts';

/** Who acts; `Edge.environment` is one. */
export interface LeaseHolder {
  runId: string;
  runAttempt: number;
  actor: string;
  runUrl: string;
}

/** The right to act on one migration, alone. It renews itself until it is released. */
export interface Lease extends Writer {
  readonly epoch: number;
  readonly runId: string;
  /** Aborts with a LeaseLostError when the lease could not be renewed in time or another run took over. */
  readonly lost: AbortSignal;
  /** Throws LeaseLostError when a newer epoch exists: ask before every change on the target. */
  check(): Promise<void>;
  /** Lets the next run begin at once. Never throws. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  holder: LeaseHolder;
  /** By which the holder's runner is let in to the new databases: noted until the lease is given back. */
  pass?: string;
  log: Log;
  clock: Clock;
  /** How long the lease outlives a runner that died. */
  ttlMs?: number;
}

/** Another run has it. One that was killed has it until it expires, within about a minute. */
export class LeaseHeldError extends ConfigurationError {}

/** This run may no longer act. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  /** True: another run acts now, so that nothing may be done or undone here. False: only the journal is out of reach. */
  readonly superseded: boolean;

  constructor(message: string, superseded: boolean) {
    super(message);
    this.superseded = superseded;
  }

  static takenOver(runUrl: string | null): LeaseLostError {
    const by = runUrl === null || runUrl === '' ? 'Another run' : `Another run (${runUrl})`;
    return new LeaseLostError(
      `${by} has taken over this migration. This run stopped and undid nothing: look there.`,
      true,
    );
  }
}

const DEFAULT_TTL_MS = 60_000;

/**
 * Takes the lease of a migration and with it the next epoch. Refused with a ConfigurationError, which tells who holds
 * it, while another run's lease has not expired; a new attempt of the same run takes over at once.
 * The database's clock decides, so runners' clocks may differ.
 */
export async function acquireLease(
  journal: { readonly migrationId: string; readonly address: PostgresAddress },
  options: LeaseOptions,
): Promise<Lease> {
  const { holder, pass, log, clock, ttlMs = DEFAULT_TTL_MS } = options;
  const { migrationId } = journal;
  // A connection of its own: renewing never waits behind a long transaction of the journal.
  const session = await openSession(journal.address, {
    applicationName: `h2d ${migrationId} lease`,
    patienceMs: ttlMs / 2,
    statementTimeoutMs: Math.ceil(ttlMs / 2),
  });
  const mine = { migrationId, token: randomUUID(), ttlMs };
  let epoch: number;
  try {
    epoch = await take(session, mine, holder, pass);
  } catch (error) {
    await session.close();
    throw error;
  }
  log.debug(`Holds the lease of ${migrationId}, epoch ${epoch}.`);

  const lost = new AbortController();
  const released = new AbortController();
  const renewing = renew();

  /** Renews until released or lost; a silent journal costs the lease before it expires for others. */
  async function renew(): Promise<void> {
    let renewedAt = clock.now().getTime();
    const silentFor = (): number => clock.now().getTime() - renewedAt;
    while (!released.signal.aborted && !lost.signal.aborted) {
      const begun = clock.now().getTime();
      try {
        const outcome = await withinTime(extend(session, mine, epoch), (ttlMs * 3) / 4 - silentFor());
        if (outcome === 'renewed') renewedAt = begun;
        else if (outcome === 'superseded') lost.abort(await takenOver(session, migrationId));
      } catch (error) {
        log.warning(`The lease could not be renewed: ${messageOf(error)}`);
      }
      if (silentFor() >= (ttlMs * 3) / 4) lost.abort(unreachable(silentFor()));
      await clock.sleep(ttlMs / 4, released.signal).catch(() => undefined);
    }
  }

  async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T | 'late'> {
    const settled = new AbortController();
    const late = clock.sleep(Math.max(0, milliseconds), settled.signal).then(() => 'late' as const);
    try {
      return await Promise.race([work, late]);
    } finally {
      settled.abort();
      late.catch(() => undefined);
    }
  }

  return {
    epoch,
    runId: holder.runId,
    lost: lost.signal,
    async check() {
      // Asked even when the lease is lost: whether the journal was only silent or another run acts makes a difference.
      const newest = await newestEpoch(session, migrationId);
      if (newest > epoch) {
        const error = await takenOver(session, migrationId);
        lost.abort(error);
        throw error;
      }
      lost.signal.throwIfAborted();
    },
    async release() {
      released.abort();
      await renewing;
      try {
        await session.transaction(async (query) => {
          await query(RELEASE, [migrationId, mine.token]);
          await query('delete from journal.lease_pass where migration_id = $1 and epoch = $2', [
            migrationId,
            epoch,
          ]);
        });
      } catch (error) {
        log.warning(`The lease was not given back and expires within ${ttlMs / 1000} s: ${messageOf(error)}`);
      }
      await session.close();
    },
  };
}

interface Mine {
  migrationId: string;
  token: string;
  ttlMs: number;
}
interface StoredLease {
  token: string | null;
  epoch: string;
  run_id: string | null;
  run_attempt: number | null;
  actor: string | null;
  run_url: string | null;
  acquired_at: Date | null;
  expires_at: Date | null;
  held: boolean;
}

const TAKE = `
  update journal.lease
     set epoch = epoch + 1, token = $2, run_id = $3, run_attempt = $4, actor = $5, run_url = $6,
         acquired_at = clock_timestamp(), renewed_at = clock_timestamp(),
         expires_at = clock_timestamp() + $7 * interval '1 millisecond'
   where migration_id = $1
  returning epoch`;
const EXTEND = `
  update journal.lease
     set renewed_at = clock_timestamp(), expires_at = clock_timestamp() + $4 * interval '1 millisecond'
   where migration_id = $1 and token = $2 and epoch = $3
  returning epoch`;
const RELEASE = `
  update journal.lease set token = null, expires_at = clock_timestamp() where migration_id = $1 and token = $2`;

/** Returns the epoch. */
function take(
  session: JournalSession,
  mine: Mine,
  holder: LeaseHolder,
  pass: string | undefined,
): Promise<number> {
  return session.transaction(async (query) => {
    await query('insert into journal.lease (migration_id) values ($1) on conflict do nothing', [
      mine.migrationId,
    ]);
    const [lease] = await query<StoredLease>(
      'select *, coalesce(token is not null and expires_at > clock_timestamp(), false) as held from journal.lease where migration_id = $1 for update',
      [mine.migrationId],
    );
    // A repeated transaction whose first run was committed after all.
    if (lease?.token === mine.token) return Number(lease.epoch);
    if (lease?.held && !isSuccessor(holder, lease)) throw refusal(mine.migrationId, lease);
    const { runId, runAttempt, actor, runUrl } = holder;
    const [taken] = await query<{ epoch: string }>(TAKE, [
      mine.migrationId,
      mine.token,
      runId,
      runAttempt,
      actor,
      runUrl,
      mine.ttlMs,
    ]);
    const epoch = Number(taken?.epoch);
    if (pass !== undefined)
      await query('insert into journal.lease_pass (migration_id, epoch, pass) values ($1, $2, $3)', [
        mine.migrationId,
        epoch,
        pass,
      ]);
    return epoch;
  });
}

/** GitHub starts a new attempt of a run only when the one before has ended. */
function isSuccessor(holder: LeaseHolder, lease: StoredLease): boolean {
  return lease.run_id === holder.runId && holder.runAttempt > (lease.run_attempt ?? 0);
}

function refusal(migrationId: string, lease: StoredLease): LeaseHeldError {
  const at = (time: Date | null): string => time?.toISOString().slice(11, 19) ?? 'unknown';
  return new LeaseHeldError(
    `Another run is working on ${migrationId}: ${lease.run_url ?? ''} (started by ${lease.actor ?? 'unknown'}), since ${at(lease.acquired_at)} UTC. ` +
      `Nothing was done here. Wait for it; if it was killed, its lease expires at ${at(lease.expires_at)} UTC, and then run this again.`,
  );
}

function unreachable(milliseconds: number): LeaseLostError {
  return new LeaseLostError(
    `The journal has not answered for ${Math.round(milliseconds / 1000)} s, so this run cannot know that it acts alone.`,
    false,
  );
}

async function extend(session: JournalSession, mine: Mine, epoch: number): Promise<'renewed' | 'superseded'> {
  const rows = await session.transaction((query) =>
    query(EXTEND, [mine.migrationId, mine.token, epoch, mine.ttlMs]),
  );
  return rows.length > 0 ? 'renewed' : 'superseded';
}

function newestEpoch(session: JournalSession, migrationId: string): Promise<number> {
  return session.transaction(async (query) => {
    const [lease] = await query<{ epoch: string }>(
      'select epoch from journal.lease where migration_id = $1',
      [migrationId],
    );
    return Number(lease?.epoch ?? 0);
  });
}

async function takenOver(session: JournalSession, migrationId: string): Promise<LeaseLostError> {
  const runUrl = await session
    .transaction((query) =>
      query<{ run_url: string | null }>('select run_url from journal.lease where migration_id = $1', [
        migrationId,
      ]),
    )
    .then(([lease]) => lease?.run_url ?? null)
    .catch(() => null);
  return LeaseLostError.takenOver(runUrl);
}
