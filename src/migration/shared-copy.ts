import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from '../postgres/connect.ts';
import type { Holder, HolderSight, Others, SharedPlan, ShardState } from '../postgres/shared-copy.ts';
import type { JournalSession, Query } from './journal-session.ts';
import { openSession } from './journal-session.ts';

/** One runner of a copy that several share; all are jobs of one attempt of one run. */
export interface SharingRunner {
  runId: string;
  runAttempt: number;
  /** From 1, which holds the snapshot. */
  shard: number;
  shards: number;
}

export interface SharedCopyOptions {
  runner: SharingRunner;
  /** By which this job is let in to the cluster: should it die, the first takes it out. */
  pass?: string;
  log: Log;
  clock: Clock;
  /** Whoever was not heard of for so long is silent. */
  silentMs?: number;
  /** How often the others are looked at. */
  lookEveryMs?: number;
}

interface JournalPlace {
  readonly migrationId: string;
  readonly address: PostgresAddress;
}

const SILENT_MS = 60_000;
const LOOK_EVERY_MS = 2_000;
/** A managed cluster fails over within half a minute. */
const PATIENCE_MS = 60_000;

/**
 * Runs `body` as the runner that holds the snapshot, and tells the others through the journal how it ends. A runner that
 * dies falls silent.
 *
 * @param epoch of the lease, which is held
 */
export async function holdSharedCopy<T>(
  journal: JournalPlace,
  epoch: number,
  options: SharedCopyOptions,
  body: (others: Others) => Promise<T>,
): Promise<T> {
  const { runner, clock, log, silentMs = SILENT_MS, lookEveryMs = LOOK_EVERY_MS } = options;
  const session = await openBoard(journal, runner);
  const own = [journal.migrationId, runner.runId, runner.runAttempt, epoch] as const;
  const say = (sql: string, ...values: unknown[]): Promise<void> =>
    session.transaction(async (query) => {
      await query(sql, [...own, ...values]);
    });
  const over = new AbortController();
  await say(ANNOUNCE, runner.shards);
  const beating = beat(() => say(BEAT), { clock, log, everyMs: silentMs / 6, over: over.signal });
  try {
    const result = await body({
      shards: runner.shards,
      lookEveryMs,
      begin: (plan) => say(PUBLISH, plan.snapshot, JSON.stringify(plan)),
      look: () =>
        session.transaction(async (query) => {
          const rows = await query<{ shard: number; state: ShardState }>(LOOK_AT_OTHERS, [
            ...own.slice(0, 3),
            silentMs,
          ]);
          return new Map(rows.map(({ shard, state }) => [shard, state]));
        }),
      complete: () => say(END, 'complete'),
    });
    await say(END, 'complete');
    return result;
  } catch (thrown) {
    await say(END, 'failed').catch((error: unknown) =>
      log.debug(`The other runners were not told of the failure: ${messageOf(error)}`),
    );
    throw thrown;
  } finally {
    over.abort(new Error('over'));
    await beating;
    await session.close();
  }
}

/** Runs `body` as a runner that takes part. It holds no lease: it acts under the epoch of the runner that does. */
export async function joinSharedCopy<T>(
  journal: JournalPlace,
  options: SharedCopyOptions,
  body: (holder: Holder) => Promise<T>,
): Promise<T> {
  const { runner, pass = null, silentMs = SILENT_MS } = options;
  const session = await openBoard(journal, runner);
  const run = [journal.migrationId, runner.runId, runner.runAttempt] as const;
  const ask = <Row extends object>(sql: string, ...values: unknown[]): Promise<Row | undefined> =>
    session.transaction(async (query) => (await query<Row>(sql, [...run, ...values]))[0]);
  try {
    return await body({
      async look() {
        const row = await ask<{ state: string; snapshot: string | null; shards: number }>(
          LOOK_AT_HOLDER,
          silentMs,
        );
        if (row === undefined) return { state: 'absent' };
        if (row.shards !== runner.shards)
          throw new ConfigurationError(
            `Shard 1 of this run shares the copy among ${row.shards} runners, and this one was told \`shard: ${runner.shard}/${runner.shards}\`. Give all jobs of the run the same number.`,
          );
        return sightOf(row.state, row.snapshot);
      },
      async readPlan(snapshot) {
        return (await ask<{ plan: SharedPlan }>(READ_PLAN, snapshot))?.plan;
      },
      sign: (state) => session.transaction((query) => signed(query, [...run, runner.shard, state, pass])),
    });
  } finally {
    await session.close();
  }
}

/**
 * When all is copied: waits until each of the others that ever came has said that it is over, or is silent, and gives the
 * passes of the silent ones. Their machines are dead, and nobody else closes the cluster to them.
 */
