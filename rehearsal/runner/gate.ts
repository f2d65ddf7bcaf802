import { matchesGlob } from 'node:path';
import { ConfigurationError } from '../../src/errors.ts';
import type { JobSummary, RunWorkflowOptions } from './options.ts';
import type { RunnerEvent } from './events.ts';

/**
 * Waits at a deployment environment's gate. Returns when the job may start; throws ConfigurationError when the branch
 * may not deploy there or a reviewer refuses. An environment that does not exist is created without any protection,
 * which is what GitHub does and why our cutover checks for itself.
 */
export async function passGate(
  environment: string,
  branch: string,
  job: JobSummary,
  options: RunWorkflowOptions,
  cancel: AbortSignal,
  emit: (event: RunnerEvent) => void,
): Promise<'passed' | 'cancelled'> {
  const { github } = options;
  const rules = github.environment(environment);
  if (!rules) {
    emit({
      type: 'note',
      job: job.id,
      message: `The environment "${environment}" did not exist: GitHub creates it without protection.`,
    });
    github.configureEnvironment(environment, {});
    return 'passed';
  }
  const { branchPolicy, reviewers = [] } = rules;
  const patterns = branchPolicy === 'protected' ? [github.defaultBranch] : (branchPolicy ?? ['**']);
  if (!patterns.some((pattern) => matchesGlob(branch, pattern))) {
    throw new ConfigurationError(
      `Branch "${branch}" is not allowed to deploy to ${environment} due to environment protection rules.`,
    );
  }
  if (reviewers.length === 0) return 'passed';

  // A review is of an environment of a run, not of a job: it lets in every job that waits for it at that moment.
  // https://docs.github.com/en/rest/actions/workflow-runs#review-pending-deployments-for-a-workflow-run
  const waiting = reviewsOf(options);
  const key = `${job.runId}.${job.runAttempt} ${environment}`;
  const review = waiting.get(key) ?? ask(environment, job, options, cancel, emit);
  waiting.set(key, review);
  try {
    return await review;
  } finally {
    waiting.delete(key);
  }
}

const reviews = new WeakMap<RunWorkflowOptions, Map<string, Promise<'passed' | 'cancelled'>>>();

function reviewsOf(options: RunWorkflowOptions): Map<string, Promise<'passed' | 'cancelled'>> {
  const known = reviews.get(options) ?? new Map<string, Promise<'passed' | 'cancelled'>>();
  reviews.set(options, known);
  return known;
}

async function ask(
  environment: string,
  job: JobSummary,
  options: RunWorkflowOptions,
  cancel: AbortSignal,
  emit: (event: RunnerEvent) => void,
): Promise<'passed' | 'cancelled'> {
  const { github } = options;
  emit({ type: 'approval-requested', job: job.id, environment });
  github.updateRun(job.runId, { status: 'waiting' });
  const decision = await Promise.race([options.approve(environment, job), aborted(cancel)]);
  if (decision === 'cancelled') return 'cancelled';
  github.review(job.runId, {
    environment,
    state: decision.approved ? 'approved' : 'rejected',
    user: decision.by,
    comment: decision.comment ?? '',
  });
  github.updateRun(job.runId, { status: 'in_progress' });
  emit({ type: 'approval-given', job: job.id, environment, approved: decision.approved, by: decision.by });
  if (!decision.approved)
    throw new ConfigurationError(`The deployment to ${environment} was rejected by ${decision.by}.`);
  return 'passed';
}

function aborted(signal: AbortSignal): Promise<'cancelled'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('cancelled');
    else signal.addEventListener('abort', () => resolve('cancelled'), { once: true });
  });
}
