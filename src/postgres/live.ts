import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { CaptureBroken, extendLease, readCapture, type InstalledCapture } from './capture.ts';
import {
  closeConnection,
  connect,
  describeAddress,
  withConnection,
  type PostgresAddress,
} from './connect.ts';
import { copyDatabase, type CopyResult } from './copy.ts';
import { compareShapes, readBaseline, readShape, saveShape, type Shape } from './drift.ts';
import { readDatabaseFacts } from './facts.ts';
import { captureAndLook, captureBegan, followSchema } from './follow.ts';
import { readFenceMarker } from './fence-marker.ts';
import { FollowingDrainer } from './following.ts';
import { readLag as readLogs } from './lag.ts';
import { copyLargeObjects } from './large-objects.ts';
import { proveAll, proveTouched, type LiveProof } from './live-proof.ts';
import { quoteQualified } from './names.ts';
import type { RemovedEntry } from './restore-list.ts';
import { mayWrite } from './rights.ts';
import { copySequences } from './sequences.ts';
import { applicationName } from './settle.ts';
import type { TakenOver } from './elsewhere.ts';
import type { Others } from './shared-copy.ts';
import { isWayBack, type Sides } from './sides.ts';
import { exportSnapshot } from './snapshot.ts';
import { claimEpoch, completeStamp, readBasis, readStamp, removeStamp, stampTarget } from './stamp.ts';
import { readSuspended, restore, suspend, validate } from './suspend.ts';
import { grantLoader, revokeLoader } from './swap.ts';
import { together } from '../together.ts';
import type { PostgresTools } from './tools.ts';
import { uninstallCapture } from './uninstall-capture.ts';
import { OUR_SCHEMA } from './user-objects.ts';

export type { LiveProof } from './live-proof.ts';
export { SchemaChangedError } from './following.ts';

export interface LiveOptions {
  migrationId: string;
  /** The lease's epoch: a newer one ends what an older one was doing. */
  epoch: number;
  tools: PostgresTools;
  /** For the schema's dump; what is put there is removed again. */
  directory: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step that changes a side: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
  /** What to do about a schema change on the source: say it and stop, or copy the tables concerned again. */
  onSchemaChange: 'stop' | 'recopy';
  limits: CaptureLimits;
}

/** The capture's own limits: beyond them it stops logging and marks itself broken rather than fill the source's disk. */
export interface CaptureLimits {
  /** All logs together, bytes. */
  logBytes: number;
  /** How long the capture goes on when nobody drains, milliseconds. */
  leaseMs: number;
}

export interface Lag {
  /** Changes that wait, of tables with a key. */
  rows: number;
  /** What the logs take on the source's disk. */
  bytes: number;
  /** Age of the oldest change that waits; 0 when none does. */
  seconds: number;
  /** Tables without a usable key that changed: they are copied whole inside the window. */
  whole: { relation: string; bytes: number }[];
}

export interface LiveCopy {
  tables: number;
  bytes: number;
  removed: RemovedEntry[];
  /** What an earlier, interrupted run had left and was used. */
  reused: { tables: number; chunks: number };
  /** What other runners should have copied and did not. */
  takenOver: TakenOver[];
  /** Tables without a usable key. */
  whole: { relation: string; bytes: number }[];
  lag: Lag;
  copyMs: number;
  drainedRows: number;
  drainMs: number;
}

export interface CatchUp {
  passes: number;
  rows: number;
  /** Rows drained in one second over all passes; 0 when nothing waited. */
  rowsPerSecond: number;
  /** Tables that were copied again after a schema change. */
  recopied: string[];
  lag: Lag;
  milliseconds: number;
}

export interface FinalDrain {
  rows: number;
  /** Tables that were copied whole inside the window. */
  whole: string[];
  sequences: number;
  /** Rows compared on both sides: all that was written since the last full proof. */
  compared: number;
  milliseconds: number;
}

/** A drain that leaves no more than this is as good as caught up: the window takes milliseconds for it. */
const LITTLE = 500;
/** A source that is written to faster than we drain is told as lag, not waited for. */
const MOST_PASSES = 50;

/**
 * Installs the capture, copies under a snapshot taken after it, and drains until little is left. Repeating it resumes.
 *
 * @param others runners that copy a part of the rows beside this one
 */
