import { randomUUID } from 'node:crypto';

import type { PostgresAddress } from '../postgres/connect.ts';
import type { Query } from './journal-session.ts';
import { openSession } from './journal-session.ts';
import type { Json } from './json.ts';
import { LeaseLostError } from './lease.ts';
import { refuseSecrets } from './no-secrets.ts';

/** The database on the target cluster that holds journals; nothing of the application is in it. */
export const JOURNAL_DATABASE = 'migration_journal';

/** `undoing` is written for all steps before the first of them is undone: an interrupted undo is continued. */
export type StepStatus = 'intent' | 'done' | 'failed' | 'undoing' | 'undone';

/** One attempt at one step, as committed. */
export interface StepRow {
  id: string;
  phase: string;
  name: string;
  /** From 1, per step. */
  attempt: number;
  status: StepStatus;
  /** The state that the step found; its undo goes back to it. */
  prior: Json;
  result: Json;
  /** Why it failed or is undone. */
  reason: string | null;
  pointOfNoReturn: boolean;
  epoch: number;
  runId: string;
  begunAt: Date;
  finishedAt: Date | null;
}

/** Who writes: every write is refused once a newer epoch exists. */
export interface Writer {
  epoch: number;
  runId: string;
}

export interface NewStep {
  phase: string;
  name: string;
  prior: Json;
  pointOfNoReturn: boolean;
}

/** The part of the journal that a saga needs. Every write is committed when its promise resolves. */
export interface StepJournal {
  /** The newest attempt of each step, in the order in which these began. */
  steps(phase: string): Promise<StepRow[]>;
  begin(writer: Writer, step: NewStep): Promise<StepRow>;
  finish(writer: Writer, id: string, result: Json): Promise<void>;
  fail(writer: Writer, id: string, reason: string): Promise<void>;
  /** Marks all of them in one transaction. */
  beginUndo(writer: Writer, ids: readonly string[], reason: string): Promise<void>;
  finishUndo(writer: Writer, id: string): Promise<void>;
}

