import type { GitHubWorld } from '../github/world.ts';
import type { BuiltIns } from './built-in.ts';
import type { Command } from './command.ts';
import type { Conclusion, RunnerEvent } from './events.ts';

/** What a reviewer sees before deciding. */
export interface JobSummary {
  /** `cutover`, or `staging / copy` for a job of a called workflow. */
  id: string;
  name: string;
  runId: number;
  runAttempt: number;
  /** Outputs of the jobs that this one needs, by job id. */
  needs: Record<string, { result: Conclusion; outputs: Record<string, string> }>;
  /** Rendered step summaries of everything that ran before, in the order in which it ended. */
  summaries: string[];
}

export interface ReviewDecision {
  approved: boolean;
  by: string;
  comment?: string;
}

/** Secrets and variables of one deployment environment, released only to a job that passed its gate. */
export interface EnvironmentValues {
  secrets: Record<string, string>;
  vars?: Record<string, string>;
}

/**
 * What happens to a step while it runs: `true` kills its process tree with SIGKILL; `'runner'` kills the job as if its
 * machine had died: no further step, no post step, the job fails; `'interrupt'` sends the step's process the SIGINT that a
 * cancelled run sends, and nothing harder after it; `'full-disk'`: nothing more can be written on the job's machine.
 */
export type StepFate = boolean | 'runner' | 'interrupt' | 'full-disk';

/** For whoever looks for what nobody may see, or obey. */
export interface Watch {
  /** Each line that a step's process writes, before anything in it is masked or obeyed. */
  onRawLine?: (job: string, step: string, line: string) => void;
  /** Each workflow command that takes effect, whoever wrote it. */
  onCommand?: (job: string, step: string, command: Command) => void;
  /** The folder of a job's machine (workspace, home, temporary files), when it is thrown away; `died`: with no step to clean up. */
  onMachineGone?: (job: string, folder: string, died: boolean) => void;
}

export interface RunWorkflowOptions {
  /** Path of the workflow file to run. */
  file: string;
  /** The repository that holds our actions and workflows: `$/…` in its files and `OWNER/heroku-to-digitalocean/…` mean it. */
  projectRoot: string;
  /** The caller's repository; `actions/checkout` copies it. */
  workspace: string;
  event: 'workflow_dispatch' | 'schedule' | 'workflow_call';
  /** Which of its cron expressions is due, where a schedule starts it. */
  cron?: string;
  inputs: Record<string, unknown>;
  /** Who started the run. */
  actor: string;
  /** Who started this attempt; the actor unless given. */
  triggeringActor?: string;
  /** The branch that the run is for, `main` unless given. */
  branch?: string;
  vars: Record<string, string>;
  repositorySecrets: Record<string, string>;
  environments: Record<string, EnvironmentValues>;
  /** Asked once for all jobs that wait at the same time for an environment with required reviewers. */
  approve: (environment: string, job: JobSummary) => Promise<ReviewDecision>;
  github: GitHubWorld;
  /** Added to the environment of every step's process: proxy, authority, PATH. */
  env: Record<string, string>;
  /** And to that of a job's, since no machine is like the other. */
  machine?: (job: string) => Record<string, string>;
  /** Actions that are not run but played, by `owner/repository`; they take precedence over the runner's own. */
  builtIns?: BuiltIns;
  /** Where this run keeps temporary files, logs and summaries. */
  directory: string;
  onEvent?: (event: RunnerEvent) => void;
  /** Cancels the run, as the button does. */
  signal?: AbortSignal;
  /** Looks at each masked line that a step prints, and decides what happens to it, at once or in a moment. */
  killStep?: (job: string, step: string, line: string) => StepFate | Promise<StepFate>;
  watch?: Watch;
  /** Jobs by their keys that are left out, as if the user had taken them out of the file. */
  without?: readonly string[];
  /** "Re-run failed jobs" of that run: what succeeded is kept, the rest runs again as the next attempt. */
  rerunOf?: WorkflowResult;
  /** What a minute of `timeout-minutes` lasts, in milliseconds. */
  minuteMs?: number;
  /** How long a cancelled step has between SIGINT and SIGTERM and then until SIGKILL, in milliseconds (7,500 and 2,500). */
  cancelGraceMs?: { interrupt: number; terminate: number };
  /** How long jobs that outlive a cancellation have, in milliseconds (300,000). */
  cancelLimitMs?: number;
}

export interface StepResult {
  name: string;
  /** After `continue-on-error`. */
  conclusion: Conclusion;
  /** Before `continue-on-error`. */
  outcome: Conclusion;
  /** Path of the masked log. */
  log: string;
  /** The rendered summary, masked; empty when the step wrote none. */
  summary: string;
  durationMs: number;
}

export interface JobResult {
  id: string;
  name: string;
  conclusion: Conclusion;
  outputs: Record<string, string>;
  steps: StepResult[];
  environment?: string;
}

export interface WorkflowResult {
  conclusion: 'success' | 'failure' | 'cancelled';
  runId: number;
  runAttempt: number;
  /** Every job, those of called workflows under `caller / job`. */
  jobs: JobResult[];
  /** Outputs of the workflow (`on.workflow_call.outputs`) where it has any. */
  outputs: Record<string, string>;
  /** Folder with one sub-folder per artifact. */
  artifacts: string;
  logs: string;
  summaries: string;
}
