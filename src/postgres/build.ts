import pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { conflicts, planBuild, type LockMode, type Plan, type Relation, type Task } from './build-plan.ts';
import {
  closeConnection,
  connect,
  describeAddress,
  withConnection,
  type PostgresAddress,
} from './connect.ts';
import { codeOf, PostgresError, statementError } from './errors.ts';
import { quoteQualified } from './names.ts';
import { startProgress } from './progress.ts';
import type { SchemaEntry } from './schema-archive.ts';
import { isUserSchema } from './user-objects.ts';

export interface BuildOptions {
  /** The role that owns the tables on the target. */
  owner: PostgresAddress;
  /** Statements that run at the same time, each on a connection of its own. */
  connections: number;
  /** Resolves when all rows of the source's table of this number are on the target; asked once for each table. */
  tableReady: (oid: number) => Promise<void>;
  /** Which sections; default both. */
  sections?: readonly ('build' | 'last')[];
  /** Sizes of the source's tables by their numbers, in bytes: the largest are built first, small ones together. */
  tableBytes?: ReadonlyMap<number, number>;
  /** Whether each table is analyzed as soon as it is built, and materialized views once they are filled; default true. */
  analyze?: boolean;
  /** An earlier run may have built some of it: what is there already is left. */
  resume?: boolean;
  /** The search path that the application's sessions have, for functions that do not name the schema of what they use. */
  searchPath?: string | null;
  applicationName: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called when an entry is complete. */
  onBuilt?: (entry: SchemaEntry) => void;
}

export interface BuildResult {
  /** Entries that were made. */
  built: number;
  /** Entries that were there already. */
  reused: number;
  /** Statements that were tried again: deadlocks, locks that others held, lost connections. */
  retries: number;
  milliseconds: number;
}

type RunOptions = Pick<
  BuildOptions,
  'owner' | 'connections' | 'searchPath' | 'applicationName' | 'log' | 'clock' | 'signal' | 'onBuilt'
> & { resume: boolean };

/**
 * Builds what comes after the rows: each index, key and check as soon as its table's rows are complete, then what
 * concerns writing. Statements that would wait for each other's locks do not run at the same time.
 *
 * `entries` are all of an archive's; the sections that are not built have to be there already.
 *
 * @throws PostgresError naming the entry that could not be made; what was built until then stays, for `resume`
 */
export async function buildEntries(entries: SchemaEntry[], options: BuildOptions): Promise<BuildResult> {
  const session = sessionOf(options);
  const { relations, major } = await withConnection(options.owner, session, readTarget);
  const plan = planBuild(entries, {
    relations,
    sections: options.sections ?? ['build', 'last'],
    tableBytes: options.tableBytes ?? new Map<number, number>(),
    analyze: options.analyze ?? true,
    targetMajor: major,
  });
  return runPlan(plan, options.tableReady, { ...options, resume: options.resume ?? false });
}

function sessionOf(options: Pick<BuildOptions, 'applicationName' | 'log' | 'signal'>): {
  applicationName: string;
  log: Log;
  signal?: AbortSignal;
} {
  const { applicationName, log, signal } = options;
  return { applicationName, log, ...(signal === undefined ? {} : { signal }) };
}

async function readTarget(client: pg.Client): Promise<{ relations: Map<string, Relation>; major: number }> {
  const { rows } = await client.query<{
    schema: string;
    name: string;
    kind: string;
    is_partition: boolean;
    descendants: { schema: string; name: string }[] | null;
    version: number;
  }>(`
    WITH RECURSIVE descendants AS (
      SELECT inhparent AS ancestor, inhrelid AS descendant FROM pg_catalog.pg_inherits
      UNION
      SELECT d.ancestor, i.inhrelid FROM descendants d JOIN pg_catalog.pg_inherits i ON i.inhparent = d.descendant
    )
    SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relispartition AS is_partition,
           (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', cn.nspname, 'name', child.relname))
              FROM descendants d
              JOIN pg_catalog.pg_class child ON child.oid = d.descendant
              JOIN pg_catalog.pg_namespace cn ON cn.oid = child.relnamespace
             WHERE d.ancestor = c.oid) AS descendants,
           pg_catalog.current_setting('server_version_num')::integer AS version
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND ${isUserSchema('n.nspname')}`);
  return {
    relations: new Map(
      rows.map((row) => [
        quoteQualified(row.schema, row.name),
        {
          kind: row.kind,
          isPartition: row.is_partition,
          descendants: (row.descendants ?? []).map((child) => quoteQualified(child.schema, child.name)),
        },
      ]),
    ),
    major: Math.floor((rows[0]?.version ?? 0) / 10_000),
  };
}