export async function passesOfDead(
  journal: JournalPlace,
  { runner, clock, silentMs = SILENT_MS, lookEveryMs = LOOK_EVERY_MS }: SharedCopyOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const session = await openBoard(journal, runner);
  const own = [journal.migrationId, runner.runId, runner.runAttempt, silentMs];
  try {
    for (;;) {
      const rows = await session.transaction((query) =>
        query<{ silent: boolean; pass: string | null }>(NOT_ENDED, own),
      );
      if (rows.every(({ silent }) => silent)) return rows.flatMap(({ pass }) => pass ?? []);
      await clock.sleep(lookEveryMs, signal);
    }
  } finally {
    await session.close();
  }
}

function sightOf(state: string, snapshot: string | null): HolderSight {
  switch (state) {
    case 'copying':
      return snapshot === null ? { state: 'preparing' } : { state, snapshot };
    case 'preparing':
    case 'complete':
    case 'failed':
    case 'silent':
      return { state };
    default:
      throw new Error(`The journal says of shard 1 that it is "${state}", which this version does not know.`);
  }
}

async function signed(query: Query, values: unknown[]): Promise<void> {
  await query(SIGN, values);
}

function openBoard(
  { address, migrationId }: JournalPlace,
  { shard }: SharingRunner,
): Promise<JournalSession> {
  return openSession(address, {
    applicationName: `h2d ${migrationId} shard ${shard}`,
    patienceMs: PATIENCE_MS,
    statementTimeoutMs: PATIENCE_MS / 2,
  });
}

/** Never throws: a journal that does not answer is noticed by whoever needs it. */
async function beat(
  say: () => Promise<void>,
  { clock, log, everyMs, over }: { clock: Clock; log: Log; everyMs: number; over: AbortSignal },
): Promise<void> {
  for (;;) {
    await clock.sleep(everyMs, over).catch(() => undefined);
    if (over.aborted) return;
    await say().catch((thrown: unknown) =>
      log.debug(`The other runners were not told that this one is there: ${messageOf(thrown)}`),
    );
  }
}

const OWN = 'migration_id = $1 and run_id = $2 and run_attempt = $3 and epoch = $4';

const ANNOUNCE = `
  insert into journal.shared_copy (migration_id, run_id, run_attempt, epoch, shards, state, seen_at)
  values ($1, $2, $3, $4, $5, 'preparing', clock_timestamp())
      on conflict (migration_id) do update
         set run_id = excluded.run_id, run_attempt = excluded.run_attempt, epoch = excluded.epoch,
             shards = excluded.shards, state = 'preparing', snapshot = null, plan = null, begun_at = null,
             seen_at = excluded.seen_at`;
const BEAT = `update journal.shared_copy set seen_at = clock_timestamp() where ${OWN}`;
const PUBLISH = `
  update journal.shared_copy
     set state = 'copying', snapshot = $5, plan = $6, begun_at = clock_timestamp(), seen_at = clock_timestamp()
   where ${OWN}`;
// The plan is of no use to anybody any more.
const END = `
  update journal.shared_copy set state = $5, snapshot = null, plan = null, seen_at = clock_timestamp() where ${OWN}`;

// One that signed before the copy began is given the same time as one that was never there.
const LOOK_AT_OTHERS = `
  select number as shard,
         case when shard.state = 'ended' then 'ended'
              when greatest(shard.seen_at, copy.begun_at) < clock_timestamp() - $4 * interval '1 millisecond' then 'silent'
              else 'working' end as state
    from journal.shared_copy copy
    cross join generate_series(2, copy.shards) number
    left join journal.shard shard
           on shard.migration_id = copy.migration_id and shard.run_id = copy.run_id
          and shard.run_attempt = copy.run_attempt and shard.shard = number
   where copy.migration_id = $1 and copy.run_id = $2 and copy.run_attempt = $3`;
const LOOK_AT_HOLDER = `
  select shards, snapshot,
         case when state in ('preparing', 'copying') and seen_at < clock_timestamp() - $4 * interval '1 millisecond'
              then 'silent' else state end as state
    from journal.shared_copy
   where migration_id = $1 and run_id = $2 and run_attempt = $3`;
const READ_PLAN = `
  select plan from journal.shared_copy
   where migration_id = $1 and run_id = $2 and run_attempt = $3 and state = 'copying' and snapshot = $4`;
const SIGN = `
  insert into journal.shard (migration_id, run_id, run_attempt, shard, state, pass, seen_at)
  values ($1, $2, $3, $4, $5, $6, clock_timestamp())
      on conflict (migration_id, shard) do update
         set run_id = excluded.run_id, run_attempt = excluded.run_attempt, state = excluded.state,
             pass = excluded.pass, seen_at = excluded.seen_at`;
const NOT_ENDED = `
  select pass, seen_at < clock_timestamp() - $4 * interval '1 millisecond' as silent
    from journal.shard
   where migration_id = $1 and run_id = $2 and run_attempt = $3 and state <> 'ended'`;