/** The saga's memory, in its own database on the target cluster. */
export interface Journal extends StepJournal {
  readonly migrationId: string;
  readonly address: PostgresAddress;
  /** Every attempt ever made, oldest first, for reports. */
  history(): Promise<StepRow[]>;
  /** After a roll-back: the steps of finished phases count as undone, all at once, and the phases may begin anew. */
  retire(writer: Writer, phases: readonly string[], reason: string): Promise<void>;
  /** Passes of those who held the lease and died with it, oldest first: nobody else takes them out of the trusted sources. */
  passesOfDead(): Promise<string[]>;
  /** They are out. */
  forgetPasses(passes: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const SCHEMA = `
  create schema if not exists journal;

  create table if not exists journal.migration (
    id         text primary key,
    created_at timestamptz not null default clock_timestamp()
  );

  create table if not exists journal.step (
    id                 uuid primary key,
    number             bigint generated always as identity,
    migration_id       text not null references journal.migration,
    phase              text not null,
    name               text not null,
    attempt            integer not null,
    status             text not null check (status in ('intent', 'done', 'failed', 'undoing', 'undone')),
    prior              jsonb not null,
    result             jsonb not null default 'null',
    reason             text,
    point_of_no_return boolean not null,
    epoch              bigint not null,
    run_id             text not null,
    begun_at           timestamptz not null default clock_timestamp(),
    finished_at        timestamptz,
    unique (migration_id, phase, name, attempt)
  );

  create table if not exists journal.lease (
    migration_id text primary key references journal.migration,
    epoch        bigint not null default 0,
    token        uuid,
    run_id       text,
    run_attempt  integer,
    actor        text,
    run_url      text,
    acquired_at  timestamptz,
    renewed_at   timestamptz,
    expires_at   timestamptz
  );

  -- By which each holder of the lease is let in to the new databases, until it gives the lease back.
  create table if not exists journal.lease_pass (
    migration_id text not null references journal.migration,
    epoch        bigint not null,
    pass         text not null,
    primary key (migration_id, epoch)
  );

  -- Who else is there: a guard that watches, a cutover that waits for its window.
  create table if not exists journal.presence (
    migration_id text not null references journal.migration,
    role         text not null,
    run_id       text not null,
    run_attempt  integer not null,
    seen_at      timestamptz not null,
    until        timestamptz,
    primary key (migration_id, role)
  );

  -- A copy that several runners share: what the one that holds the snapshot tells the others.
  create table if not exists journal.shared_copy (
    migration_id text primary key references journal.migration,
    run_id       text not null,
    run_attempt  integer not null,
    epoch        bigint not null,
    shards       integer not null,
    state        text not null check (state in ('preparing', 'copying', 'complete', 'failed')),
    snapshot     text,
    plan         jsonb,
    begun_at     timestamptz,
    seen_at      timestamptz not null
  );

  -- The others, as they tell it.
  create table if not exists journal.shard (
    migration_id text not null references journal.migration,
    shard        integer not null,
    run_id       text not null,
    run_attempt  integer not null,
    state        text not null check (state in ('working', 'ended')),
    pass         text,
    seen_at      timestamptz not null,
    primary key (migration_id, shard)
  );
`;

// A managed cluster fails over within half a minute; a phase should survive that.
const PATIENCE_MS = 60_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const SCHEMA_LOCK = 0x6832_646a;

/**
 * Opens the journal of one migration; makes its tables when they are missing, also when two runs open it at once.
 * Throws a ConfigurationError when the database cannot be reached. Close it at the end.
 *
 * @param redact takes secrets out of the reasons that are written: an error may quote a row, or what an API was sent
 */
export async function openJournal(
  address: PostgresAddress,
  migrationId: string,
  redact: (text: string) => string = (text) => text,
): Promise<Journal> {
  const session = await openSession(address, {
    applicationName: `h2d ${migrationId} journal`,
    patienceMs: PATIENCE_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const read = (where: string, values: unknown[]): Promise<StepRow[]> =>
    session.transaction(async (query) =>
      (
        await query<StoredStep>(`${SELECT_STEP} where migration_id = $1 ${where}`, [migrationId, ...values])
      ).map(fromStored),
    );
  const write = <T>(writer: Writer, body: (query: Query) => Promise<T>): Promise<T> =>
    session.transaction(async (query) => {
      await requireNewestEpoch(query, migrationId, writer);
      return body(query);
    });
  const change = (writer: Writer, ids: readonly string[], to: Partial<StoredChange>): Promise<void> =>
    write(writer, async (query) => {
      await query(CHANGE_STEP, [ids, to.status, to.result ?? null, to.reason ?? null, to.finished ?? false]);
    });
  try {
    await session.transaction(async (query) => {
      await query('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      await query(SCHEMA);
      await query('insert into journal.migration (id) values ($1) on conflict do nothing', [migrationId]);
    });
  } catch (error) {
    await session.close();
    throw error;
  }

  return {
    migrationId,
    address,
    history: () => read('order by number', []),
    async steps(phase) {
      const newest = new Map(
        (await read('and phase = $2 order by attempt', [phase])).map((row) => [row.name, row]),
      );
      return [...newest.values()].sort((a, b) => a.begunAt.getTime() - b.begunAt.getTime());
    },
    begin(writer, step) {
      refuseSecrets(step.prior, `The journal's prior state of ${step.name}`);
      // The id is ours, so that a repeated transaction finds what the first one had committed.
      const id = randomUUID();
      return write(writer, async (query) => {
        const [row] = await query<StoredStep>(BEGIN_STEP, [
          id,
          migrationId,
          step.phase,
          step.name,
          JSON.stringify(step.prior),
          step.pointOfNoReturn,
          writer.epoch,
          writer.runId,
        ]);
        if (!row) throw new Error(`The journal did not take the step ${step.name}.`);
        return fromStored(row);
      });
    },
    async finish(writer, id, result) {
      refuseSecrets(result, "The journal's result of a step");
      await change(writer, [id], { status: 'done', result: JSON.stringify(result), finished: true });
    },
    fail: (writer, id, reason) =>
      change(writer, [id], { status: 'failed', reason: redact(reason), finished: true }),
    beginUndo: (writer, ids, reason) => change(writer, ids, { status: 'undoing', reason: redact(reason) }),
    finishUndo: (writer, id) => change(writer, [id], { status: 'undone', finished: true }),
    retire: (writer, phases, reason) =>
      write(writer, async (query) => {
        await query(
          `update journal.step set status = 'undone', reason = $3, finished_at = clock_timestamp()
            where migration_id = $1 and phase = any ($2::text[]) and status <> 'undone'`,
          [migrationId, phases, redact(reason)],
        );
      }),
    passesOfDead: () =>
      session.transaction(async (query) =>
        (await query<{ pass: string }>(SELECT_DEAD, [migrationId])).map(({ pass }) => pass),
      ),
    forgetPasses: (passes) =>
      session.transaction(async (query) => {
        await query('delete from journal.lease_pass where migration_id = $1 and pass = any ($2::text[])', [
          migrationId,
          passes,
        ]);
      }),
    close: () => session.close(),
  };
}

interface StoredStep {
  id: string;
  phase: string;
  name: string;
  attempt: number;
  status: StepStatus;
  prior: Json;
  result: Json;
  reason: string | null;
  point_of_no_return: boolean;
  epoch: string;
  run_id: string;
  begun_at: Date;
  finished_at: Date | null;
}
interface StoredChange {
  status: StepStatus;
  result: string;
  reason: string;
  finished: boolean;
}

/** Who gives the lease back takes its pass along: one of an older epoch, or of a lease that has run out, was left. */
const SELECT_DEAD = `
  select held.pass
    from journal.lease_pass held
    join journal.lease lease using (migration_id)
   where migration_id = $1
     and (held.epoch < lease.epoch or lease.expires_at <= clock_timestamp())
   order by held.epoch`;

const STEP_COLUMNS =
  'id, phase, name, attempt, status, prior, result, reason, point_of_no_return, epoch, run_id, begun_at, finished_at';
const SELECT_STEP = `select ${STEP_COLUMNS} from journal.step`;
const BEGIN_STEP = `
  insert into journal.step (id, migration_id, phase, name, attempt, status, prior, point_of_no_return, epoch, run_id)
  select $1, $2, $3, $4,
         coalesce((select max(attempt) from journal.step where migration_id = $2 and phase = $3 and name = $4), 0) + 1,
         'intent', $5, $6, $7, $8
      on conflict (id) do update set id = excluded.id
  returning ${STEP_COLUMNS}`;
const CHANGE_STEP = `
  update journal.step
     set status = $2,
         result = coalesce($3::jsonb, result),
         reason = coalesce($4, reason),
         finished_at = case when $5 then clock_timestamp() else finished_at end
   where id = any ($1::uuid[])`;

/** Holds the lease's row until the transaction ends, so that no newer epoch can begin in between. */
async function requireNewestEpoch(query: Query, migrationId: string, writer: Writer): Promise<void> {
  const [lease] = await query<{ epoch: string; run_url: string | null }>(
    'select epoch, run_url from journal.lease where migration_id = $1 for share',
    [migrationId],
  );
  if (Number(lease?.epoch ?? 0) > writer.epoch) throw LeaseLostError.takenOver(lease?.run_url ?? null);
}

function fromStored(row: StoredStep): StepRow {
  const { point_of_no_return, run_id, begun_at, finished_at, epoch, ...same } = row;
  return {
    ...same,
    epoch: Number(epoch),
    pointOfNoReturn: point_of_no_return,
    runId: run_id,
    begunAt: begun_at,
    finishedAt: finished_at,
  };
}
