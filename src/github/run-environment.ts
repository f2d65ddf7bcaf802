import { randomBytes, randomUUID } from 'node:crypto';
import { tmpdir, userInfo } from 'node:os';

/** The run that this process belongs to; also outside of GitHub, with values of its own. */
export interface RunEnvironment {
  onGitHub: boolean;
  /** A machine of GitHub's own that is thrown away after the job: what a job installs there concerns nobody else. */
  onHostedRunner: boolean;
  /** `owner/name`, or empty outside of GitHub. */
  repository: string;
  runId: string;
  runAttempt: number;
  /** Random: tells this process from all others of its run. `9f3a`. */
  process: string;
  runUrl: string;
  actor: string;
  triggeringActor: string;
  apiUrl: string;
  /** `https://github.com`. */
  serverUrl: string;
  /** `owner/name` of the action that this step runs, and its ref as the workflow wrote it; empty for one of the workspace. */
  actionRepository: string;
  actionRef: string;
  sha: string;
  /** Of the caller's checkout. */
  workspace: string;
  /** For files that do not outlive the job. */
  temporaryDirectory: string;
}

/** Reads GitHub's default variables (docs, "Default environment variables"). */
export function readRunEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): RunEnvironment {
  const onGitHub = environment.GITHUB_ACTIONS === 'true';
  const runId = environment.GITHUB_RUN_ID ?? `local-${randomUUID().slice(0, 8)}`;
  const repository = environment.GITHUB_REPOSITORY ?? '';
  const server = environment.GITHUB_SERVER_URL ?? 'https://github.com';
  const actor = environment.GITHUB_ACTOR ?? localUser();
  return {
    onGitHub,
    onHostedRunner: onGitHub && environment.RUNNER_ENVIRONMENT === 'github-hosted',
    repository,
    runId,
    runAttempt: Number(environment.GITHUB_RUN_ATTEMPT ?? '1'),
    process: randomBytes(2).toString('hex'),
    runUrl: repository === '' ? runId : `${server}/${repository}/actions/runs/${runId}`,
    actor,
    triggeringActor: environment.GITHUB_TRIGGERING_ACTOR ?? actor,
    apiUrl: environment.GITHUB_API_URL ?? 'https://api.github.com',
    serverUrl: server,
    actionRepository: environment.GITHUB_ACTION_REPOSITORY ?? '',
    actionRef: environment.GITHUB_ACTION_REF ?? '',
    sha: environment.GITHUB_SHA ?? '',
    workspace: environment.GITHUB_WORKSPACE ?? process.cwd(),
    temporaryDirectory: environment.RUNNER_TEMP ?? tmpdir(),
  };
}

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have no name.
    return 'unknown';
  }
}