export async function beginLive(sides: Sides, options: LiveOptions, others?: Others): Promise<LiveCopy> {
  const { log, clock } = options;
  const session = sessionOf(options);
  const { capture, shape } = await captureAndLook(sides.source, options);
  const { since, completed } = await readStanding(sides, options);
  const started = clock.now().getTime();
  let copied: CopyResult | undefined;
  if (completed !== since) {
    await forgetGaps(sides, capture, shape, options);
    // Before the snapshot: what changes from here on is noticed.
    await withConnection(sides.source, session, (source) => saveShape(source, options.migrationId, shape));
    copied = await copyDatabase({
      ...{ ...options, source: sides.source, ...sides.target },
      captured: { tables: capture.tables, since },
      ...(others === undefined ? {} : { others }),
    });
  } else {
    log.info('Everything was copied by an earlier run: only what changed since is drained.');
    await followGaps(sides, capture, options);
  }
  const copyMs = clock.now().getTime() - started;
  const caught = await catchUp(sides, options);
  return {
    tables: copied?.tables ?? capture.tables.length,
    bytes: copied?.bytes ?? (await withConnection(sides.source, session, readDatabaseFacts)).sizeBytes,
    removed: copied?.removed ?? [],
    reused: copied?.reused ?? { tables: capture.tables.length, chunks: 0 },
    takenOver: copied?.takenOver ?? [],
    whole: capture.whole,
    lag: caught.lag,
    copyMs,
    drainedRows: caught.rows,
    drainMs: caught.milliseconds,
  };
}

const WAY_BACK_CLOSED =
  'This closes the way back: what the new side took since then is not all logged, so it cannot all be carried to Heroku, and ' +
  'roll-back refuses. The new side serves on and loses nothing; copying again would overwrite it, so do not. Stay there, and ' +
  '`command: finalize` of roll-back removes what is left of the way back.';

/** A capture on the new side that broke is not mended by copying again: what is to be done depends on the direction. */
async function advising<T>(sides: Sides, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    if (thrown instanceof CaptureBroken && isWayBack(sides))
      throw new CaptureBroken(thrown.facts, WAY_BACK_CLOSED);
    throw thrown;
  }
}

/** Drains until little is left, extends the capture's lease, and follows the schema as `onSchemaChange` says. */
export async function catchUp(sides: Sides, options: LiveOptions): Promise<CatchUp> {
  return advising(sides, () => drainUntilLittle(sides, options));
}

async function drainUntilLittle(sides: Sides, options: LiveOptions): Promise<CatchUp> {
  const { clock } = options;
  const started = clock.now().getTime();
  await beginRun(sides, options);
  await letLoaderWrite(sides, options);
  const done = { passes: 0, rows: 0, recopied: [] as string[] };
  const drainer = new FollowingDrainer(sides, options);
  try {
    for (let rows = Infinity; rows > LITTLE && done.passes < MOST_PASSES;) {
      const drained = await drainer.pass({ tables: 'keyed' });
      ({ rows } = drained);
      done.rows += rows;
      done.passes += 1;
      if (rows > LITTLE) options.log.info(`Drained ${rows} rows in ${drained.milliseconds} ms.`);
    }
  } finally {
    await drainer.close();
  }
  done.recopied = drainer.recopied;
  await extendLease(sides.source, { ...options, leaseMs: options.limits.leaseMs });
  const milliseconds = clock.now().getTime() - started;
  return {
    ...done,
    rowsPerSecond: done.rows === 0 ? 0 : Math.round((done.rows * 1000) / Math.max(milliseconds, 1)),
    lag: await readLag(sides, options),
    milliseconds,
  };
}

/**
 * Changes that wait on the source.
 *
 * @throws ConfigurationError when nothing is captured there
 */
