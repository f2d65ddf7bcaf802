import type { Clock } from '../clock.ts';
import { asSentence, ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { StepJournal, StepRow, Writer } from './journal.ts';
import type { Json } from './json.ts';
import { LeaseLostError } from './lease.ts';
import type { Step, StepContext } from './step.ts';

export type { Settlement, Step, StepContext, TypedStep } from './step.ts';
export { defineStep } from './step.ts';

/** What a saga needs of the lease. */
export interface SagaLease extends Writer {
  readonly lost: AbortSignal;
  check(): Promise<void>;
}

export type StepEvent = 'begun' | 'done' | 'skipped' | 'failed' | 'undoing' | 'undone';
export interface StepReport {
  name: string;
  event: StepEvent;
  at: Date;
  /** Since the step (or its undo) began; 0 for begun, undoing and skipped. */
  milliseconds: number;
}

export interface SagaOptions {
  phase: string;
  log: Log;
  clock: Clock;
  /** Cancels: before the point of no return everything is undone, after it the saga is finished all the same. */
  signal?: AbortSignal;
  onStep?: (report: StepReport) => void;
  /** What holds once all is undone, for the message: "Heroku serves as before." */
  whenUndone?: string;
}

export interface SagaOutcome {
  /** False when every step had been done by an earlier run. */
  changed: boolean;
  results: Record<string, Json>;
}

/** It failed before the point of no return, and all was undone. `cause` is what failed. */
export class UndoneError extends Error {
  override readonly name = 'UndoneError';
}
/** It kept failing after the point of no return: run it again to go on from there. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}
/** An undo failed, or it is not known whether the point of no return was passed. The message tells what remains. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
}

/**
 * Takes the steps one after the other, each journalled: the prior state is committed before the act, the result after
 * it. Run again after any death of the process, it goes on where the journal ends: done steps are skipped, a step
 * that was begun is looked at (`settle`), and acted again with the prior state that the first attempt had found.
 *
 * A failure or cancellation before the point of no return undoes everything in reverse and throws an UndoneError. A step
 * that fails after it is tried again for half a minute, and then an UnfinishedError is thrown. Once another run has taken
 * over, a LeaseLostError is thrown and nothing touched.
 */
export async function runSteps(
  journal: StepJournal,
  lease: SagaLease,
  steps: readonly Step[],
  options: SagaOptions,
): Promise<SagaOutcome> {
  const saga = await resume(journal, lease, steps, options);
  await finishInterruptedUndo(saga);
  const outcome: SagaOutcome = { changed: false, results: {} };
  for (const step of steps) {
    const known = saga.rows.get(step.name);
    const row = await advanceInsistently(saga, step);
    if (row !== known && !(known?.status === 'done' && step.always)) outcome.changed = true;
    saga.rows.set(step.name, row);
    outcome.results[step.name] = row.result;
  }
  return outcome;
}

/**
 * Undoes whatever the journal knows of these steps, in reverse; returns their names. For roll-back and the guard.
 * Past the point of no return it refuses with a ConfigurationError.
 */
export async function undoAll(
  journal: StepJournal,
  lease: SagaLease,
  steps: readonly Step[],
  options: SagaOptions & { reason: string },
): Promise<string[]> {
  const saga = await resume(journal, lease, steps, options);
  if (saga.passed()) {
    throw new ConfigurationError(
      `${options.phase} has passed its point of no return, so it cannot be undone step by step: use roll-back.`,
    );
  }
  return undo(saga, options.reason);
}

interface Saga {
  journal: StepJournal;
  lease: SagaLease;
  steps: readonly Step[];
  options: SagaOptions;
  /** The newest attempt of each step. */
  rows: Map<string, StepRow>;
  /** Whether the point of no return is known to be passed. */
  passed(): boolean;
}

async function resume(
  journal: StepJournal,
  lease: SagaLease,
  steps: readonly Step[],
  options: SagaOptions,
): Promise<Saga> {
  requireWellFormed(steps);
  const rows = new Map((await journal.steps(options.phase)).map((row) => [row.name, row]));
  const strangers = [...rows.values()].filter(
    (row) => row.status !== 'undone' && !steps.some((step) => step.name === row.name),
  );
  if (strangers.length > 0) {
    throw new ConfigurationError(
      `The journal of ${options.phase} holds steps that this version does not know (${strangers.map(({ name }) => name).join(', ')}). ` +
        'Nothing was done. Finish or undo it with the version of the actions that began it.',
    );
  }
  const saga: Saga = {
    journal,
    lease,
    steps,
    options,
    rows,
    passed: () => [...rows.values()].some((row) => row.pointOfNoReturn && row.status === 'done'),
  };
  await settlePointOfNoReturn(saga);
  return saga;
}

/** Whether there is a way back is known before anything else is done. */
async function settlePointOfNoReturn(saga: Saga): Promise<void> {
  const step = saga.steps.find(({ pointOfNoReturn }) => pointOfNoReturn);
  if (!step) return;
  const row = saga.rows.get(step.name);
  if (row?.status !== 'intent') return;
  const settled = await lookAtPointOfNoReturn(saga, step, row);
  if (settled) saga.rows.set(step.name, settled);
}

/** The row as done, or undefined when it is known not to be; StuckError when neither is known. */
async function lookAtPointOfNoReturn(
  saga: Saga,
  step: Step,
  row: StepRow,
  failure?: unknown,
): Promise<StepRow | undefined> {
  try {
    const settlement = await step.settle?.(row.prior, { signal: saga.lease.lost });
    return settlement === 'not-done' ? undefined : await finish(saga, row, resultOf(settlement));
  } catch (error) {
    if (isSuperseded(error)) throw error;
    throw new StuckError(
      `It is not known whether "${step.name}", the point of no return, was passed: ${asSentence(messageOf(error))} ` +
        (failure === undefined ? '' : `It had failed with: ${asSentence(messageOf(failure))} `) +
        'So nothing was undone and nothing continued. Once that can be reached again, run the same job again: it looks, and goes on or undoes.',
      { cause: error },
    );
  }
}

async function finishInterruptedUndo(saga: Saga): Promise<void> {
  if (saga.passed()) return;
  const broken = [...saga.rows.values()].find(({ status }) => status === 'undoing' || status === 'failed');
  if (!broken) return;
  const reason = broken.reason ?? 'it was interrupted';
  saga.options.log.info(
    `An earlier run of ${saga.options.phase} had begun to undo (${reason}): this goes on first.`,
  );
  const undone = await undo(saga, reason);
  throw new UndoneError(
    `An earlier run of ${saga.options.phase} was being undone (${reason}); this is now complete: ${undone.join(', ')}. ` +
      `${promiseOf(saga)}Run it again to begin anew.`,
  );
}

const FORWARD_PAUSES_MS = [1_000, 3_000, 8_000, 15_000];
const FORWARD_LIMIT_MS = 30_000;

/**
 * After the point of no return the only way is forward, and nobody may be served until it has been gone: what fails is tried
 * again as the next run would, without the minute until one has noticed. Also what the user could mend, since a server that
 * starts, and one that refuses us, are told apart by nobody.
 */
async function advanceInsistently(saga: Saga, step: Step): Promise<StepRow> {
  const { clock, log } = saga.options;
  let firstFailure: number | undefined;
  for (let attempt = 0; ; attempt++) {
    try {
      return await advance(saga, step, saga.rows.get(step.name));
    } catch (error) {
      const pause = FORWARD_PAUSES_MS[attempt];
      firstFailure ??= clock.now().getTime();
      if (
        !(error instanceof UnfinishedError) ||
        pause === undefined ||
        clock.now().getTime() - firstFailure > FORWARD_LIMIT_MS ||
        saga.lease.lost.aborted
      )
        throw error;
      log.warning(`"${step.name}" failed (${messageOf(error.cause)}); trying again in ${pause / 1000} s.`);
      await clock.sleep(pause);
    }
  }
}

/** Brings one step to done; returns its row, the known one when nothing was to do. */
async function advance(saga: Saga, step: Step, known: StepRow | undefined): Promise<StepRow> {
  const begun = known?.status === 'undone' ? undefined : known;
  const started = saga.options.clock.now().getTime();
  try {
    const settled = begun && (await settle(saga, step, begun));
    if (settled) {
      report(saga, step, 'skipped');
      return settled;
    }
  } catch (error) {
    return afterFailure(saga, step, begun, error, started);
  }
  return saga.options.log.group(titleOf(saga, step), async () => {
    let row: StepRow | undefined;
    try {
      refuseWhenCancelled(saga);
      const context = contextOf(saga, step);
      row = await saga.journal.begin(saga.lease, {
        phase: saga.options.phase,
        name: step.name,
        // A second attempt may find a world half-changed by the first: what the first one found is what undo needs.
        prior: begun ? begun.prior : ((await step.prior?.(context)) ?? null),
        pointOfNoReturn: step.pointOfNoReturn ?? false,
      });
      saga.rows.set(step.name, row);
      report(saga, step, 'begun');
      // Committing the intent may have taken as long as a fail-over: a cancellation meanwhile still counts.
      refuseWhenCancelled(saga);
      const done = await finish(saga, row, await step.act(row.prior, context));
      report(saga, step, 'done', started);
      return done;
    } catch (error) {
      return await afterFailure(saga, step, row, error, started);
    }
  });
}

/** The row of a step that an earlier process did and that still holds; undefined when it is to be acted (again). */
async function settle(saga: Saga, step: Step, row: StepRow): Promise<StepRow | undefined> {
  if (saga.passed() && isBeforePointOfNoReturn(saga, step)) return row;
  if (step.always) return undefined;
  const done = row.status === 'done';
  if (done && (saga.passed() || step.settle === undefined)) return row;
  // A point of no return that was begun is settled already: it was not passed.
  if (step.settle === undefined || step.pointOfNoReturn) return undefined;
  const settlement = await step.settle(row.prior, contextOf(saga, step));
  if (settlement === 'not-done') return undefined;
  return done ? row : await finish(saga, row, resultOf(settlement));
}

/** Undoes, or tells why not; returns only when the point of no return turns out to be passed. */
async function afterFailure(
  saga: Saga,
  step: Step,
  row: StepRow | undefined,
  failure: unknown,
  started: number,
): Promise<StepRow> {
  if (isSuperseded(failure)) throw failure;
  if (isSuperseded(saga.lease.lost.reason)) throw saga.lease.lost.reason;
  if (row && step.pointOfNoReturn) {
    const done = await lookAtPointOfNoReturn(saga, step, row, failure);
    if (done) {
      saga.options.log.warning(
        `"${step.name}" reported ${messageOf(failure)}, and yet it is done: going on.`,
      );
      report(saga, step, 'done', started);
      return done;
    }
  }
  report(saga, step, 'failed', started);
  const reason = messageOf(failure);
  if (row) {
    try {
      await saga.journal.fail(saga.lease, row.id, reason);
    } catch (error) {
      if (isSuperseded(error)) throw error;
      saga.options.log.warning(`The failure could not be journalled: ${messageOf(error)}`);
    }
  }
  if (saga.passed()) {
    throw new UnfinishedError(
      `${saga.options.phase} stopped at "${step.name}", after the point of no return: ${asSentence(reason)} ` +
        'What was done stays done. Mend the reason and run the same job again: it goes on from this step.',
      { cause: failure },
    );
  }
  const undone = await undo(saga, `"${step.name}" failed: ${reason}`);
  throw new UndoneError(
    `${saga.options.phase} stopped at "${step.name}": ${asSentence(reason)} ` +
      (undone.length > 0 ? `Everything was undone: ${undone.join(', ')}. ` : 'There was nothing to undo. ') +
      promiseOf(saga).trim(),
    { cause: failure },
  );
}

const UNDO_PAUSES_MS = [1_000, 5_000];

/** Undoes in reverse order whatever is not undone yet; returns the names of the steps that had something to undo. */
async function undo(saga: Saga, reason: string): Promise<string[]> {
  const pending = saga.steps
    .toReversed()
    .map((step) => ({ step, row: saga.rows.get(step.name) }))
    .filter(
      (entry): entry is { step: Step; row: StepRow } =>
        entry.row !== undefined && entry.row.status !== 'undone',
    );
  const notes = journalWhileUndoing(saga);
  await notes.write((journal, writer) =>
    journal.beginUndo(
      writer,
      pending.map(({ row }) => row.id),
      reason,
    ),
  );
  const undone: string[] = [];
  for (const [index, { step, row }] of pending.entries()) {
    await notes.check();
    if (step.undo !== undefined) {
      const remaining = pending.slice(index).filter((entry) => entry.step.undo !== undefined);
      await undoStep(
        saga,
        step,
        row,
        remaining.map((entry) => entry.step.name),
      );
      undone.push(step.name);
    }
    await notes.write((journal, writer) => journal.finishUndo(writer, row.id));
    saga.rows.set(step.name, { ...row, status: 'undone' });
  }
  await notes.catchUp();
  return undone;
}

/**
 * Undoing goes on when the journal's own cluster is what failed: Heroku serving again matters more than the note, and
 * waiting for each note would hold it up. Only another run that took over forbids it. What could not be noted is
 * tried once more at the end.
 */
function journalWhileUndoing(saga: Saga): {
  write(note: Note): Promise<void>;
  check(): Promise<void>;
  catchUp(): Promise<void>;
} {
  const missed: Note[] = [];
  const tolerate = async (body: () => Promise<void>): Promise<boolean> => {
    try {
      await body();
      return true;
    } catch (error) {
      if (isSuperseded(error)) throw error;
      saga.options.log.warning(`The journal cannot be written: ${messageOf(error)}`);
      return false;
    }
  };
  return {
    async write(note) {
      const written = missed.length === 0 && (await tolerate(() => note(saga.journal, saga.lease)));
      if (!written) missed.push(note);
    },
    async check() {
      if (missed.length === 0) await tolerate(() => saga.lease.check());
    },
    async catchUp() {
      for (const note of missed) {
        if (!(await tolerate(() => note(saga.journal, saga.lease)))) break;
      }
    },
  };
}
type Note = (journal: StepJournal, writer: Writer) => Promise<void>;

async function undoStep(saga: Saga, step: Step, row: StepRow, remaining: readonly string[]): Promise<void> {
  const { log, clock, phase } = saga.options;
  const started = clock.now().getTime();
  report(saga, step, 'undoing');
  await log.group(`Undo: ${step.name}`, async () => {
    for (let attempt = 0; ; attempt++) {
      try {
        await step.undo?.(row.prior, row.result, { signal: supersededSignal(saga) });
        return;
      } catch (error) {
        if (isSuperseded(error)) throw error;
        const pause = UNDO_PAUSES_MS[attempt];
        if (pause === undefined) {
          throw new StuckError(
            `${phase} is half undone: undoing "${step.name}" failed with: ${asSentence(messageOf(error))} ` +
              `Still to be undone, in this order: ${remaining.join(', ')}. ` +
              'Mend the reason and run the same job again: it continues with undoing.',
            { cause: error },
          );
        }
        log.warning(
          `Undoing "${step.name}" failed (${messageOf(error)}); trying again in ${pause / 1000} s.`,
        );
        await clock.sleep(pause);
      }
    }
  });
  report(saga, step, 'undone', started);
}

async function finish(saga: Saga, row: StepRow, result: Json): Promise<StepRow> {
  await saga.journal.finish(saga.lease, row.id, result);
  return { ...row, status: 'done', result, finishedAt: saga.options.clock.now() };
}

function contextOf(saga: Saga, step: Step): StepContext {
  const { signal } = saga.options;
  const cancellable = signal && !saga.passed() && !step.pointOfNoReturn;
  return { signal: cancellable ? AbortSignal.any([signal, saga.lease.lost]) : saga.lease.lost };
}

/** Undoing is stopped by another run only, not by a cancellation nor by a silent journal. */
function supersededSignal(saga: Saga): AbortSignal {
  const stop = new AbortController();
  const { lost } = saga.lease;
  const onLost = (): void => {
    if (isSuperseded(lost.reason)) stop.abort(lost.reason);
  };
  if (lost.aborted) onLost();
  else lost.addEventListener('abort', onLost, { once: true });
  return stop.signal;
}

function refuseWhenCancelled(saga: Saga): void {
  saga.lease.lost.throwIfAborted();
  if (!saga.passed()) saga.options.signal?.throwIfAborted();
}

function isSuperseded(thrown: unknown): boolean {
  return thrown instanceof LeaseLostError && thrown.superseded;
}

function isBeforePointOfNoReturn(saga: Saga, step: Step): boolean {
  return saga.steps.indexOf(step) < saga.steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn);
}

function resultOf(settlement: Awaited<ReturnType<NonNullable<Step['settle']>>> | undefined): Json {
  return typeof settlement === 'object' ? settlement.done : null;
}

function titleOf(saga: Saga, step: Step): string {
  return `${saga.steps.indexOf(step) + 1}/${saga.steps.length} ${step.name}`;
}

function promiseOf(saga: Saga): string {
  return saga.options.whenUndone === undefined ? '' : `${saga.options.whenUndone} `;
}

function report(saga: Saga, step: Step, event: StepEvent, started?: number): void {
  const at = saga.options.clock.now();
  const milliseconds = started === undefined ? 0 : at.getTime() - started;
  saga.options.onStep?.({ name: step.name, event, at, milliseconds });
}

function requireWellFormed(steps: readonly Step[]): void {
  const names = new Set(steps.map(({ name }) => name));
  const gates = steps.filter(({ pointOfNoReturn }) => pointOfNoReturn);
  if (names.size !== steps.length) throw new Error('Two steps of a saga have one name.');
  if (gates.length > 1) throw new Error('A saga has one point of no return at most.');
  if (gates.some((gate) => gate.settle === undefined)) {
    throw new Error('A point of no return needs settle: a lost answer must not leave it unknown.');
  }
}
