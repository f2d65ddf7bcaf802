import { createHash } from 'node:crypto';
import { numberOf } from '../github/number-of.ts';
import type { Conclusion } from './events.ts';

/** What is the same for every job of a run. */
export interface RunIdentity {
  repository: string;
  isPrivate: boolean;
  runId: number;
  runAttempt: number;
  runNumber: number;
  actor: string;
  triggeringActor: string;
  eventName: string;
  /** The cron expression that was due, of a schedule. */
  cron: string | undefined;
  branch: string;
  workflowName: string;
  /** Path of the started workflow inside its repository. */
  workflowPath: string;
  apiUrl: string;
  inputs: Record<string, unknown>;
}

export interface NeededJob {
  result: Conclusion;
  outputs: Record<string, string>;
}

/** A commit that does not change during a run. */
export function commitOf(repository: string, branch: string): string {
  return createHash('sha1').update(`${repository}@${branch}`).digest('hex');
}

/** The `github` context, without what belongs to a job or step. */
export function githubContext(run: RunIdentity): Record<string, unknown> {
  const ref = `refs/heads/${run.branch}`;
  const sha = commitOf(run.repository, run.branch);
  const owner = run.repository.split('/')[0] ?? '';
  return {
    actor: run.actor,
    actor_id: String(numberOf(run.actor)),
    api_url: run.apiUrl,
    base_ref: '',
    event: {
      inputs: run.eventName === 'workflow_dispatch' ? run.inputs : null,
      ...(run.cron === undefined ? {} : { schedule: run.cron }),
      repository: { full_name: run.repository, private: run.isPrivate },
    },
    event_name: run.eventName,
    graphql_url: `${run.apiUrl}/graphql`,
    head_ref: '',
    ref,
    ref_name: run.branch,
    ref_protected: true,
    ref_type: 'branch',
    repository: run.repository,
    repository_id: String(numberOf(run.repository)),
    repository_owner: owner,
    repository_owner_id: String(numberOf(owner)),
    retention_days: '90',
    run_attempt: String(run.runAttempt),
    run_id: String(run.runId),
    run_number: String(run.runNumber),
    server_url: 'https://github.com',
    sha,
    triggering_actor: run.triggeringActor,
    workflow: run.workflowName,
    workflow_ref: `${run.repository}/${run.workflowPath}@${ref}`,
    workflow_sha: sha,
  };
}

/** The `GITHUB_…` and `RUNNER_…` variables of a step, from its `github` and `runner` contexts. */
export function contextVariables(
  github: Record<string, unknown>,
  runner: Record<string, unknown>,
): Record<string, string> {
  const hidden = new Set(['token', 'event', 'action_path']);
  const variables: Record<string, string> = { CI: 'true', GITHUB_ACTIONS: 'true' };
  for (const [name, value] of Object.entries(github)) {
    if (!hidden.has(name)) variables[`GITHUB_${name.toUpperCase()}`] = String(value);
  }
  for (const [name, value] of Object.entries(runner)) {
    if (name !== 'debug') variables[`RUNNER_${name.toUpperCase()}`] = String(value);
  }
  if (runner.debug === '1') variables.RUNNER_DEBUG = '1';
  return variables;
}
