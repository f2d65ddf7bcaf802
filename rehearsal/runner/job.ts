import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.ts';
import type { Conclusion } from './events.ts';
import { render, renderText } from './expression.ts';
import { eventPath, jobScope, openJob } from './job-state.ts';
import type { JobOrder, JobState } from './job-state.ts';
import type { JobResult } from './options.ts';
import { runStep } from './step.ts';
import { killGroup } from './step-process.ts';

/** What goes on in a cancelled run is ended after five minutes (docs, "Workflow cancellation reference"). */
const CANCEL_LIMIT_MS = 5 * 60_000;

/** Runs a job's steps, then its post steps in reverse order. Never rejects: a broken job is a failed job. */
export async function runJob(order: JobOrder): Promise<JobResult> {
  const { options, definition, id, name, emit } = order;
  const started = performance.now();
  emit({
    type: 'job-started',
    job: id,
    name,
    ...(order.environment === undefined ? {} : { environment: order.environment }),
  });
  const limit = new AbortController();
  const over = new AbortController();
  let forcing: NodeJS.Timeout | undefined;
  const onCancel = (): void => {
    forcing = setTimeout(() => over.abort(), options.cancelLimitMs ?? CANCEL_LIMIT_MS);
  };
  if (order.cancel.aborted) onCancel();
  else order.cancel.addEventListener('abort', onCancel, { once: true });
  const state = openJob(
    order,
    AbortSignal.any([order.cancel, limit.signal]),
    AbortSignal.any([over.signal, limit.signal]),
  );
  let conclusion: Conclusion = 'failure';
  let outputs: Record<string, string> = {};
  let timer: NodeJS.Timeout | undefined;
  try {
    const minutes = Number(render(definition['timeout-minutes'] ?? 360, jobScope(state)));
    timer = setTimeout(
      () => {
        emit({
          type: 'note',
          job: id,
          message: `The job has exceeded its maximum execution time of ${minutes} minutes.`,
        });
        limit.abort();
      },
      Math.min(minutes * order.minuteMs, 2 ** 31 - 1),
    );
    await runSteps(state);
    outputs = jobOutputs(state);
    conclusion = concludeJob(state);
  } catch (error) {
    emit({ type: 'note', job: id, message: state.masker.mask(messageOf(error)) });
    writeFileSync(join(order.folders.logs, 'job.log'), `##[error]${state.masker.mask(messageOf(error))}\n`);
  } finally {
    clearTimeout(timer);
    clearTimeout(forcing);
    order.cancel.removeEventListener('abort', onCancel);
    for (const group of state.groups) killGroup(group);
    options.watch?.onMachineGone?.(id, order.folders.job, state.lost);
    // The machine of a job is thrown away with everything on it.
    rmSync(order.folders.job, { recursive: true, force: true, maxRetries: 3 });
  }
  const milliseconds = performance.now() - started;
  emit({ type: 'job-ended', job: id, name, conclusion, milliseconds });
  options.github.revokeToken(order.token);
  return {
    id,
    name,
    conclusion,
    outputs,
    steps: state.results,
    ...(order.environment === undefined ? {} : { environment: order.environment }),
  };
}

async function runSteps(state: JobState): Promise<void> {
  const { workflow, definition } = state.order;
  for (const values of [workflow.env, definition.env]) {
    const scope = jobScope(state);
    for (const [name, value] of Object.entries(values ?? {})) state.env[name] = renderText(value, scope);
  }
  writeEvent(state);
  for (const [index, step] of (definition.steps ?? []).entries()) {
    if (state.lost) return;
    await runStep(state, step, index);
  }
  // Reverse order, as each post step undoes what its main step did.
  for (let post = state.posts.pop(); post !== undefined && !state.lost; post = state.posts.pop()) {
    await runStep(state, { ...post.definition, if: post.condition }, state.results.length, post);
  }
}

function writeEvent(state: JobState): void {
  writeFileSync(eventPath(state), JSON.stringify(state.order.github.event));
}

function concludeJob(state: JobState): Conclusion {
  if (state.lost || state.failed) return 'failure';
  const ended = state.order.outlives ? state.forced : state.stop;
  return ended.aborted ? 'cancelled' : 'success';
}

/** A value that holds anything masked is dropped, and so is an empty one: GitHub does both. */
function jobOutputs(state: JobState): Record<string, string> {
  const { order, masker } = state;
  const outputs: Record<string, string> = {};
  if (state.lost) return outputs;
  for (const [name, template] of Object.entries(order.definition.outputs ?? {})) {
    const value = renderText(template, jobScope(state));
    if (masker.covers(value)) {
      order.emit({
        type: 'note',
        job: order.id,
        message: `Skip output '${name}' since it may contain secret.`,
      });
    } else if (value !== '') {
      outputs[name] = value;
    }
  }
  return outputs;
}