/** Statements sent together at most, so that a failure among them does not undo much. */
const BATCH = 50;
/** Pauses before a statement is tried again, milliseconds: long enough together for a fail-over. */
const PAUSES_MS = [250, 1_000, 3_000, 8_000, 20_000];

async function runPlan(
  plan: Plan,
  tableReady: (oid: number) => Promise<void>,
  options: RunOptions,
): Promise<BuildResult> {
  const run = new Run(plan, options);
  const progress = startProgress(options.log, options.clock, () => Promise.resolve(run.progress()));
  try {
    return await run.untilDone(tableReady);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw thrown;
  } finally {
    progress.stop();
    await run.close();
  }
}

interface Session {
  client: pg.Client;
}

class Run {
  private readonly options: RunOptions;
  private readonly plan: Plan;
  private readonly pending: Set<Task>;
  private readonly waiting: Set<number>;
  private readonly done = new Set<Task>();
  private readonly running = new Map<Promise<void>, Task[]>();
  private readonly idle: Session[] = [];
  private readonly failure = new AbortController();
  private readonly signal: AbortSignal;
  private readonly result = { built: 0, reused: 0, retries: 0 };
  private wake: () => void = () => undefined;
  private wasConnected = false;

  constructor(plan: Plan, options: RunOptions) {
    this.options = options;
    this.plan = plan;
    this.pending = new Set(plan.tasks);
    this.waiting = new Set(plan.tables);
    this.signal = AbortSignal.any([
      this.failure.signal,
      ...(options.signal === undefined ? [] : [options.signal]),
    ]);
  }

  async untilDone(tableReady: (oid: number) => Promise<void>): Promise<BuildResult> {
    const started = this.options.clock.now().getTime();
    const onAbort = (): void => {
      this.wake();
    };
    this.signal.addEventListener('abort', onAbort);
    const needed = new Set([...this.pending].flatMap((task) => [...task.tables]));
    for (const oid of needed)
      tableReady(oid).then(
        () => {
          this.waiting.delete(oid);
          this.wake();
        },
        (thrown: unknown) => {
          this.fail(thrown);
        },
      );
    try {
      while (this.pending.size > 0 || this.running.size > 0) {
        this.signal.throwIfAborted();
        const woken = new Promise<void>((resolve) => (this.wake = resolve));
        while (this.running.size < this.options.connections) {
          const batch = this.nextBatch();
          if (batch.length === 0) break;
          this.start(batch);
        }
        this.refuseCircle(needed);
        await woken;
      }
    } finally {
      this.signal.removeEventListener('abort', onAbort);
      await Promise.all(this.running.keys());
    }
    return { ...this.result, milliseconds: this.options.clock.now().getTime() - started };
  }

