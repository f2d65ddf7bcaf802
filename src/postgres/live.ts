import { ConfigurationError } from '../errors.ts';
import { extendLease, readCapture, type InstalledCapture } from './capture.ts';
import { describeAddress, withConnection } from './connect.ts';
import { copyDatabase, type CopyResult } from './copy.ts';
import { compareShapes, readBaseline, saveShape, type Shape } from './drift.ts';
import type { TakenOver } from './elsewhere.ts';
import { readDatabaseFacts } from './facts.ts';
import { captureAndLook, captureBegan, followSchema } from './follow.ts';
import { FollowingDrainer } from './following.ts';
import { readLag as readLogs } from './lag.ts';
import { sessionOf, type LiveOptions } from './live-options.ts';
import { beginRun, letLoaderWrite } from './live-run.ts';
import { quoteQualified } from './names.ts';
import type { RemovedEntry } from './restore-list.ts';
import type { Others } from './shared-copy.ts';
import type { Sides } from './sides.ts';
import { readBasis, readStamp } from './stamp.ts';
import { uninstallCapture } from './uninstall-capture.ts';
import { OUR_SCHEMA } from './user-objects.ts';
import { advising } from './way-back-closed.ts';

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

/** Removes everything of ours from both sides; afterwards the source's schema is as it was before. Idempotent. */
export async function endLive(
  sides: Sides,
  options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'clock' | 'signal'>,
): Promise<void> {
  await uninstallCapture(sides.source, options);
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

function notCaptured({ source }: Sides): ConfigurationError {
  return new ConfigurationError(
    `Nothing is captured on ${describeAddress(source)}: copy with the live strategy first.`,
  );
}