export async function readLag(
  sides: Sides,
  options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'signal'>,
): Promise<Lag> {
  return advising(sides, () =>
    withConnection(sides.source, sessionOf(options), async (source) => {
      const tables = await readCapture(source, options.migrationId);
      if (tables === undefined) throw notCaptured(sides);
      return readLogs(source, tables);
    }),
  );
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

/**
 * Compares both sides while the source goes on writing: `full` every row, `touched` what drains wrote since the last
 * proof. What is put out of the target's way until the switch (foreign keys, triggers) is no difference. Both are read at
 * exactly equal states: one snapshot of the source was drained, and the target is read as that drain left it.
 *
 * @throws Error that names tables, keys and objects that differ
 */
export async function proveLive(
  sides: Sides,
  options: LiveOptions,
  mode: 'full' | 'touched',
): Promise<LiveProof> {
  return advising(sides, () => prove(sides, options, mode));
}

async function prove(sides: Sides, options: LiveOptions, mode: 'full' | 'touched'): Promise<LiveProof> {
  const { clock } = options;
  const started = clock.now().getTime();
  await beginRun(sides, options);
  const drainer = new FollowingDrainer(sides, options);
  try {
    const { snapshots, skippedWhole } = await drainer.pass({ tables: 'keyed', keepSnapshot: true });
    const signal = AbortSignal.any([
      snapshots.lost,
      ...(options.signal === undefined ? [] : [options.signal]),
    ]);
    try {
      const proof = { ...proofOptions(options), snapshots, signal };
      const waiting = skippedWhole.map(({ relation }) => relation);
      if (mode === 'full') {
        const proven = await proveAll(sides, waiting, proof);
        return { ...proven, milliseconds: clock.now().getTime() - started };
      }
      const { compared, tables, whole } = await proveTouched(sides, [], { ...proof, waiting });
      return {
        rows: { compared: compared.keys + compared.rows, pending: 0 },
        tables: tables.length + whole.length,
        milliseconds: clock.now().getTime() - started,
      };
    } finally {
      await snapshots.release();
    }
  } finally {
    await drainer.close();
  }
}

/** After the switch, while the new side serves: foreign keys validated, materialized views refreshed, the loader's rights taken. */
export async function settleLive(sides: Sides, options: LiveOptions): Promise<void> {
  const { owner, loader } = sides.target;
  const session = sessionOf(options);
  await withConnection(loader, session, (client) => claimEpoch(client, options));
  await withBaselineKept(owner, options, async () => {
    await restore(sides.target, options);
    await validate(sides.target, options);
  });
  if (owner.user !== loader.user)
    await withConnection(owner, session, async (client) => {
      await client.query(revokeLoader(loader.user));
    });
}

/**
 * Before the point of no return: the capture on the new side, towards the old one. `sides` is the way back: source is
 * the new side's owner, target the old side, which a fence keeps closed from then on.
 */
export async function beginReverse(sides: Sides, options: LiveOptions): Promise<void> {
  const { shape } = await captureAndLook(sides.source, options);
  await withConnection(sides.source, sessionOf(options), (source) =>
    saveShape(source, options.migrationId, shape),
  );
  await withConnection(sides.target.loader, sessionOf(options), async (client) => {
    await stampTarget(client, options.migrationId, sides.target.owner.user);
    await claimEpoch(client, options);
    await completeStamp(client, options.migrationId);
  });
}

/**
 * Undoes `beginReverse` before the point of no return: the capture on the new side goes; the one on the old side stays,
 * so that the next attempt only catches up. `sides` as for `beginReverse`. Idempotent.
 */
export async function endReverse(
  sides: Sides,
  options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'clock' | 'signal'>,
): Promise<void> {
  await uninstallCapture(sides.source, options);
  await withConnection(sides.target.loader, sessionOf(options), async (client) => {
    const { suspended, restored } = await readSuspended(client);
    if (suspended + restored > 0)
      throw new Error(
        `Foreign keys and triggers of ${describeAddress(sides.target.owner)} are still out of the way: restore and validate them first.`,
      );
    await removeStamp(client);
  });
}

/** Removes everything of ours from both sides; afterwards the source's schema is as it was before. Idempotent. */
export async function endLive(
  sides: Sides,
  options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'clock' | 'signal'>,
): Promise<void> {
  await uninstallCapture(sides.source, options);
}

/**
 * Makes this run the one that writes, and takes out of its way what an attempt at the end had put back. On the way back
 * the target is a side that served: it must be closed by a fence.
 */
async function beginRun(sides: Sides, options: LiveOptions): Promise<void> {
  const { owner, loader } = sides.target;
  await withConnection(loader, sessionOf(options), async (client) => {
    const stamp = await readStamp(client);
    if (stamp?.migrationId !== options.migrationId || !stamp.completed)
      throw new ConfigurationError(
        `${describeAddress(owner)} holds no complete copy of ${options.migrationId}: copy with the live strategy first.`,
      );
    if (isWayBack(sides) && (await readFenceMarker(client)) !== options.migrationId)
      throw new ConfigurationError(
        `${describeAddress(owner)} is not closed by ${options.migrationId}: draining into it would mix with its own writes. Nothing was changed.`,
      );
    if (!isWayBack(sides) && (await mayWrite(client, owner.user)))
      throw new ConfigurationError(
        `${describeAddress(owner)} is open: the application may write to it, so nothing is drained into it and its foreign keys and triggers stay. Nothing was changed.`,
      );
    await claimEpoch(client, options);
  });
  await noteSuspension(owner, options);
  await suspend(sides.target, options);
}

/**
 * On the way back the target has a capture of its own, whose baseline knows the foreign keys and triggers that are taken
 * out of our way now. What somebody else had changed before stays a change.
 */
async function noteSuspension(owner: PostgresAddress, options: LiveOptions): Promise<void> {
  await withConnection(owner, sessionOf(options), async (client) => {
    if ((await readCapture(client, options.migrationId)) === undefined) return;
    const baseline = await readBaseline(client, options.migrationId);
    if (baseline === undefined || baseline.suspended === true) return;
    if (compareShapes(baseline, await readShape(client)).schema.length > 0) return;
    await saveShape(client, options.migrationId, { ...baseline, digest: '', suspended: true });
  });
}

/** `settleLive` took the loader's rights; after a roll-back the same copy is followed again. */
async function letLoaderWrite({ target: { owner, loader } }: Sides, options: LiveOptions): Promise<void> {
  if (owner.user === loader.user) return;
  await withConnection(owner, sessionOf(options), async (client) => {
    await client.query(grantLoader(loader.user));
  });
}

/** `completed`: the capture under which the copy on the target was completed. */
async function readStanding(
  sides: Sides,
  options: LiveOptions,
): Promise<{ since: string; completed: string | undefined }> {
  const session = sessionOf(options);
  const since = await withConnection(sides.source, session, captureBegan);
  return withConnection(sides.target.loader, session, async (loader) => {
    const stamp = await readStamp(loader);
    if (stamp?.migrationId !== options.migrationId || !stamp.completed)
      return { since, completed: undefined };
    const [, ...basis] = ((await readBasis(loader, options.migrationId)) ?? '').split(' ');
    const completed = basis.join(' ');
    return { since, completed: completed.startsWith(since) ? since : completed };
  });
}

/**
 * Runs `body`, whose own changes of the schema are none to the capture of the way back: it puts foreign keys and triggers
 * in their place again. What somebody else had changed before, or changes meanwhile, stays a change.
 */
async function withBaselineKept(
  owner: PostgresAddress,
  options: LiveOptions,
  body: () => Promise<void>,
): Promise<void> {
  const session = sessionOf(options);
  const kept = await withConnection(owner, session, async (client): Promise<Shape | undefined> => {
    if ((await readCapture(client, options.migrationId)) === undefined) return undefined;
    const baseline = await readBaseline(client, options.migrationId);
    if (baseline === undefined) return undefined;
    if (baseline.suspended !== true && compareShapes(baseline, await readShape(client)).schema.length > 0)
      return undefined;
    // A run that is killed in `body` leaves a part of our changes behind, which are still ours.
    const settling = { ...baseline, digest: '', settling: true };
    await saveShape(client, options.migrationId, settling);
    return settling;
  });
  await body();
  if (kept === undefined) return;
  await withConnection(owner, session, async (client) => {
    const shape = await readShape(client);
    if (compareShapes(kept, shape).schema.length > 0) return;
    const { server, captured } = kept;
    await saveShape(client, options.migrationId, { ...shape, digest: '', server, captured });
  });
}

/**
 * What was copied before a table's changes were captured without a gap does not count, and neither does what was copied
 * before an ALTER wrote its rows anew. The baseline of the run that copied it tells also what an interrupted one has put
 * right meanwhile.
 */
async function forgetGaps(
  sides: Sides,
  capture: InstalledCapture,
  shape: Shape,
  options: LiveOptions,
): Promise<void> {
  const baseline = await withConnection(sides.source, sessionOf(options), (source) =>
    readBaseline(source, options.migrationId),
  );
  const since = baseline === undefined ? undefined : compareShapes(baseline, shape);
  await withConnection(sides.target.loader, sessionOf(options), async (loader) => {
    if ((await readStamp(loader)) === undefined) return;
    await loader.query(`DELETE FROM ${OUR_SCHEMA}.copied WHERE relation = ANY ($1::text[])`, [
      [
        ...capture.made.map(({ schema, name }) => quoteQualified(schema, name)),
        ...(since === undefined ? [] : [...since.rewritten, ...since.captureTouched]),
      ],
    ]);
  });
}

async function followGaps(sides: Sides, capture: InstalledCapture, options: LiveOptions): Promise<void> {
  if (capture.made.length === 0) return;
  await beginRun(sides, options);
  await followSchema(
    sides,
    capture.made.map(({ schema, name }) => quoteQualified(schema, name)),
    options,
  );
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

function proofOptions(options: LiveOptions): Parameters<typeof proveAll>[2] {
  const { migrationId, epoch, log, clock, signal } = options;
  return {
    ...{ migrationId, log, clock, applicationName: applicationName(migrationId, epoch) },
    ...(signal === undefined ? {} : { signal }),
  };
}

function notCaptured({ source }: Sides): ConfigurationError {
  return new ConfigurationError(
    `Nothing is captured on ${describeAddress(source)}: copy with the live strategy first.`,
  );
}

function sessionOf(options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'signal'>): {
  applicationName: string;
  log: Log;
  signal?: AbortSignal;
} {
  const { log, signal } = options;
  return {
    applicationName: applicationName(options.migrationId, options.epoch),
    log,
    ...(signal === undefined ? {} : { signal }),
  };
}