  progress(): string {
    const running = [...this.running.values()].flat().map((task) => task.title);
    const rows = [...this.pending].filter((task) => this.lacksRows(task)).length;
    const named = running.slice(0, 3).join(', ') + (running.length > 3 ? ', …' : '');
    const parts = [`${this.done.size} of ${this.plan.tasks.length} steps done`];
    if (running.length > 0) parts.push(`${running.length} under way (${named})`);
    if (rows > 0) parts.push(`${rows} wait for rows`);
    return `Building: ${parts.join(', ')}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.idle.map((session) => closeConnection(session.client)));
  }

  private fail(thrown: unknown): void {
    if (!this.failure.signal.aborted)
      this.failure.abort(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
    this.wake();
  }

  private lacksRows(task: Task): boolean {
    for (const oid of task.tables) if (this.waiting.has(oid)) return true;
    return false;
  }

  /** pg_dump breaks every circle; should one be left, waiting for it would never end. */
  private refuseCircle(needed: Set<number>): void {
    const rowsMissing = [...needed].some((oid) => this.waiting.has(oid));
    const [task] = this.pending;
    if (this.running.size === 0 && !rowsMissing && task !== undefined)
      throw new Error(`${task.title} needs something that is never built.`);
  }

  /** The largest task that can begin, or several small ones, which may need each other in this order. */
  private nextBatch(): Task[] {
    const held = [...this.running.values()].flat();
    const canBegin = (task: Task, earlier: Set<Task>): boolean =>
      !this.lacksRows(task) &&
      [...task.after].every((other) => this.done.has(other) || earlier.has(other)) &&
      !held.some((other) => collide(task.locks, other.locks));
    const none = new Set<Task>();
    let best: Task | undefined;
    for (const task of this.pending)
      if (canBegin(task, none) && (best === undefined || isBefore(task, best))) best = task;
    if (best === undefined) return [];
    if (!best.isSmall) return [best];
    const batch = new Set<Task>();
    for (const task of this.pending) {
      if (task.isSmall && canBegin(task, batch)) batch.add(task);
      if (batch.size === BATCH) break;
    }
    return [...batch];
  }

  private start(batch: Task[]): void {
    for (const task of batch) this.pending.delete(task);
    const work = this.work(batch)
      .catch((thrown: unknown) => {
        this.fail(thrown);
      })
      .finally(() => {
        this.running.delete(work);
        this.wake();
      });
    this.running.set(work, batch);
  }

  private async work(batch: Task[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    const isTogether =
      batch.length > 1 && (await this.together(batch).catch((thrown: unknown) => this.onlyAlone(thrown)));
    if (!isTogether) for (const task of batch) await this.alone(task);
  }

  /** Several statements as one transaction; false when one of them failed, so that each has to be tried by itself. */
  private async together(batch: Task[]): Promise<boolean> {
    const started = this.options.clock.now().getTime();
    const session = await this.session();
    try {
      await session.client.query(batch.map((task) => task.sql).join('\n'));
    } catch (thrown) {
      await this.putBack(session, thrown);
      throw thrown;
    }
    this.idle.push(session);
    for (const task of batch) this.finish(task, started, ` with ${batch.length - 1} others`);
    return true;
  }

  private onlyAlone(thrown: unknown): false {
    this.signal.throwIfAborted();
    this.options.log.debug(`Several small steps together failed, so one by one: ${messageOf(thrown)}`);
    return false;
  }

  private async alone(task: Task): Promise<void> {
    const started = this.options.clock.now().getTime();
    let mayExist = this.options.resume;
    for (let attempt = 0; ; attempt += 1) {
      this.signal.throwIfAborted();
      let session: Session | undefined;
      try {
        session = await this.session();
        await this.execute(session.client, task);
        this.idle.push(session);
        this.finish(task, started, '');
        return;
      } catch (thrown) {
        const isLost = session === undefined || (await this.putBack(session, thrown));
        this.signal.throwIfAborted();
        if (mayExist && exists(thrown)) {
          if (task.completes) this.result.reused += 1;
          this.options.log.debug(`${task.title}: there already`);
          this.done.add(task);
          return;
        }
        // The statement may have been committed before the connection was lost.
        mayExist ||= isLost;
        const pause = PAUSES_MS[attempt];
        const canRetry = session === undefined ? this.wasConnected : isLost || isTransient(thrown);
        if (pause === undefined || !canRetry) throw this.failed(task, thrown);
        this.result.retries += 1;
        this.options.log.warning(`${task.title}: ${messageOf(thrown)}; again in ${pause / 1000} s.`);
        await this.options.clock.sleep(pause, this.signal);
      }
    }
  }

  private failed(task: Task, thrown: unknown): Error {
    const error = statementError(thrown, describeAddress(this.options.owner));
    const advice = isUnresolved(thrown)
      ? ' A function uses this without naming its schema: ALTER FUNCTION … SET search_path on the source, and run again.'
      : '';
    return new PostgresError(
      `Could not make ${task.title} on the target: ${error.message}${advice}`,
      codeOf(thrown),
    );
  }

  private async execute(client: pg.Client, task: Task): Promise<void> {
    const path = this.options.searchPath ?? null;
    try {
      await client.query(task.sql);
    } catch (thrown) {
      if (path === null || !isUnresolved(thrown)) throw thrown;
      // Every name in the statement itself is qualified; a function that it calls may rely on the application's path.
      await client.query("SELECT pg_catalog.set_config('search_path', $1, false)", [path]);
      try {
        await client.query(task.sql);
      } finally {
        await client.query("SELECT pg_catalog.set_config('search_path', '', false)").catch(() => undefined);
      }
    }
  }

  private finish(task: Task, started: number, how: string): void {
    this.done.add(task);
    if (task.completes) {
      this.result.built += 1;
      if (task.entry !== undefined) this.options.onBuilt?.(task.entry);
    }
    const seconds = ((this.options.clock.now().getTime() - started) / 1000).toFixed(1);
    this.options.log.debug(
      `Built ${task.title} in ${seconds} s${how} (${this.done.size} of ${this.plan.tasks.length})`,
    );
  }

  private async session(): Promise<Session> {
    const idle = this.idle.pop();
    if (idle !== undefined) return idle;
    const client = await connect(this.options.owner, {
      ...sessionOf(this.options),
      signal: this.signal,
    });
    this.wasConnected = true;
    await client.query(buildSettings, [this.options.connections]);
    return { client };
  }

  /** Keeps a session after an error when it is of further use; true when it is lost. */
  private async putBack(session: Session, thrown: unknown): Promise<boolean> {
    const isLost = !(thrown instanceof pg.DatabaseError) || /^(57P|08)/.test(codeOf(thrown));
    if (isLost) await closeConnection(session.client);
    else this.idle.push(session);
    return isLost;
  }
}

/**
 * A managed server gives a quarter of its memory to shared_buffers; all builders together may take as much again, a
 * gigabyte each at most, and never less than what the server gives anyway. A commit need not wait for the disk: what
 * says that the copy is complete is committed later, and with it everything before it.
 */
const buildSettings = `
  SELECT pg_catalog.set_config('maintenance_work_mem', memory || 'kB', false),
         pg_catalog.set_config('synchronous_commit', 'off', false),
         pg_catalog.set_config('check_function_bodies', 'off', false),
         pg_catalog.set_config('client_min_messages', 'warning', false)
    FROM (SELECT GREATEST(
                   pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')),
                   LEAST(pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) / $1::integer,
                         1024 * 1024 * 1024)) / 1024 AS memory) arithmetic`;

function collide(one: Map<string, LockMode>, other: Map<string, LockMode>): boolean {
  for (const [table, mode] of one) {
    const held = other.get(table);
    if (held !== undefined && conflicts(mode, held)) return true;
  }
  return false;
}

function isBefore(one: Task, other: Task): boolean {
  if (one.canWait !== other.canWait) return other.canWait;
  if (one.isSmall !== other.isSmall) return other.isSmall;
  return one.weight > other.weight;
}

/** Deadlock, a lock that another session holds, a conflict of catalogue changes: the same statement may succeed later. */
function isTransient(thrown: unknown): boolean {
  return (
    ['40P01', '55P03', '40001', '53300'].includes(codeOf(thrown)) ||
    messageOf(thrown).includes('tuple concurrently updated')
  );
}

/** The object is there: made by an earlier run, or by a statement whose answer was lost. */
function exists(thrown: unknown): boolean {
  return (
    ['42P07', '42710', '42723'].includes(codeOf(thrown)) ||
    // Two that make the same index at the same time meet in the catalogue.
    (codeOf(thrown) === '23505' && messageOf(thrown).includes('pg_class_relname_nsp_index')) ||
    // A primary key of a partitioned table.
    (codeOf(thrown) === '42P16' && messageOf(thrown).includes('multiple primary keys'))
  );
}

function isUnresolved(thrown: unknown): boolean {
  return ['42883', '42P01', '42704'].includes(codeOf(thrown));
}
