import { randomUUID } from 'node:crypto';
import type { Branch, Platform } from '../platform.ts';
import { componentsOf, type AppSpec } from './spec.ts';

export type DeploymentPhase =
  | 'PENDING_BUILD'
  | 'BUILDING'
  | 'PENDING_DEPLOY'
  | 'DEPLOYING'
  | 'ACTIVE'
  | 'SUPERSEDED'
  | 'ERROR'
  | 'CANCELED';

type StepStatus = 'PENDING' | 'RUNNING' | 'ERROR' | 'SUCCESS';

interface Step {
  name: string;
  status: StepStatus;
  started_at?: string;
  ended_at?: string;
  reason?: { code: string; message: string };
  component_name?: string;
  message_base?: string;
  steps?: Step[];
}

/** Why a deployment was made (godo, DeploymentCauseDetailsType). */
export type Cause = 'MANUAL' | 'MANUAL_ROLLBACK' | 'UPDATE_DATABASE_TRUSTED_SOURCES' | 'MAINTENANCE';

/** One attempt to bring a spec to life. Phases only go forward; the last four are final. */
export interface Deployment {
  id: string;
  spec: AppSpec;
  cause: Cause;
  clonedFrom: string | undefined;
  previousId: string | undefined;
  phase: DeploymentPhase;
  /** Whether it was ever ACTIVE: those can be rolled back to. */
  succeeded: boolean;
  createdAt: Date;
  updatedAt: Date;
  steps: Step[];
  /** What was built from GitHub, by component. */
  built: Map<string, Branch>;
}

export function newDeployment(
  spec: AppSpec,
  cause: Cause,
  origin: { previousId?: string | undefined; clonedFrom?: string | undefined } = {},
): Deployment {
  const now = new Date();
  return {
    id: randomUUID(),
    spec,
    cause,
    clonedFrom: origin.clonedFrom,
    previousId: origin.previousId,
    phase: 'PENDING_BUILD',
    succeeded: false,
    createdAt: now,
    updatedAt: now,
    built: new Map(),
    steps: [
      { name: 'build', status: 'PENDING', steps: [{ name: 'initialize', status: 'PENDING' }] },
      {
        name: 'deploy',
        status: 'PENDING',
        steps: [
          { name: 'initialize', status: 'PENDING' },
          {
            name: 'components',
            status: 'PENDING',
            steps: componentsOf(spec).map(({ name }) => ({
              name,
              status: 'PENDING' as const,
              component_name: name,
              message_base: 'Deploying component',
            })),
          },
          { name: 'finalize', status: 'PENDING' },
        ],
      },
    ],
  };
}

/** Builds what comes from GitHub: what each branch holds at this moment. */
export function build(deployment: Deployment, branches: Platform['branches']): void {
  for (const { name, github } of componentsOf(deployment.spec)) {
    const held = github && branches(github.repo, github.branch);
    if (held !== undefined) deployment.built.set(name, held);
  }
}

/** Moves a deployment on; a finished one stays what it is (but for ACTIVE, which is superseded one day). */
export function enter(deployment: Deployment, phase: DeploymentPhase): void {
  deployment.phase = phase;
  deployment.updatedAt = new Date();
  const [build, deploy] = deployment.steps;
  if (build === undefined || deploy === undefined) return;
  if (phase === 'BUILDING') mark(build, 'RUNNING');
  if (phase === 'PENDING_DEPLOY') mark(build, 'SUCCESS');
  if (phase === 'DEPLOYING') mark(deploy, 'RUNNING');
  if (phase === 'ACTIVE') {
    deployment.succeeded = true;
    mark(deploy, 'SUCCESS');
  }
}

/** Ends a deployment with the component (or stage) that failed, and why. */
export function fail(deployment: Deployment, where: string, code: string, message: string): void {
  deployment.phase = 'ERROR';
  deployment.updatedAt = new Date();
  const reason = { code, message };
  const failed = all(deployment.steps).find(({ name }) => name === where);
  for (const step of all(deployment.steps)) {
    const contains = failed !== undefined && all(step.steps ?? []).includes(failed);
    if (step !== failed && !contains) continue;
    step.status = 'ERROR';
    step.ended_at = deployment.updatedAt.toISOString();
    step.reason = reason;
  }
}

export function isFinal(phase: DeploymentPhase): boolean {
  return phase === 'ACTIVE' || phase === 'SUPERSEDED' || phase === 'ERROR' || phase === 'CANCELED';
}

/** A deployment as the API shows it. */
export function showDeployment(deployment: Deployment): object {
  const { spec } = deployment;
  const leaves = all(deployment.steps).filter(({ steps }) => steps === undefined);
  const count = (status: StepStatus): number => leaves.filter((step) => step.status === status).length;
  const named = (components: { name: string }[] | undefined): object[] =>
    (components ?? []).map(({ name }) => ({
      name,
      source_commit_hash: deployment.built.get(name)?.commit ?? '',
    }));
  return {
    id: deployment.id,
    spec,
    services: named(spec.services),
    workers: named(spec.workers),
    jobs: named(spec.jobs),
    phase: deployment.phase,
    phase_last_updated_at: deployment.updatedAt.toISOString(),
    created_at: deployment.createdAt.toISOString(),
    updated_at: deployment.updatedAt.toISOString(),
    cause: causes[deployment.cause],
    cause_details: { type: deployment.cause },
    ...(deployment.clonedFrom === undefined ? {} : { cloned_from: deployment.clonedFrom }),
    ...(deployment.previousId === undefined ? {} : { previous_deployment_id: deployment.previousId }),
    progress: {
      pending_steps: count('PENDING'),
      running_steps: count('RUNNING'),
      success_steps: count('SUCCESS'),
      error_steps: count('ERROR'),
      total_steps: leaves.length,
      steps: deployment.steps,
      summary_steps: deployment.steps.map((step) => ({ ...step, steps: undefined })),
    },
    tier_slug: 'professional',
  };
}

const causes: Record<Cause, string> = {
  MANUAL: 'manual',
  MANUAL_ROLLBACK: 'manual rollback',
  UPDATE_DATABASE_TRUSTED_SOURCES: 'database trusted sources updated',
  MAINTENANCE: 'maintenance',
};

function mark(step: Step, status: StepStatus): void {
  const now = new Date().toISOString();
  for (const one of [step, ...all(step.steps ?? [])]) {
    one.status = status;
    one.started_at ??= now;
    if (status === 'SUCCESS') one.ended_at = now;
  }
}

function all(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => [step, ...all(step.steps ?? [])]);
}
