import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from './connect.ts';
import { copyTables } from './copy-tables.ts';
import { formatBytes, formatSeconds } from './progress.ts';
import type { Holder, SharedPlan } from './shared-copy.ts';
import { dealChunks } from './shares.ts';
import { SnapshotLostError } from './snapshot.ts';

export interface TakePartOptions {
  source: PostgresAddress;
  /** The role that may write on the target. */
  loader: PostgresAddress;
  migrationId: string;
  /** Which runner this is: 2 and higher. */
  shard: number;
  /** How many there are. */
  shards: number;
  holder: Holder;
  /** How often the runner that holds the snapshot is looked at, and told that this one is there. */
  everyMs: number;
  /** How long that runner may take to come at all. */
  patienceMs: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** What one runner has copied of a shared copy. */
export interface PartTaken {
  chunks: number;
  rows: number;
  bytes: number;
}

/**
 * Copies this runner's share of a copy whose snapshot another runner holds, and ends when its share is there, by whoever.
 * Each chunk is committed under that runner's epoch and only while it lets chunks of its snapshot be committed. When the
 * snapshot is lost and that runner goes on with a new one, so does this one.
 *
 * @throws Error when the runner that holds the snapshot failed, fell silent or never came; what was copied stays
 */
export async function takePart(options: TakePartOptions): Promise<PartTaken> {
  const { holder, log } = options;
  const nothing: PartTaken = { chunks: 0, rows: 0, bytes: 0 };
  try {
    for (let last: string | undefined; ;) {
      const plan = await waitForPlan(options, last);
      if (plan === undefined) return nothing;
      last = plan.snapshot;
      const taken = await copyShare(plan, options);
      if (taken !== undefined) return taken;
    }
  } finally {
    await holder
      .sign('ended')
      .catch((thrown: unknown) => log.debug(`Shard 1 was not told the end: ${messageOf(thrown)}`));
  }
}

/** @returns undefined when everything is there already */
async function waitForPlan(
  options: TakePartOptions,
  last: string | undefined,
): Promise<SharedPlan | undefined> {
  const { holder, log, clock, patienceMs } = options;
  const since = clock.now().getTime();
  let told = false;
  for (;;) {
    await holder.sign('working');
    const sight = await holder.look();
    if (sight.state === 'complete') {
      log.info('Everything is copied already: nothing is left for this runner.');
      return undefined;
    }
    if (sight.state === 'failed' || sight.state === 'silent') throw abandoned(sight.state);
    if (sight.state === 'absent' && clock.now().getTime() - since > patienceMs)
      throw new ConfigurationError(
        `Shard 1 of this run did not come within ${formatSeconds(patienceMs / 1000)}, so there is nothing to take part in. Nothing was copied here. ` +
          'It must be a job of the same run and attempt; run all jobs of it again.',
      );
    if (sight.state === 'copying' && sight.snapshot !== last) {
      const plan = await holder.readPlan(sight.snapshot);
      if (plan !== undefined) return plan;
    }
    if (!told) log.info('Waiting for shard 1, which prepares the copy and holds its snapshot.');
    told = true;
    await clock.sleep(options.everyMs, options.signal);
  }
}

/** @returns undefined when the snapshot was lost before all of it was there */
async function copyShare(plan: SharedPlan, options: TakePartOptions): Promise<PartTaken | undefined> {
  const { shard, shards, log, clock } = options;
  const chunks = dealChunks(plan.remaining, shards)[shard - 1] ?? [];
  const own = plan.remaining.flatMap(({ table }, index) => {
    const mine = chunks[index] ?? [];
    // For the progress: as much of the table as is this runner's.
    const bytes = (table.bytes * mine.length) / Math.max(table.parts, 1);
    return mine.length === 0 ? [] : [{ table: { ...table, bytes }, chunks: mine }];
  });
  const count = own.reduce((sum, one) => sum + one.chunks.length, 0);
  const bytes = own.reduce((sum, { table }) => sum + table.bytes, 0);
  log.info(
    `Copying shard ${shard} of ${shards}: ${count} chunks of ${own.length} tables, about ${formatBytes(bytes)}.`,
  );
  const lost = new AbortController();
  const over = new AbortController();
  const keeping = keepInTouch(plan.snapshot, lost, over.signal, options);
  try {
    const copied = await copyTables({
      ...{ source: options.source, loader: options.loader, migrationId: options.migrationId },
      ...{ epoch: plan.epoch, pairs: plan.pairs, resume: true, log, clock },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      snapshot: { id: plan.snapshot, lost: lost.signal, release: () => Promise.resolve() },
      tables: own.map(({ table }) => table),
      share: { shard, chunks: own.map((one) => one.chunks) },
    });
    return { chunks: count, rows: copied.rows, bytes: copied.bytes };
  } catch (thrown) {
    if (!(thrown instanceof SnapshotLostError)) throw thrown;
    log.warning(`${thrown.message} Looking what shard 1 does.`);
    return undefined;
  } finally {
    over.abort(new Error('over'));
    await keeping;
  }
}

/** Tells that this runner is there, and looks whether the snapshot is still the one that counts. */
async function keepInTouch(
  snapshot: string,
  lost: AbortController,
  over: AbortSignal,
  { holder, clock, everyMs }: TakePartOptions,
): Promise<void> {
  while (!over.aborted) {
    try {
      await clock.sleep(everyMs, over);
      await holder.sign('working');
      const sight = await holder.look();
      if (sight.state !== 'copying' || sight.snapshot !== snapshot)
        lost.abort(new SnapshotLostError('Shard 1 no longer copies under this snapshot.'));
    } catch (thrown) {
      lost.abort(new SnapshotLostError(`Shard 1 cannot be seen: ${messageOf(thrown)}`));
    }
    if (lost.signal.aborted) return;
  }
}

function abandoned(how: 'failed' | 'silent'): Error {
  return new Error(
    `Shard 1, which holds the snapshot, ${how === 'failed' ? 'ended with an error (its own log says which)' : 'does not answer any more'}, and this runner can copy nothing without it. ` +
      'What was copied is noted. Run the failed jobs again: with the live strategy they go on from there.',
  );
}
