import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Inputs } from './inputs.ts';

/** The run that this process belongs to; also outside of GitHub, with values of its own. */
export interface RunEnvironment {
  onGitHub: boolean;
  /** `owner/name`, or empty outside of GitHub. */
  repository: string;
  runId: string;
  runAttempt: number;
  runUrl: string;
  actor: string;
  triggeringActor: string;
  apiUrl: string;
  sha: string;
  /** Of the caller's checkout. */
  workspace: string;
  /** For files that do not outlive the job. */
  temporaryDirectory: string;
}
/** Everything outside that an action touches, so that its story takes it as one parameter. */
export interface Edge {
  readonly inputs: Inputs;
  readonly log: Log;
  readonly clock: Clock;
  /** Aborts on SIGINT and SIGTERM, which is how GitHub cancels a job (it kills about ten seconds later). */
  readonly signal: AbortSignal;
  readonly environment: RunEnvironment;
  /** From here on the value shows as *** in logs, summaries and outputs. */
  mask(value: string): void;
  /** Masks a connection string and the password in it, as written and decoded. */
  maskUrl(url: string): void;
  setOutput(name: string, value: string | number | boolean): void;
  saveState(name: string, value: string): void;
  getState(name: string): string;
  /** Appends Markdown to the step summary (cut with a note below GitHub's 1 MiB); outside of GitHub it goes to the log. */
  summary(markdown: string): Promise<void>;
}
/** One entry, one catch. `post` is run instead in the action's post step; its failure is only a warning. */
export function runAction(
  _main: (edge: Edge) => Promise<void>,
  _post?: (edge: Edge) => Promise<void>,
): Promise<void> {
  throw new Error('not written yet');
}
