import type pg from 'pg';
import { together } from '../together.ts';
import { closeConnection, connect } from './connect.ts';
import { FollowingDrainer } from './following.ts';
import { copyLargeObjects } from './large-objects.ts';
import { sessionOf, type LiveOptions } from './live-options.ts';
import { proofOptions } from './prove-live.ts';
import { proveTouched } from './live-proof.ts';
import { beginRun } from './live-run.ts';
import { copySequences } from './sequences.ts';
import type { Sides } from './sides.ts';
import { exportSnapshot } from './snapshot.ts';
import { restore } from './suspend.ts';
import { advising } from './way-back-closed.ts';

export interface FinalDrain {
  rows: number;
  /** Tables that were copied whole inside the window. */
  whole: string[];
  sequences: number;
  /** Rows compared on both sides: all that was written since the last full proof. */
  compared: number;
  milliseconds: number;
}

/** The end of a live copy, with everything done that can be done before the writers are held. */
export interface PreparedFinish {
  /**
   * The last drain while the fence holds the writers: rows, tables without a key, large objects, sequences, the foreign
   * keys (not yet validated) and triggers, and the proof of everything written since the last full one. Once.
   *
   * @throws SchemaChangedError when the source's schema is not the one that was copied: copy it again, outside the fence
   */
  finish(signal?: AbortSignal): Promise<FinalDrain>;
  /** Ends its sessions; to be called in any case. Never throws. */
  close(): Promise<void>;
}

/** Connects and looks around for the end, so that the window waits for nothing but the data. */
export async function prepareFinish(sides: Sides, options: LiveOptions): Promise<PreparedFinish> {
  return advising(sides, () => prepare(sides, options));
}

async function prepare(sides: Sides, options: LiveOptions): Promise<PreparedFinish> {
  await options.beforeChange?.();
  await beginRun(sides, options);
  const drainer = new FollowingDrainer(sides, { ...options, onSchemaChange: 'stop' });
  const open: pg.Client[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([drainer.close(), ...open.map(closeConnection)]);
  };
  try {
    await drainer.prepare();
    const source = await connect(sides.source, sessionOf(options));
    open.push(source);
    const loader = await connect(sides.target.loader, sessionOf(options));
    open.push(loader);
    return {
      close,
      finish: (signal) =>
        advising(sides, () =>
          finish({ sides, drainer, source, loader }, signal === undefined ? options : { ...options, signal }),
        ),
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** `prepareFinish` and its `finish` in one. */
export async function finishLive(sides: Sides, options: LiveOptions): Promise<FinalDrain> {
  const prepared = await prepareFinish(sides, options);
  try {
    return await prepared.finish();
  } finally {
    await prepared.close();
  }
}

interface Finish {
  sides: Sides;
  drainer: FollowingDrainer;
  source: pg.Client;
  loader: pg.Client;
}

async function finish({ sides, drainer, source, loader }: Finish, options: LiveOptions): Promise<FinalDrain> {
  const { clock, signal } = options;
  const started = clock.now().getTime();
  const drained = await drainer.pass({ tables: 'all' });
  // Nothing was left to read under a snapshot that a TRUNCATE could have emptied.
  if (drained.rows > 0) await drainer.pass({ tables: 'all' });
  signal?.throwIfAborted();
  await copyLargeObjectsAgain({ sides, source, loader }, options);
  const [sequences, proof] = await together(signal, [
    () => copySequences(source, loader, options),
    () => proveTouched(sides, [...drained.whole], proofOptions(options)),
  ]);
  await options.beforeChange?.();
  await restore(sides.target, options);
  return {
    rows: drained.rows,
    whole: drained.whole,
    sequences,
    compared: proof.compared.keys + proof.compared.rows,
    milliseconds: clock.now().getTime() - started,
  };
}

/** No trigger sees large objects change, so they are copied whole, inside the window. */
async function copyLargeObjectsAgain(
  { sides, source, loader }: Omit<Finish, 'drainer'>,
  options: LiveOptions,
): Promise<void> {
  const some = await Promise.all(
    [source, loader].map(async (client) => {
      const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_largeobject_metadata LIMIT 1');
      return rowCount === 1;
    }),
  );
  if (!some.includes(true)) return;
  const snapshot = await exportSnapshot(sides.source, { ...sessionOf(options), clock: options.clock });
  try {
    await copyLargeObjects({ ...options, source: sides.source, target: sides.target.owner, snapshot });
  } finally {
    await snapshot.release();
  }
}
