import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { CaptureBroken } from './capture.ts';
import { APPLYING } from './capture-sql.ts';
import { closeConnection, connect, describeAddress, type PostgresAddress } from './connect.ts';
import {
  beginSource,
  BEGUN,
  forgetBatch,
  planDrain,
  readBatch,
  STATEMENTS,
  writeBatch,
  type DrainPlan,
  type Pending,
  type TableToDrain,
} from './drain-plan.ts';
import { codeOf, statementError } from './errors.ts';
import { quoteLiteral } from './names.ts';
import { SchemaWatch } from './schema-watch.ts';
import { applicationName } from './settle.ts';
import type { Sides } from './sides.ts';
import { splice } from './splice.ts';
import { holdEpochStatement, refuseEpoch, takeTurn, turnStatement, type Run } from './stamp.ts';
import { isUserSchema } from './user-objects.ts';

export interface DrainOptions extends Run {
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step; what it throws ends the drain there. `commit` is the last moment for "not me any more". */
  guard?: (step: DrainStep) => Promise<void>;
  /** When to give up on tables that the application holds locked, in milliseconds; default 30,000. */
  giveUpAfterMs?: number;
}

/** The snapshot is taken; everything is written; the target has committed. */
export type DrainStep = 'write' | 'commit' | 'forget';

export interface PassOptions {
  /** `all`: also tables without a usable key, copied whole when they changed; for the window. */
  tables: 'keyed' | 'all';
  /** Keeps a snapshot of each side at equal state until `release`. */
  keepSnapshot?: boolean;
}

export interface Drained {
  /** Changes taken off the logs. */
  rows: number;
  /** Keys whose rows were replaced; one that changed often counts once. */
  keys: number;
  /** Tables that were written to. */
  tables: number;
  /** Tables that were copied whole. */
  whole: string[];
  /** Tables without a usable key that changed and wait for the window. */
  skippedWhole: { relation: string; bytes: number }[];
  milliseconds: number;
}

/** Snapshots to compare at, as `SET TRANSACTION SNAPSHOT` takes them. */
export interface EqualSnapshots {
  source: string;
  target: string;
  /** Aborts when one of the sessions that keep them is gone. */
  lost: AbortSignal;
  /** Ends them, and takes off the logs what was drained. */
  release(): Promise<void>;
}

/** lock_not_available: the application changes a table's definition, or waits to. */
const TABLE_IN_USE = '55P03';
/** serialization_failure: another drain took the same rows off the logs, after it wrote the same as we, or newer. */
const TAKEN_ALREADY = '40001';
/** Deleted rows of a log that are worth a VACUUM. */
const VACUUM_ROWS = 5_000;
const KEEP_ALIVE_MS = 20_000;

/** Sessions that drain one pass after the other. */
export class Drainer {
  readonly #sides: Sides;
  readonly #options: DrainOptions;
  #open: Sessions | undefined;
  /** Rows deleted since the last VACUUM, by log. */
  readonly #deleted = new Map<string, number>();
  readonly #look: (watch: pg.Client) => Promise<string>;

  constructor(sides: Sides, options: DrainOptions) {
    this.#sides = sides;
    this.#options = options;
    const schema = new SchemaWatch(options.migrationId);
    this.#look = (watch) => schema.look(watch);
  }

  /** Connects and plans, so that the next pass has nothing to do but drain. */
  async prepare(): Promise<void> {
    this.#open ??= await openSessions(this.#sides, this.#options, this.#look);
  }

  /**
   * One pass: one snapshot of the source decides which changes wait, their rows are read as they are in it, and one
   * transaction on the target replaces them. Only after that has committed is exactly what the snapshot saw taken off the
   * logs. Whatever fails in between is repeated by the next pass, with the same result.
   *
   * @throws DriftError when the source's schema is not the one that was copied; SupersededError when a newer run has
   * claimed the target; CaptureBroken when changes were lost; what `guard` throws. The target is then as it was.
   */
  async pass(options: PassOptions & { keepSnapshot: true }): Promise<Drained & { snapshots: EqualSnapshots }>;
  async pass(options: PassOptions): Promise<Drained>;
  async pass(options: PassOptions): Promise<Drained & { snapshots?: EqualSnapshots }> {
    const { clock } = this.#options;
    const started = clock.now().getTime();
    const deadline = started + (this.#options.giveUpAfterMs ?? 30_000);
    for (let pause = 20; ; pause = Math.min(pause * 2, 1_000)) {
      await this.prepare();
      const sessions = this.#open;
      if (sessions === undefined) throw new Error('The drain has no sessions.');
      const outcome = await this.#attempt(sessions, options).catch(async (thrown: unknown) => {
        await this.#cut();
        return { failed: thrown };
      });
      if (!('failed' in outcome)) {
        const milliseconds = clock.now().getTime() - started;
        return { ...outcome, milliseconds };
      }
      this.#options.signal?.throwIfAborted();
      const { failed } = outcome;
      if (!isPassing(failed) || clock.now().getTime() > deadline)
        throw statementError(failed, `Draining from ${describeAddress(this.#sides.source)}`);
      this.#options.log.debug(`The drain begins again: ${messageOf(failed)}`);
      await clock.sleep(pause * (0.5 + Math.random() / 2), this.#options.signal);
    }
  }

