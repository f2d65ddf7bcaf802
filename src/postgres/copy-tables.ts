import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { chunksOf, type Chunk, type TableToCopy } from './chunks.ts';
import { readCopied, remainderOf, type CopiedChunk, type Remainder } from './copied.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { Elsewhere, type TakenOver } from './elsewhere.ts';
import { codeOf } from './errors.ts';
import { isNotedAlready, Pair } from './pair.ts';
import { copyLine, formatBytes, startProgress } from './progress.ts';
import { applicationName, terminateShards } from './settle.ts';
import type { Others } from './shared-copy.ts';
import { dealChunks } from './shares.ts';
import { SnapshotLostError, type Snapshot } from './snapshot.ts';
import { shareSnapshot } from './stamp.ts';

export interface CopyTablesOptions {
  source: PostgresAddress;
  /** The role that may write on the target. */
  loader: PostgresAddress;
  snapshot: Snapshot;
  /** From `planTables`, in the order in which they are to be copied. */
  tables: TableToCopy[];
  /** Chunks copied at the same time, each over a session of its own on either side. */
  pairs: number;
  migrationId: string;
  /** Claimed with `claimEpoch` before. */
  epoch: number;
  /**
   * Whether what an earlier snapshot's chunks hold may stay: only when every change since then is known (captured).
   * Without it the tables are emptied first.
   */
  resume: boolean;
  /** Tables (numbers on the source) of which no row can be told from another: their chunks must be of one snapshot. */
  keyless?: ReadonlySet<number>;
  /** Runners that copy a part of it beside this one, which takes over what they leave. */
  others?: Others;
  /**
   * This runner is one of them: it copies exactly these chunks of each table (aligned with `tables`) but for those that are
   * there, empties nothing, and leaves a table that was rewritten to the runner that holds the snapshot.
   */
  share?: { shard: number; chunks: Chunk[][] };
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /**
   * Called when all of a table's data is there, also for what an earlier run has copied. `mixed`: its chunks come from
   * more than one snapshot, see the result.
   */
  onTable?: (table: TableToCopy, state: { mixed: boolean }) => void;
  /** Called after a chunk was committed, while others go on; what it throws ends the copy. */
  afterChunk?: (table: TableToCopy, chunk: Chunk) => Promise<void>;
}

export interface CopiedTables {
  tables: number;
  /** Copied by this call; what was reused does not count. */
  rows: number;
  bytes: number;
  /** Whole tables, and chunks of the others, that an earlier run had copied. */
  reused: { tables: number; chunks: number };
  /**
   * Tables whose chunks come from more than one snapshot: a row that moved between them may be there twice or not at
   * all, so what changed meanwhile is to be drained before unique indexes are built.
   */
  mixed: TableToCopy[];
  /**
   * Tables whose file was replaced on the source between the snapshot and their last chunk, and which were begun again.
   * After VACUUM FULL or CLUSTER they are right; after TRUNCATE or an ALTER that rewrites, the snapshot saw them empty.
   */
  rewritten: TableToCopy[];
  /** What other runners should have copied and this one has. */
  takenOver: TakenOver[];
}

/** How often one chunk is tried, and one table begun again. */
const ATTEMPTS = 5;
const RESTARTS = 3;
/** Before the second attempt; each further one waits twice as long. */
const FIRST_PAUSE_MS = 500;

/** Tables of this size and more have an information line of their own when they are done. */
const LARGE_BYTES = 16_000_000;

/** One table on its way. */
interface Progress {
  table: TableToCopy;
  /** Chunks that are not committed yet: queued, being copied, or waiting for another attempt. */
  left: number;
  parts: number;
  inFlight: number;
  /** Of its size on the source, how much is copied. */
  done: number;
  snapshots: Set<string>;
  rows: number;
  bytes: number;
  started: number | undefined;
  restarts: number;
  /** Rewritten, and to be begun again as soon as none of its chunks is in flight. */
  waiting: boolean;
}

/** A chunk, or a table that is to be begun again. */
interface Job {
  of: Progress;
  chunk: Chunk | 'restart';
  /** From 1. */
  attempt: number;
}
type ChunkJob = Job & { chunk: Chunk };

/**
 * Copies the tables' rows as the snapshot sees them, `pairs` chunks at a time. A chunk is committed together with the
 * row that notes it, so that what a run that died leaves is known. A lost connection costs its chunk another attempt.
 *
 * @throws SnapshotLostError when the snapshot's holder is gone; chunks that are committed stay
 * @throws SupersededError when a newer run has claimed the target
 */
