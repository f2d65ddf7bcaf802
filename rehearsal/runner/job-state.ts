import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuiltIns } from './built-in.ts';
import { contextVariables } from './contexts.ts';
import type { NeededJob } from './contexts.ts';
import type { Conclusion, RunnerEvent } from './events.ts';
import { evaluateCondition } from './expression.ts';
import type { Scope, Status } from './expression.ts';
import { createMasker } from './masker.ts';
import type { Masker } from './masker.ts';
import type { RunWorkflowOptions, StepResult } from './options.ts';
import type { JobDefinition, StepDefinition, WorkflowDefinition } from './workflow-file.ts';

/** Everything that one job needs, its gate being passed. */
export interface JobOrder {
  options: RunWorkflowOptions;
  workflow: WorkflowDefinition;
  definition: JobDefinition;
  /** Key in the file. */
  key: string;
  /** Key with its callers: `staging / copy`. */
  id: string;
  name: string;
  environment?: string;
  /** The `github` context without `job`, `token`, `workspace` and `action`. */
  github: Record<string, unknown>;
  token: string;
  runId: number;
  runAttempt: number;
  inputs: Record<string, unknown>;
  vars: Record<string, string>;
  secrets: Record<string, string>;
  needs: Record<string, NeededJob>;
  matrix: Record<string, unknown> | null;
  strategy: Record<string, unknown>;
  builtIns: BuiltIns;
  folders: { job: string; logs: string; summaries: string };
  cancel: AbortSignal;
  /** Its condition holds in a cancelled run, too: it goes on for as long as GitHub lets it. */
  outlives: boolean;
  emit: (event: RunnerEvent) => void;
  minuteMs: number;
}

/** What changes while a job's steps run. */
export interface JobState {
  order: JobOrder;
  masker: Masker;
  workspace: string;
  temp: string;
  /** From `env:` of workflow and job and from GITHUB_ENV. */
  env: Record<string, string>;
  /** From GITHUB_PATH, newest first. */
  path: string[];
  steps: Record<string, { outputs: Record<string, string>; outcome: Conclusion; conclusion: Conclusion }>;
  failed: boolean;
  /** Aborts when the run is cancelled or the job is out of time. */
  stop: AbortSignal;
  /** Aborts when GitHub ends what goes on in a cancelled run, or the job is out of time. */
  forced: AbortSignal;
  /** The machine has died: nothing more runs. */
  lost: boolean;
  /** Nothing more can be written on the machine. */
  fullDisk: boolean;
  groups: number[];
  posts: PostStep[];
  results: StepResult[];
}

/** A post step waits until the job's own steps are through. */
export interface PostStep {
  name: string;
  file: string;
  condition: string;
  /** What the main step had: its inputs, its env and the state it saved. */
  definition: StepDefinition;
  env: Record<string, string>;
  actionFolder: string;
  id: string;
}

/** The folders, masks and empty state with which a job begins. */
export function openJob(order: JobOrder, stop: AbortSignal, forced: AbortSignal): JobState {
  const { folders, secrets, token } = order;
  const workspace = join(folders.job, 'workspace');
  const temp = join(folders.job, 'temp');
  for (const folder of [
    workspace,
    temp,
    join(folders.job, 'home'),
    join(folders.job, 'tmp'),
    join(folders.job, 'tools'),
    folders.logs,
    folders.summaries,
  ]) {
    mkdirSync(folder, { recursive: true });
  }
  const masker = createMasker();
  for (const secret of [...Object.values(secrets), token]) masker.add(secret);
  return {
    order,
    masker,
    workspace,
    temp,
    env: {},
    path: [],
    steps: {},
    failed: false,
    stop,
    forced,
    lost: false,
    fullDisk: false,
    groups: [],
    posts: [],
    results: [],
  };
}

export function eventPath(state: JobState): string {
  return join(state.temp, '_event.json');
}

/** How the job stands, for conditions of its steps. */
export function statusOf(state: JobState): Status {
  const cancelled = state.stop.aborted;
  return { success: !state.failed && !cancelled, failure: state.failed && !cancelled, cancelled };
}

/** What expressions in this job may name. `env` is that of the job until a step adds its own. */
export function jobScope(state: JobState, env: Record<string, string> = state.env): Scope {
  const { order } = state;
  const status = statusOf(state);
  return {
    contexts: {
      github: { ...order.github, job: order.key, token: order.token, workspace: state.workspace },
      env,
      vars: order.vars,
      secrets: { ...order.secrets, GITHUB_TOKEN: order.token },
      inputs: order.inputs,
      needs: order.needs,
      matrix: order.matrix,
      strategy: order.strategy,
      steps: state.steps,
      job: { status: status.cancelled ? 'cancelled' : status.failure ? 'failure' : 'success' },
      runner: runnerContext(state),
    },
    status,
    workspace: state.workspace,
  };
}

export function runnerContext(state: JobState): Record<string, unknown> {
  const { secrets, vars } = state.order;
  const debug = secrets.ACTIONS_STEP_DEBUG === 'true' || vars.ACTIONS_STEP_DEBUG === 'true';
  return {
    arch: 'X64',
    environment: 'github-hosted',
    name: 'rehearsal',
    os: 'Linux',
    temp: state.temp,
    tool_cache: join(dirname(state.temp), 'tools'),
    ...(debug ? { debug: '1' } : {}),
  };
}

/**
 * The environment that every step's process starts from. Nothing of this process' own environment passes but what a
 * bare machine has.
 */
export function baseEnvironment(state: JobState): Record<string, string> {
  const { order } = state;
  const inherited = Object.fromEntries(
    ['PATH', 'LANG', 'LC_ALL', 'TZ', 'SSL_CERT_FILE'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const github = {
    ...order.github,
    job: order.key,
    workspace: state.workspace,
    event_path: eventPath(state),
  };
  const base: Record<string, string> = {
    ...inherited,
    HOME: join(order.folders.job, 'home'),
    // In earnest /tmp, which goes with the machine as well.
    TMPDIR: join(order.folders.job, 'tmp'),
    ...order.options.env,
    ...order.options.machine?.(order.id),
    ...contextVariables(github, runnerContext(state)),
    ...state.env,
  };
  base.PATH = [...state.path, dirname(process.execPath), base.PATH ?? '/usr/bin:/bin'].join(':');
  return base;
}

/** Whether a step that runs when the run is cancelled goes on all the same. */
export function outlivesCancelling(
  state: JobState,
  step: StepDefinition,
  env: Record<string, string>,
): boolean {
  const status = { success: false, failure: false, cancelled: true };
  return state.order.outlives && evaluateCondition(step.if, { ...jobScope(state, env), status });
}

/** Whether a step's condition holds now. */
export function stepMayRun(state: JobState, step: StepDefinition, env: Record<string, string>): boolean {
  return evaluateCondition(step.if, jobScope(state, env));
}
