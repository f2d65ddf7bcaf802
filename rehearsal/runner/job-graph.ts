import { join } from 'node:path';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { openCall } from './called-workflow.ts';
import { githubContext } from './contexts.ts';
import type { NeededJob } from './contexts.ts';
import type { Conclusion } from './events.ts';
import { evaluateCondition, render, renderDeep, renderText } from './expression.ts';
import type { Scope, Status } from './expression.ts';
import { passGate } from './gate.ts';
import { runJob } from './job.ts';
import { createMasker } from './masker.ts';
import { expandMatrix } from './matrix.ts';
import type { JobResult } from './options.ts';
import { secretsOfJob } from './secrets.ts';
import { callContexts, permissionsOf } from './workflow-call.ts';
import type { WorkflowCall } from './workflow-call.ts';
import { needsOf } from './workflow-file.ts';
import type { JobDefinition, WorkflowDefinition } from './workflow-file.ts';

interface EndedJob extends NeededJob {
  /** Ids of every job that it needs, directly or not. */
  ancestors: Set<string>;
}

/** A job, or one combination of its matrix. */
interface Instance {
  id: string;
  name: string;
  matrix: Record<string, unknown> | null;
  strategy: Record<string, unknown>;
  cancel: AbortSignal;
}

/** Runs the jobs of a workflow, each as soon as those that it needs have ended; the others beside each other. */
export async function runJobs(
  call: WorkflowCall,
): Promise<{ conclusion: Conclusion; outputs: Record<string, string> }> {
  const { jobs } = call.workflow;
  checkNeeds(call.workflow);
  const ended = new Map<string, EndedJob>();
  const running = new Map<string, Promise<void>>();
  const start = (key: string): Promise<void> => {
    const already = running.get(key);
    if (already) return already;
    const definition = jobs[key] ?? {};
    const work = Promise.all(needsOf(definition).map(start)).then(async () => {
      ended.set(key, await runWhenDue(call, key, definition, ended));
    });
    running.set(key, work);
    return work;
  };
  await Promise.all(Object.keys(jobs).map(start));
  const results = [...ended.values()].map(({ result }) => result);
  return { conclusion: conclude(results), outputs: workflowOutputs(call, ended) };
}

function checkNeeds(workflow: WorkflowDefinition): void {
  const visit = (key: string, trail: string[]): void => {
    if (trail.includes(key)) throw new ConfigurationError(`${workflow.path}: the job "${key}" needs itself.`);
    for (const need of needsOf(workflow.jobs[key] ?? {})) {
      if (!(need in workflow.jobs))
        throw new ConfigurationError(`${workflow.path}: "${key}" needs "${need}", which is no job.`);
      visit(need, [...trail, key]);
    }
  };
  for (const key of Object.keys(workflow.jobs)) visit(key, []);
}

/** When a run is cancelled, jobs and steps whose condition holds all the same go on (docs, "Workflow cancellation reference"). */
const CANCELLED: Status = { success: false, failure: false, cancelled: true };

/** The job's condition is looked at when everything that it needs has ended. */
async function runWhenDue(
  call: WorkflowCall,
  key: string,
  definition: JobDefinition,
  ended: Map<string, EndedJob>,
): Promise<EndedJob> {
  const needs = Object.fromEntries(needsOf(definition).map((need) => [need, ended.get(need)]));
  const ancestors = new Set(
    needsOf(definition).flatMap((need) => [need, ...(ended.get(need)?.ancestors ?? [])]),
  );
  const results = [...ancestors].map((ancestor) => ended.get(ancestor)?.result ?? 'skipped');
  const needed = Object.fromEntries(
    Object.entries(needs).map(([id, job]) => [
      id,
      { result: job?.result ?? 'skipped', outputs: job?.outputs ?? {} },
    ]),
  );
  const cancelled = call.shared.cancel.aborted;
  // GitHub looks at all ancestors, not only at the needed jobs: https://github.com/actions/runner/issues/491
  const status: Status = {
    success: !cancelled && results.every((result) => result === 'success'),
    failure: !cancelled && results.includes('failure'),
    cancelled,
  };
  const scope = callScope(call, needed, status);
  const id = `${call.prefix}${key}`;
  try {
    if (call.options.without?.includes(key) === true || !evaluateCondition(definition.if, scope)) {
      const result = cancelled && results.every((one) => one === 'success') ? 'cancelled' : 'skipped';
      call.shared.finished.push({
        id,
        name: nameOf(key, definition, scope),
        conclusion: result,
        outputs: {},
        steps: [],
      });
      return { result, outputs: {}, ancestors };
    }
    return { ...(await runInstances(call, key, definition, needed, scope)), ancestors };
  } catch (error) {
    // What GitHub would refuse before the job starts is the job's failure here.
    call.shared.emit({ type: 'note', job: id, message: messageOf(error) });
    call.shared.finished.push({ id, name: id, conclusion: 'failure', outputs: {}, steps: [] });
    return { result: 'failure', outputs: {}, ancestors };
  }
}