  async close(): Promise<void> {
    const sessions = this.#open;
    this.#open = undefined;
    if (sessions !== undefined) await Promise.all(clientsOf(sessions).map(closeConnection));
  }

  /** After an error nothing is known of the sessions; the servers roll back what they did. */
  async #cut(): Promise<void> {
    for (const client of this.#open === undefined ? [] : clientsOf(this.#open))
      client.connection.stream.destroy();
    await this.close();
  }

  async #attempt(
    sessions: Sessions,
    options: PassOptions,
  ): Promise<Omit<Drained, 'milliseconds'> & { snapshots?: EqualSnapshots }> {
    const { guard } = this.#options;
    const { source, target, watch, plan } = sessions;
    const [seen, pending, turn] = await Promise.all([
      this.#look(watch),
      beginOnSource(source, plan),
      beginOnTarget(target, this.#options),
    ]);
    if (turn.turn !== sessions.turn) throw new AnotherDrained();
    const { work, skipped } = divide(plan, pending, options.tables);
    await guard?.('write');
    const drained = {
      rows: work.reduce((sum, { rows }) => sum + rows, 0),
      keys: 0,
      tables: work.length,
      whole: work.filter(({ whole }) => whole).map(({ table }) => table.copy.relation),
      skippedWhole: skipped.map(({ copy }) => ({ relation: copy.relation, bytes: copy.bytes })),
    };
    const keep = options.keepSnapshot === true;
    if (work.length === 0 && !keep) {
      await Promise.all([target.query('ROLLBACK'), source.query('COMMIT')]);
      return drained;
    }
    if (work.length > 0) drained.keys = await this.#write(sessions, work, seen);
    await guard?.('commit');
    await target.query('COMMIT');
    if (work.length > 0) sessions.turn = turn.ours;
    await guard?.('forget');
    if (keep) return { ...drained, snapshots: await this.#keepSnapshots(sessions, work) };
    await this.#forget(sessions, work);
    if (options.tables === 'keyed') await this.#vacuum(watch, work);
    return drained;
  }

  async #write(sessions: Sessions, work: Work[], seen: string): Promise<number> {
    const { source, target, watch } = sessions;
    const changed = new SchemaMoved();
    const answer = await splice(
      { source, target },
      { source: readBatch(work), target: `${writeBatch(work)};\n${takeTurn(this.#options.migrationId)}` },
      async () => {
        // Whatever happened to a table before we read it is committed by now: we hold its lock since.
        if ((await this.#look(watch)) !== seen) throw changed;
      },
    ).catch(async (thrown: unknown) => {
      if (thrown === changed || codeOf(thrown) === TABLE_IN_USE) throw thrown;
      // A column that is gone says less than the difference of the schema.
      await this.#look(watch);
      throw thrown;
    });
    return keysOf(work, answer);
  }

  async #forget({ source }: Pick<Sessions, 'source'>, work: Work[]): Promise<void> {
    try {
      await source.query(forgetBatch(work));
    } catch (thrown) {
      if (codeOf(thrown) !== TAKEN_ALREADY) throw thrown;
      this.#options.log.debug('Another drain has taken the same changes off the logs.');
      await source.query('ROLLBACK');
      return;
    }
    for (const { table, rows } of work)
      this.#deleted.set(table.captured.log, (this.#deleted.get(table.captured.log) ?? 0) + rows);
  }

  /** Deleted rows are read by every pass until they are gone. Without truncating, which would lock out the application. */
  async #vacuum(watch: pg.Client, work: Work[]): Promise<void> {
    for (const { table } of work) {
      const { log } = table.captured;
      if ((this.#deleted.get(log) ?? 0) < VACUUM_ROWS) continue;
      await watch.query(`VACUUM (TRUNCATE false, SKIP_LOCKED) ${log}`);
      this.#deleted.delete(log);
    }
  }

  /** The source's snapshot is the one that was drained; the target's is taken right after our own commit. */
  async #keepSnapshots(sessions: Sessions, work: Work[]): Promise<EqualSnapshots> {
    const { source, target } = sessions;
    const begun = (await target.query(`
      BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
      SET LOCAL idle_in_transaction_session_timeout = '2min';
      ${holdEpochStatement(this.#options.migrationId, 'none')};
      SELECT pg_catalog.pg_export_snapshot() AS snapshot`)) as unknown as pg.QueryResult[];
    // Nobody but us writes there, unless a newer run has begun: then it is not our state any more.
    refuseEpoch((begun[2]?.rows[0] as { epoch: string } | undefined)?.epoch, this.#options);
    const exported = (await source.query(`
      SET LOCAL idle_in_transaction_session_timeout = '2min';
      SELECT pg_catalog.pg_export_snapshot() AS snapshot`)) as unknown as pg.QueryResult<{
      snapshot: string;
    }>[];
    const lost = new AbortController();
    const stopped = new AbortController();
    for (const client of [source, target])
      client.once('end', () => {
        if (!stopped.signal.aborted) lost.abort(new Error('A session that kept a snapshot was lost.'));
      });
    const keepAlive = async (): Promise<void> => {
      for (;;) {
        await this.#options.clock.sleep(KEEP_ALIVE_MS, stopped.signal);
        await Promise.all([source.query('SELECT'), target.query('SELECT')]);
      }
    };
    keepAlive().catch(() => undefined);
    return {
      source: exported[1]?.rows[0]?.snapshot ?? '',
      target: (begun[3]?.rows[0] as { snapshot: string } | undefined)?.snapshot ?? '',
      lost: lost.signal,
      release: async () => {
        if (stopped.signal.aborted) return;
        stopped.abort();
        await target.query('COMMIT');
        await this.#forget(sessions, work);
      },
    };
  }
}

/** One pass with sessions of its own. */
export async function drain(sides: Sides, options: DrainOptions & PassOptions): Promise<Drained> {
  const drainer = new Drainer(sides, options);
  try {
    return await drainer.pass({ tables: options.tables });
  } finally {
    await drainer.close();
  }
}

/** A table's file or a trigger changed under our snapshot, in a way that is no difference of the schema: a TRUNCATE. */
class SchemaMoved extends Error {
  constructor() {
    super('a table was emptied while it was read');
  }
}

/** What is captured is not what the sessions were prepared for. */
class PlanChanged extends Error {
  constructor() {
    super('other tables are captured than before');
  }
}

/** Ours may be the older snapshot. */
class AnotherDrained extends Error {
  constructor() {
    super('another drain has written since this one began');
  }
}

/** Over when tried again. */
function isPassing(thrown: unknown): boolean {
  return (
    thrown instanceof SchemaMoved ||
    thrown instanceof PlanChanged ||
    thrown instanceof AnotherDrained ||
    [TABLE_IN_USE, TAKEN_ALREADY].includes(codeOf(thrown))
  );
}

interface Sessions {
  source: pg.Client;
  target: pg.Client;
  /** On the source, without a transaction. */
  watch: pg.Client;
  plan: DrainPlan;
  /** Whose it was when these sessions last looked, before the snapshot of a pass. */
  turn: string;
}

function clientsOf({ source, target, watch }: Sessions): pg.Client[] {
  return [source, target, watch];
}

/**
 * Few rows among many are looked up one by one, whatever the planner thinks of tables that nobody has analyzed; the
 * application's own plans do not matter here.
 */
const SETTINGS = { enable_hashjoin: 'off', enable_mergejoin: 'off', jit: 'off', work_mem: '64MB' };

async function openSessions(
  sides: Sides,
  options: DrainOptions,
  look: (watch: pg.Client) => Promise<string>,
): Promise<Sessions> {
  const open = (address: PostgresAddress): Promise<pg.Client> =>
    connect(address, {
      applicationName: applicationName(options.migrationId, options.epoch),
      log: options.log,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  const opened = await Promise.allSettled([
    open(sides.source),
    open(sides.target.loader),
    open(sides.source),
  ]);
  const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
    const [source, target, watch] = clients;
    if (source === undefined || target === undefined || watch === undefined)
      throw new Error('A session is missing.');
    await Promise.all([source, target].map(set));
    const plan = await planDrain(source, target, options.migrationId).catch(async (thrown: unknown) => {
      // A key or a table that is gone says less than the difference of the schema, which can be followed.
      await look(watch);
      throw thrown;
    });
    const { rows } = await target.query<{ turn: string }>(turnStatement(options.migrationId, 'none'));
    return { source, target, watch, plan, turn: rows[0]?.turn ?? '' };
  } catch (thrown) {
    await Promise.all(clients.map(closeConnection));
    options.signal?.throwIfAborted();
    throw statementError(thrown, `Draining from ${describeAddress(sides.source)}`);
  }
}

async function set(client: pg.Client): Promise<void> {
  await client.query(
    `SELECT pg_catalog.set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS setting(name, value)`,
    [Object.keys(SETTINGS), Object.values(SETTINGS)],
  );
}

async function beginOnSource(client: pg.Client, plan: DrainPlan): Promise<Pending[]> {
  const results = (await client.query(beginSource())) as unknown as pg.QueryResult[];
  const state = results[BEGUN.fingerprint]?.rows[0] as
    { broken: string | null; fingerprint: string | null } | undefined;
  if (state?.broken != null)
    throw new CaptureBroken(`The capture is broken: ${state.broken}. Changes since then are not logged.`);
  if ((state?.fingerprint ?? '') !== plan.fingerprint) throw new PlanChanged();
  return (results[BEGUN.pending]?.rows ?? []) as Pending[];
}

/** Lock, epoch and the word for our own triggers in one round trip. */
async function beginOnTarget(
  client: pg.Client,
  options: DrainOptions,
): Promise<{ turn: string; ours: string }> {
  const results = (await client.query(`
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL ${APPLYING} = ${quoteLiteral(options.migrationId)};
    -- The logs are emptied after this commit: it has to last.
    SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
     WHERE pg_catalog.current_setting('synchronous_commit') = 'off';
    ${turnStatement(options.migrationId, 'exclusive')};
    SELECT pg_catalog.format('%I on %s', k.conname, k.conrelid::pg_catalog.regclass) AS key
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
     WHERE k.contype = 'f' AND ${isUserSchema('n.nspname')} LIMIT 1`)) as unknown as pg.QueryResult[];
  const held = results[3]?.rows[0] as { epoch: string; turn: string; ours: string } | undefined;
  refuseEpoch(held?.epoch, options);
  const key = (results[4]?.rows[0] as { key: string } | undefined)?.key;
  if (key !== undefined)
    throw new Error(
      `The target has foreign keys (${key}), which would spread what is written there; they have to be suspended first. Nothing was written.`,
    );
  return { turn: held?.turn ?? '', ours: held?.ours ?? '' };
}

interface Work {
  table: TableToDrain;
  whole: boolean;
  rows: number;
}

function divide(
  plan: DrainPlan,
  pending: Pending[],
  tables: PassOptions['tables'],
): { work: Work[]; skipped: TableToDrain[] } {
  const byNumber = new Map(plan.tables.map((table) => [table.captured.number, table]));
  const work: Work[] = [];
  const skipped: TableToDrain[] = [];
  for (const { number, rows, emptied } of pending) {
    const table = byNumber.get(number);
    if (table === undefined) throw new PlanChanged();
    if (table.key === null && tables === 'keyed') skipped.push(table);
    else work.push({ table, whole: emptied, rows });
  }
  return { work, skipped };
}

/** How many keys were replaced. Both sides have to have counted the same: keys and rows sent are keys and rows taken. */
function keysOf(work: Work[], answer: { read: number[]; written: number[] }): number {
  let keys = 0;
  // After LOCK TABLE.
  let read = 1;
  let written = 0;
  for (const { table, whole } of work) {
    const counts = whole ? STATEMENTS.whole : STATEMENTS.keyed;
    const sent = answer.read.slice(read, read + counts.read);
    const took = answer.written.slice(written, written + counts.written);
    if (sent.at(-1) !== took.at(-1) || (!whole && sent[0] !== took[0]))
      throw new Error(
        `The source sent ${sent.join(' and ')} rows of ${table.copy.relation} and the target took ${String(took[0])} and ${String(took.at(-1))}: nothing was committed.`,
      );
    keys += whole ? 0 : (sent[0] ?? 0);
    read += counts.read;
    written += counts.written;
  }
  return keys;
}
