import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ConfigurationError } from '../../src/errors.ts';
import { joinGroup } from './concurrency.ts';
import type { RunIdentity } from './contexts.ts';
import type { RunnerEvent } from './events.ts';
import { bindInputs } from './inputs.ts';
import { runJobs } from './job-graph.ts';
import type { JobResult, RunWorkflowOptions, WorkflowResult } from './options.ts';
import { ownBuiltIns } from './own-built-ins.ts';
import { defaultPermissions } from './token-permissions.ts';
import type { WorkflowCall } from './workflow-call.ts';
import { readWorkflow } from './workflow-file.ts';
import type { WorkflowDefinition } from './workflow-file.ts';

/** A real run ends after 35 days; nothing here waits that long, but the number must be one. */
const defaultMinuteMs = 60_000;

/**
 * Runs a workflow file as GitHub would: its jobs, conditions, gates, secrets and our bundles, on this machine.
 * Resolves whatever the jobs do; rejects with ConfigurationError where GitHub would refuse to start the run.
 */
export async function runWorkflow(options: RunWorkflowOptions): Promise<WorkflowResult> {
  const root = repositoryOf(options);
  const workflow = readWorkflow(options.file, root);
  const inputs = startInputs(workflow, options);
  const run = openRun(workflow, inputs, options);
  const folder = join(options.directory, `run-${run.runId}-${run.runAttempt}`);
  const finished: JobResult[] = [];
  const emit = (event: RunnerEvent) => options.onEvent?.(event);
  const call: WorkflowCall = {
    options,
    workflow,
    inputs,
    secrets: { values: options.repositorySecrets, open: 'all' },
    prefix: '',
    run,
    granted: undefined,
    fallbackPermissions: defaultPermissions,
    groups: [],
    shared: {
      folder,
      finished,
      kept: new Map(
        (options.rerunOf?.jobs ?? [])
          .filter(({ conclusion }) => conclusion === 'success')
          .map((job) => [job.id, job]),
      ),
      builtIns: { ...ownBuiltIns, ...options.builtIns },
      cancel: options.signal ?? new AbortController().signal,
      emit,
      minuteMs: options.minuteMs ?? defaultMinuteMs,
    },
  };
  mkdirSync(folder, { recursive: true });
  options.github.updateRun(run.runId, { status: 'in_progress' });
  const { outputs, conclusion } = await runJobs({ ...call, groups: joinGroup(call) });
  const ended = conclusion === 'skipped' ? 'success' : conclusion;
  options.github.updateRun(run.runId, { status: 'completed', conclusion: ended });
  return {
    conclusion: ended,
    runId: run.runId,
    runAttempt: run.runAttempt,
    jobs: finished,
    outputs,
    artifacts: options.github.artifacts(run.runId),
    logs: join(folder, 'logs'),
    summaries: join(folder, 'summaries'),
  };
}

/** The repository that the started file lies in; the caller's may lie inside ours, as in a rehearsal. */
function repositoryOf({ file, projectRoot, workspace }: RunWorkflowOptions): string {
  const [root] = [projectRoot, workspace]
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((one, other) => other.length - one.length);
  if (root === undefined)
    throw new ConfigurationError(`${file} lies neither in ${projectRoot} nor in ${workspace}.`);
  return root;
}

function startInputs(workflow: WorkflowDefinition, options: RunWorkflowOptions): Record<string, unknown> {
  const { on, path } = workflow;
  if (!(options.event in on)) throw new ConfigurationError(`${path} is not started by ${options.event}.`);
  // On a schedule the context is empty: defaults of other triggers do not apply.
  if (options.event === 'schedule') return {};
  return bindInputs(on[options.event]?.inputs ?? {}, options.inputs, path);
}

function openRun(
  workflow: WorkflowDefinition,
  inputs: Record<string, unknown>,
  options: RunWorkflowOptions,
): RunIdentity {
  const { github, actor, rerunOf } = options;
  const triggeringActor = options.triggeringActor ?? actor;
  const branch = options.branch ?? github.defaultBranch;
  const path = relative(workflow.root, workflow.path);
  const facts = rerunOf
    ? github.run(rerunOf.runId)
    : github.createRun({
        actor,
        triggeringActor,
        event: options.event,
        workflow: workflow.name,
        path,
        branch,
      });
  if (rerunOf) {
    github.updateRun(facts.id, {
      attempt: rerunOf.runAttempt + 1,
      triggeringActor,
      status: 'queued',
      conclusion: null,
    });
  }
  return {
    repository: github.repository,
    isPrivate: github.settings.private,
    runId: facts.id,
    runAttempt: rerunOf ? rerunOf.runAttempt + 1 : 1,
    runNumber: 1,
    actor,
    triggeringActor,
    eventName: options.event,
    cron: options.cron,
    branch,
    workflowName: workflow.name,
    workflowPath: path,
    apiUrl: github.apiUrl,
    inputs,
  };
}
