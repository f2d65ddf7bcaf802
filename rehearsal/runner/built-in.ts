/** What a played action may see and do. */
export interface BuiltInContext {
  /** The `with:` values, evaluated; keys in lower case. */
  inputs: Record<string, string>;
  /** The job's empty or checked-out working directory. */
  workspace: string;
  /** The caller's repository that a checkout copies. */
  callerRepository: string;
  /** The environment that the step's process would have. */
  env: Record<string, string>;
  job: string;
  runId: number;
  runAttempt: number;
  /** The folder with one sub-folder per artifact of a run. */
  artifacts(runId: number): string;
  /** One line into the step's log. */
  info(line: string): void;
  mask(value: string): void;
  setOutput(name: string, value: string): void;
}

/** A third-party action as the rehearsal plays it. It fails by throwing. */
export type BuiltIn = (context: BuiltInContext) => Promise<void> | void;

/**
 * Played actions by `owner/repository` (or `owner/repository/path`), without a ref. `run:ID` plays the script step with
 * that id instead, for what a script would install on a real runner.
 */
export type BuiltIns = Record<string, BuiltIn>;
