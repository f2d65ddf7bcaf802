import { randomUUID } from 'node:crypto';
import type { JobSpec } from './spec.ts';

/** One firing of a SCHEDULED job. */
export interface Invocation {
  id: string;
  job: string;
  deploymentId: string;
  phase: 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELED' | 'SKIPPED';
  schedule: JobSpec['schedule'];
  createdAt: Date;
  startedAt: Date | undefined;
  completedAt: Date | undefined;
}

export function newInvocation(job: JobSpec, deploymentId: string, phase: Invocation['phase']): Invocation {
  const now = new Date();
  return {
    id: randomUUID(),
    job: job.name,
    deploymentId,
    phase,
    schedule: job.schedule,
    createdAt: now,
    startedAt: phase === 'RUNNING' ? now : undefined,
    completedAt: phase === 'SKIPPED' ? now : undefined,
  };
}

export function showInvocation(invocation: Invocation): object {
  const { startedAt, completedAt } = invocation;
  return {
    id: invocation.id,
    job_name: invocation.job,
    deployment_id: invocation.deploymentId,
    phase: invocation.phase,
    trigger: { type: 'SCHEDULE', scheduled: { schedule: invocation.schedule } },
    created_at: invocation.createdAt.toISOString(),
    ...(startedAt === undefined ? {} : { started_at: startedAt.toISOString() }),
    ...(completedAt === undefined ? {} : { completed_at: completedAt.toISOString() }),
  };
}