function callScope(call: WorkflowCall, needs: Record<string, NeededJob>, status: Status): Scope {
  return { contexts: { ...callContexts(call), needs }, status };
}

function nameOf(key: string, definition: JobDefinition, scope: Scope): string {
  return definition.name === undefined ? key : renderText(definition.name, scope);
}

async function runInstances(
  call: WorkflowCall,
  key: string,
  definition: JobDefinition,
  needs: Record<string, NeededJob>,
  scope: Scope,
): Promise<NeededJob> {
  const { strategy } = definition;
  const failFast = new AbortController();
  const cancel = AbortSignal.any([call.shared.cancel, failFast.signal]);
  const combinations = strategy ? expandMatrix(renderDeep(strategy.matrix, scope)) : [null];
  const stopOthers = strategy !== undefined && render(strategy['fail-fast'] ?? true, scope) === true;
  const parallel = Number(render(strategy?.['max-parallel'] ?? combinations.length, scope));
  const waiting = combinations.map((matrix, index): Instance => {
    const suffix = matrix === null ? '' : ` (${Object.values(matrix).map(String).join(', ')})`;
    const facts = {
      'fail-fast': stopOthers,
      'job-index': index,
      'job-total': combinations.length,
      'max-parallel': parallel,
    };
    const own = {
      contexts: { ...scope.contexts, matrix, strategy: facts },
      ...(scope.status ? { status: scope.status } : {}),
    };
    const name = definition.name === undefined ? `${key}${suffix}` : nameOf(key, definition, own);
    return {
      id: `${call.prefix}${key}${suffix}`,
      name: `${call.prefix}${name}`,
      matrix,
      strategy: facts,
      cancel,
    };
  });

  const ended: NeededJob[] = [];
  const work = async (): Promise<void> => {
    for (let instance = waiting.shift(); instance !== undefined; instance = waiting.shift()) {
      const job = await runInstance(call, key, definition, needs, scope, instance);
      ended.push(job);
      if (job.result === 'failure' && stopOthers) failFast.abort();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, parallel) }, work));
  return {
    result: conclude(ended.map(({ result }) => result)),
    outputs: Object.assign({}, ...ended.map(({ outputs }) => outputs)) as Record<string, string>,
  };
}

/** The worst of several ends; skipped only when all were. */
function conclude(results: Conclusion[]): Conclusion {
  if (results.includes('failure')) return 'failure';
  if (results.includes('cancelled')) return 'cancelled';
  return results.length > 0 && results.every((result) => result === 'skipped') ? 'skipped' : 'success';
}

