import type { TokenPermissions } from '../github/world.ts';
import type { BuiltIns } from './built-in.ts';
import { githubContext } from './contexts.ts';
import type { RunIdentity } from './contexts.ts';
import type { RunnerEvent } from './events.ts';
import type { JobResult, RunWorkflowOptions } from './options.ts';
import type { SecretScope } from './secrets.ts';
import { grantsOf, refuseMoreThan } from './token-permissions.ts';
import type { JobDefinition, WorkflowDefinition } from './workflow-file.ts';

/** One workflow file being run: the one that was started, or one that a job calls. */
export interface WorkflowCall {
  options: RunWorkflowOptions;
  workflow: WorkflowDefinition;
  inputs: Record<string, unknown>;
  secrets: SecretScope;
  /** Job ids of the callers, each with ` / ` after it. */
  prefix: string;
  run: RunIdentity;
  /** The most that a called workflow's jobs may be granted; undefined in the workflow that was started. */
  granted: TokenPermissions | undefined;
  fallbackPermissions: TokenPermissions;
  /** Concurrency groups that the callers hold. */
  groups: string[];
  shared: {
    folder: string;
    finished: JobResult[];
    /** Jobs of an earlier attempt that need not run again. */
    kept: Map<string, JobResult>;
    builtIns: BuiltIns;
    cancel: AbortSignal;
    emit: (event: RunnerEvent) => void;
    minuteMs: number;
  };
}

/** What expressions outside of jobs may name. */
export function callContexts(call: WorkflowCall): Record<string, unknown> {
  return { github: githubContext(call.run), inputs: call.inputs, vars: call.options.vars };
}

/** What the token of a job may do: what the file says, within what a caller grants. */
export function permissionsOf(call: WorkflowCall, definition: JobDefinition, id: string): TokenPermissions {
  const written = definition.permissions ?? call.workflow.permissions;
  if (written === undefined) return call.granted ?? call.fallbackPermissions;
  const wanted = grantsOf(written);
  if (call.granted) refuseMoreThan(call.granted, wanted, id);
  return wanted;
}
