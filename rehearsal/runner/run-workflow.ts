import type { RunWorkflowOptions, WorkflowResult } from './options.ts';

/** Runs a workflow file as GitHub would: its jobs, conditions, gates, secrets and our bundles, on this machine. */
export function runWorkflow(_options: RunWorkflowOptions): Promise<WorkflowResult> {
  return Promise.reject(new Error('The runner is not built yet.'));
}