async function runInstance(
  call: WorkflowCall,
  key: string,
  definition: JobDefinition,
  needs: Record<string, NeededJob>,
  scope: Scope,
  instance: Instance,
): Promise<NeededJob> {
  const { shared } = call;
  const own: Scope = {
    contexts: { ...scope.contexts, matrix: instance.matrix, strategy: instance.strategy },
    ...(scope.status ? { status: scope.status } : {}),
  };
  if (definition.uses !== undefined) {
    const { conclusion, outputs } = await runJobs(openCall(call, definition, definition.uses, own, instance));
    return { result: conclusion, outputs };
  }
  const kept = shared.kept.get(instance.id);
  if (kept) {
    shared.emit({
      type: 'note',
      job: instance.id,
      message: 'Succeeded in an earlier attempt; not run again.',
    });
    shared.finished.push(kept);
    return { result: 'success', outputs: kept.outputs };
  }
  const outlives = evaluateCondition(definition.if, { ...own, status: CANCELLED });
  if (instance.cancel.aborted && !outlives) {
    shared.finished.push({
      id: instance.id,
      name: instance.name,
      conclusion: 'cancelled',
      outputs: {},
      steps: [],
    });
    return { result: 'cancelled', outputs: {} };
  }
  if (definition.concurrency !== undefined) {
    shared.emit({
      type: 'note',
      job: instance.id,
      message: 'Its concurrency group is noted; one machine has no other run in it.',
    });
  }
  const result = await runGatedJob(call, key, definition, needs, own, instance);
  shared.finished.push(result);
  const tolerated =
    result.conclusion === 'failure' && render(definition['continue-on-error'] ?? false, own) === true;
  return { result: tolerated ? 'success' : result.conclusion, outputs: result.outputs };
}

async function runGatedJob(
  call: WorkflowCall,
  key: string,
  definition: JobDefinition,
  needs: Record<string, NeededJob>,
  scope: Scope,
  instance: Instance,
): Promise<JobResult> {
  const { options, run, shared } = call;
  const { id, name } = instance;
  const environment = environmentOf(definition, scope);
  if (environment !== undefined) {
    const summaries = shared.finished
      .flatMap((job) => job.steps.map(({ summary }) => summary))
      .filter((text) => text !== '');
    const summary = { id, name, runId: run.runId, runAttempt: run.runAttempt, needs, summaries };
    const gate = await passGate(environment, run.branch, summary, options, instance.cancel, shared.emit);
    if (gate === 'cancelled')
      return { id, name, conclusion: 'cancelled', outputs: {}, steps: [], environment };
  }
  // Only now, behind the gate, are the environment's secrets looked at.
  const values = environment === undefined ? undefined : options.environments[environment];
  const slug = id.replace(/[^A-Za-z0-9]+/gu, '-').replace(/-$/u, '');
  return runJob({
    options,
    workflow: call.workflow,
    definition,
    key,
    id,
    name,
    ...(environment === undefined ? {} : { environment }),
    github: githubContext(run),
    token: options.github.issueToken(permissionsOf(call, definition, id)),
    runId: run.runId,
    runAttempt: run.runAttempt,
    inputs: call.inputs,
    vars: { ...options.vars, ...values?.vars },
    secrets: secretsOfJob(call.secrets, values),
    needs,
    matrix: instance.matrix,
    strategy: instance.strategy,
    builtIns: shared.builtIns,
    folders: {
      job: join(shared.folder, 'jobs', slug),
      logs: join(shared.folder, 'logs', slug),
      summaries: join(shared.folder, 'summaries', slug),
    },
    cancel: instance.cancel,
    outlives: evaluateCondition(definition.if, { ...scope, status: CANCELLED }),
    emit: shared.emit,
    minuteMs: shared.minuteMs,
  });
}

function environmentOf(definition: JobDefinition, scope: Scope): string | undefined {
  const { environment } = definition;
  if (environment === undefined) return undefined;
  const name = renderText(typeof environment === 'string' ? environment : environment.name, scope);
  return name === '' ? undefined : name;
}

/** `on.workflow_call.outputs`; a value that holds a secret of the call is dropped. */
function workflowOutputs(call: WorkflowCall, ended: Map<string, EndedJob>): Record<string, string> {
  const masker = createMasker();
  for (const secret of Object.values(call.secrets.values)) masker.add(secret);
  const jobs = Object.fromEntries(
    [...Object.keys(call.workflow.jobs)].map((key) => [
      key,
      { result: ended.get(key)?.result, outputs: ended.get(key)?.outputs ?? {} },
    ]),
  );
  const contexts = { ...callContexts(call), jobs };
  const outputs = Object.entries(call.workflow.on.workflow_call?.outputs ?? {})
    .map(([name, { value }]) => [name, renderText(value, { contexts })] as const)
    .filter(([, value]) => value !== '' && !masker.covers(value));
  return Object.fromEntries(outputs);
}