export async function copyTables(options: CopyTablesOptions): Promise<CopiedTables> {
  return new TableCopy(options).run();
}

class TableCopy {
  readonly #options: CopyTablesOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #progress: Progress[] = [];
  #queue: Job[] = [];
  readonly #elsewhere = new Elsewhere<ChunkJob>();
  #inFlight = 0;
  #wake = Promise.withResolvers<undefined>();
  readonly #moved = { bytes: 0, rows: 0 };
  readonly #reused = { tables: 0, chunks: 0 };

  constructor(options: CopyTablesOptions) {
    this.#options = options;
    this.#signal =
      options.signal === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, options.signal]);
  }

  async run(): Promise<CopiedTables> {
    const { log, clock, tables, others } = this.#options;
    const { pair: first, remainders } = await this.#prepare();
    await others?.begin(this.#sharedPlan(remainders));
    const progress = startProgress(log, clock, (elapsed) => Promise.resolve(this.#line(elapsed)));
    try {
      await this.#work(first);
    } finally {
      progress.stop();
    }
    if (others !== undefined) {
      await this.#endOthers(null);
      await others.complete();
    }
    return {
      tables: tables.length,
      ...this.#moved,
      reused: this.#reused,
      mixed: this.#progress.filter(({ snapshots }) => snapshots.size > 1).map(({ table }) => table),
      rewritten: this.#progress.filter(({ restarts }) => restarts > 0).map(({ table }) => table),
      takenOver: this.#elsewhere.takenOver,
    };
  }

  #sharedPlan(remainders: Remainder[]): Parameters<Others['begin']>[0] {
    const { epoch, snapshot, pairs, tables } = this.#options;
    return {
      ...{ epoch, snapshot: snapshot.id, pairs },
      remaining: tables
        .map((table, index) => ({ table, chunks: remainders[index]?.chunks ?? [] }))
        .filter(({ chunks }) => chunks.length > 0),
    };
  }

  /** Ends what other runners are doing, and lets them commit chunks of `snapshot` only from then on. */
  async #endOthers(snapshot: string | null): Promise<void> {
    const { source, loader, migrationId, epoch, log } = this.#options;
    const run = { migrationId, epoch };
    for (const address of [loader, source]) await terminateShards(address, { ...run, signal: this.#signal });
    const session = { applicationName: applicationName(migrationId, epoch), log, signal: this.#signal };
    await withConnection(loader, session, (client) => shareSnapshot(client, run, snapshot));
  }

  #line(elapsedSeconds: number): string {
    const state = {
      moved: this.#moved.bytes,
      rows: this.#moved.rows,
      done: sum(this.#progress, 'done'),
      total: sum(this.#options.tables, 'bytes'),
      tablesLeft: this.#progress.filter(({ left }) => left > 0).length,
    };
    return copyLine(state, elapsedSeconds);
  }

  /** Decides what is still to be done, and empties on the target what is to be copied from its beginning. */
  async #prepare(): Promise<{ pair: Pair; remainders: Remainder[] }> {
    const { tables, others, share, snapshot } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const pair = await this.#open();
      try {
        // Before it is looked what is there: from here on nobody adds to it under another snapshot.
        if (others !== undefined) await this.#endOthers(snapshot.id);
        const remainders = share === undefined ? await this.#remainders(pair) : await this.#ownShare(pair);
        if (share === undefined) {
          const afresh = tables.filter((_, index) => remainders[index]?.reused.length === 0);
          await pair.empty(afresh.map(({ relation }) => relation));
        }
        this.#plan(remainders);
        return { pair, remainders };
      } catch (thrown) {
        pair.cut();
        await this.#pause('Preparing the tables', attempt, thrown);
      }
    }
  }

  async #remainders(pair: Pair): Promise<Remainder[]> {
    const { tables, resume, keyless, snapshot } = this.#options;
    const copied = resume ? await pair.readCopied(tables) : new Map<string, CopiedChunk[]>();
    return tables.map((table) =>
      remainderOf(
        table,
        copied.get(table.relation) ?? [],
        keyless?.has(table.oid) === true ? snapshot.id : undefined,
      ),
    );
  }

  /** What of this runner's share is not there: another one may have taken it over. */
  async #ownShare(pair: Pair): Promise<Remainder[]> {
    const { tables, share } = this.#options;
    const copied = await pair.readCopied(tables);
    return tables.map(({ relation }, index) => {
      const there = new Set(copied.get(relation)?.map(({ part }) => part));
      return { chunks: share?.chunks[index]?.filter(({ part }) => !there.has(part)) ?? [], reused: [] };
    });
  }

  #plan(remainders: Remainder[]): void {
    const { tables, others } = this.#options;
    const dealt = dealChunks(
      remainders.flatMap(({ chunks }, index) => {
        const table = tables[index];
        return table === undefined ? [] : [{ table, chunks }];
      }),
      others?.shards ?? 1,
    );
    for (const [index, { chunks, reused }] of remainders.entries()) {
      const table = tables[index];
      if (table === undefined || (this.#options.share !== undefined && chunks.length === 0)) continue;
      if (reused.length > 0 && chunks.length === 0) this.#reused.tables += 1;
      else this.#reused.chunks += reused.length;
      const parts = chunks.length + reused.length;
      const of: Progress = {
        ...{ table, parts, left: chunks.length, inFlight: 0, done: (table.bytes * reused.length) / parts },
        ...{ rows: sum(reused, 'rows'), bytes: sum(reused, 'bytes') },
        snapshots: new Set(reused.map(({ snapshot }) => snapshot)),
        ...{ started: undefined, restarts: 0, waiting: false },
      };
      this.#progress.push(of);
      for (const [shard, share] of dealt.entries()) {
        const jobs = share[index]?.map((chunk): ChunkJob => ({ of, chunk, attempt: 1 })) ?? [];
        if (shard === 0) this.#queue.push(...jobs);
        else for (const job of jobs) this.#elsewhere.add(shard + 1, job);
      }
    }
    const { tables: whole, chunks } = this.#reused;
    if (whole + chunks > 0)
      this.#options.log.info(
        `Reusing what an earlier run copied: ${whole} whole tables and ${chunks} chunks of others.`,
      );
    for (const { table, left, snapshots } of this.#progress)
      if (left === 0) this.#options.onTable?.(table, { mixed: snapshots.size > 1 });
  }

  /** As many pairs as there is work for. Where a side does not let all of them in, fewer do it. */
  async #work(first: Pair): Promise<void> {
    const { others } = this.#options;
    const wanted = Math.min(this.#options.pairs, this.#queue.length + this.#elsewhere.size);
    const further = Array.from({ length: Math.max(wanted - 1, 0) }, async () => {
      const pair = await this.#open().catch((thrown: unknown) => {
        if (!this.#signal.aborted)
          this.#options.log.warning(`Copying over fewer connections: ${messageOf(thrown)}`);
        return undefined;
      });
      if (pair !== undefined) await this.#drive(pair);
    });
    const over = new AbortController();
    const watching =
      others === undefined
        ? undefined
        : this.#watch(others, AbortSignal.any([over.signal, this.#signal])).catch((thrown: unknown) => {
            if (!over.signal.aborted) this.#stop.abort(thrown);
          });
    const done = await Promise.allSettled([this.#drive(first), ...further]);
    over.abort(new Error('over'));
    await watching;
    this.#signal.throwIfAborted();
    for (const driver of done) if (driver.status === 'rejected') throw driver.reason;
  }

  /** Learns what other runners have copied, and who of them does nothing any more, until nothing of theirs is left. */
  async #watch(others: Others, signal: AbortSignal): Promise<void> {
    const { loader, migrationId, epoch, log, clock, snapshot } = this.#options;
    const session = { applicationName: applicationName(migrationId, epoch), log, signal };
    for (let failures = 0; this.#elsewhere.size > 0;) {
      await clock.sleep(others.lookEveryMs, signal);
      if (snapshot.lost.aborted) throw snapshot.lost.reason;
      try {
        // In this order: of one that has ended, everything that it noted is seen.
        const states = await others.look();
        const relations = this.#elsewhere.relations();
        const copied = await withConnection(loader, session, (client) => readCopied(client, relations));
        for (const { job, note } of this.#elsewhere.settle(copied)) {
          job.of.started ??= this.#now();
          this.#moved.bytes += note.bytes;
          this.#there(job.of, note);
        }
        this.#elsewhere.see(states);
        failures = 0;
      } catch (thrown) {
        failures += 1;
        await this.#pause('Looking at the other runners', failures, thrown);
      }
      this.#wakeAll();
    }
  }

  #open(): Promise<Pair> {
    const { source, loader, snapshot, migrationId, epoch, share, log } = this.#options;
    return Pair.open({
      ...{ source, loader, snapshot, migrationId, epoch, log, signal: this.#signal },
      ...(share === undefined ? {} : { shard: share.shard }),
    });
  }

  /** Does one job after the other until none is left; the first error that stays ends all drivers. */
  async #drive(first: Pair): Promise<void> {
    let pair: Pair | undefined = first;
    try {
      for (let job = await this.#take(pair); job !== undefined; job = await this.#take(pair)) {
        let committed = false;
        try {
          pair ??= await this.#open();
          committed = await this.#do(job, pair);
        } catch (thrown) {
          pair?.cut();
          pair = undefined;
          await this.#again(job, thrown);
        } finally {
          this.#settled(job);
        }
        if (committed && job.chunk !== 'restart') await this.#options.afterChunk?.(job.of.table, job.chunk);
      }
      await pair?.close();
    } catch (thrown) {
      pair?.cut();
      this.#stop.abort(thrown);
      throw thrown;
    }
  }

  /** The next job; while others may still add some, it waits. */
  async #take(pair: Pair | undefined): Promise<Job | undefined> {
    for (;;) {
      this.#signal.throwIfAborted();
      const { lost } = this.#options.snapshot;
      if (lost.aborted && this.#queue.length + this.#elsewhere.size > 0) throw lost.reason;
      const job = this.#queue.shift() ?? this.#takeOver();
      if (job !== undefined) {
        this.#inFlight += 1;
        job.of.inFlight += 1;
        job.of.started ??= this.#now();
        return job;
      }
      if (this.#inFlight === 0 && this.#elsewhere.size === 0) return undefined;
      const wake = this.#wake.promise;
      await pair?.rest();
      await Promise.race([wake, aborted(this.#signal)]);
    }
  }

  #takeOver(): Job | undefined {
    const taken = this.#elsewhere.takeOver();
    if (taken === undefined) return undefined;
    const { from, isFirst, job } = taken;
    if (isFirst)
      this.#options.log.warning(
        `Shard ${from.shard} of ${this.#options.others?.shards ?? ''} ${from.why === 'ended' ? 'has ended and left a part of its share' : 'does not answer, or never came'}: what it has not copied is copied here.`,
      );
    return job;
  }

  #settled({ of }: Job): void {
    this.#inFlight -= 1;
    of.inFlight -= 1;
    if (of.waiting && of.inFlight === 0 && this.#options.share === undefined) {
      of.waiting = false;
      this.#queue.unshift({ of, chunk: 'restart', attempt: 1 });
    }
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.#wake.resolve(undefined);
    this.#wake = Promise.withResolvers<undefined>();
  }

  /** Whether a chunk was committed that stays. */
  async #do({ of, chunk, attempt }: Job, pair: Pair): Promise<boolean> {
    if (isForgotten(of)) return false;
    if (chunk === 'restart') {
      await this.#restart(of, pair);
      return false;
    }
    const earlier = attempt > 1 ? await pair.find(of.table, chunk) : undefined;
    const outcome = earlier ?? (await this.#copy(of, chunk, pair));
    if (outcome === 'rewritten') {
      this.#rewritten(of);
      return false;
    }
    if (earlier !== undefined) this.#moved.bytes += earlier.bytes;
    return this.#there(of, { ...outcome, snapshot: earlier?.snapshot ?? this.#options.snapshot.id });
  }

  /** Counts a chunk that is on the target; whether it stays. */
  #there(of: Progress, { rows, bytes, snapshot }: Pick<CopiedChunk, 'rows' | 'bytes' | 'snapshot'>): boolean {
    this.#moved.rows += rows;
    of.rows += rows;
    of.bytes += bytes;
    of.left -= 1;
    of.done = of.table.bytes * (1 - of.left / of.parts);
    of.snapshots.add(snapshot);
    if (isForgotten(of)) return false;
    if (of.left === 0) this.#finished(of);
    return true;
  }

  /** Counts what travels while it does, up to the chunk's share of the table. */
  async #copy(of: Progress, chunk: Chunk, pair: Pair): ReturnType<Pair['copy']> {
    const share = of.table.bytes / of.parts;
    let moved = 0;
    const count = (bytes: number): void => {
      of.done += Math.min(moved + bytes, share) - Math.min(moved, share);
      moved += bytes;
      this.#moved.bytes += bytes;
    };
    try {
      // What the caller does after a chunk may want the epoch for itself: then no next transaction holds it meanwhile.
      const more = this.#queue.length > 0 && this.#options.afterChunk === undefined;
      return await pair.copy(of.table, chunk, { more, onBytes: count });
    } catch (thrown) {
      count(-moved);
      throw thrown;
    }
  }

  #finished({ table, rows, bytes, parts, started, snapshots }: Progress): void {
    const seconds = (this.#now() - (started ?? this.#now())) / 1000;
    const line = `Copied ${table.relation}: ${rows.toLocaleString('en')} rows, ${formatBytes(bytes)} in ${seconds.toFixed(1)} s${parts > 1 ? ` (${parts} chunks)` : ''}.`;
    if (table.bytes >= LARGE_BYTES) this.#options.log.info(line);
    else this.#options.log.debug(line);
    this.#options.onTable?.(table, { mixed: snapshots.size > 1 });
  }

  #rewritten(of: Progress): void {
    if (of.waiting) return;
    if (this.#options.share !== undefined) {
      this.#options.log.warning(
        `${of.table.relation} was rewritten on the source while it was being copied: shard 1 begins it again.`,
      );
      this.#queue = this.#queue.filter((job) => job.of !== of);
      of.waiting = true;
      return;
    }
    of.restarts += 1;
    if (of.restarts > RESTARTS)
      throw new Error(
        `${of.table.relation} was rewritten on the source ${of.restarts} times while it was being copied (VACUUM FULL, CLUSTER, TRUNCATE or ALTER TABLE). Run again when that is over.`,
      );
    this.#options.log.warning(
      `${of.table.relation} was rewritten on the source while it was being copied (VACUUM FULL, CLUSTER, TRUNCATE or ALTER TABLE): it is begun again.`,
    );
    this.#queue = this.#queue.filter((job) => job.of !== of);
    this.#elsewhere.forget(of);
    of.waiting = true;
  }

  async #restart(of: Progress, pair: Pair): Promise<void> {
    await pair.emptyWhileWritten(of.table.relation);
    const table = await pair.measure(of.table);
    const chunks = chunksOf(table);
    this.#moved.bytes -= of.bytes;
    this.#moved.rows -= of.rows;
    Object.assign(of, { table, parts: chunks.length, left: chunks.length, rows: 0, bytes: 0, done: 0 });
    of.snapshots.clear();
    this.#queue.unshift(...chunks.map((chunk) => ({ of, chunk, attempt: 1 })));
  }

  /** Queues the job once more, after a pause, when the error may pass; throws it otherwise. */
  async #again(job: Job, thrown: unknown): Promise<void> {
    await this.#pause(job.of.table.relation, job.attempt, thrown);
    if (!job.of.waiting) this.#queue.unshift({ ...job, attempt: job.attempt + 1 });
  }

  async #pause(what: string, attempt: number, thrown: unknown): Promise<void> {
    const { snapshot, log, clock } = this.#options;
    this.#signal.throwIfAborted();
    if (snapshot.lost.aborted) throw snapshot.lost.reason;
    if (thrown instanceof SnapshotLostError || !mayPass(thrown) || attempt >= ATTEMPTS) throw thrown;
    // It is there: nothing is to be waited for.
    if (isNotedAlready(thrown)) return;
    const pause = FIRST_PAUSE_MS * 2 ** (attempt - 1);
    log.warning(
      `${what}: attempt ${attempt} of ${ATTEMPTS} failed, the next one follows in ${pause / 1000} s: ${messageOf(thrown)}`,
    );
    await clock.sleep(pause, this.#signal);
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}

/** Whether another chunk has seen meanwhile that the table was rewritten: then all of them are forgotten. */
function isForgotten(of: Progress): boolean {
  return of.waiting;
}

function sum<Key extends string>(items: Record<Key, number>[], key: Key): number {
  return items.reduce((total, item) => total + item[key], 0);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** Lost connections, servers that restart or are full, deadlocks and lock timeouts; not what is wrong with the data. */
function mayPass(thrown: unknown): boolean {
  return (
    /^(08|57P0|53300|40001|40P01|55P03|E[A-Z]+$)/.test(codeOf(thrown)) ||
    /Connection terminated|Client (has encountered|was closed)|Could not connect/.test(messageOf(thrown)) ||
    isNotedAlready(thrown)
  );
}
