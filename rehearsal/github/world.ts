import type { Log } from '../../src/log.ts';
import type { FaultSwitch } from '../faults.ts';
import type { RecordedRequest } from '../recorded-request.ts';

export interface EnvironmentRules {
  /** Logins that must approve (one suffices); none = not protected. */
  reviewers?: string[];
  preventSelfReview?: boolean;
  /** `protected` = protected branches only; a list = deployment branch patterns; absent = every branch. */
  branchPolicy?: 'protected' | string[];
  canAdminsBypass?: boolean;
}

/** The state of an approval as the API tells it. */
export interface Approval {
  environment: string;
  state: 'approved' | 'rejected';
  user: string;
  comment: string;
}

export interface RunFacts {
  id: number;
  attempt: number;
  actor: string;
  triggeringActor: string;
  event: string;
  workflow: string;
  path: string;
  branch: string;
  status: 'queued' | 'in_progress' | 'waiting' | 'completed';
  conclusion: string | null;
}

/** Scopes of a job's token, as under `permissions:`. */
export type TokenPermissions = Record<string, 'read' | 'write'>;

export interface GitHubOptions {
  log: Log;
  /** `owner/name` of the user's repository. */
  repository: string;
  /** Where artifacts are kept; a temporary directory unless given. */
  directory?: string;
  defaultBranch?: string;
}

export interface GitHubWorld {
  apiUrl: string;
  repository: string;
  defaultBranch: string;
  configureEnvironment(name: string, rules: EnvironmentRules): void;
  /** The rules of an environment; undefined = it does not exist (yet). */
  environment(name: string): EnvironmentRules | undefined;
  createRun(o: { actor: string; triggeringActor?: string; event?: string; workflow?: string; path?: string; branch?: string }): RunFacts;
  run(id: number): RunFacts;
  updateRun(id: number, change: Partial<Pick<RunFacts, 'attempt' | 'triggeringActor' | 'status' | 'conclusion'>>): void;
  /** Records a review. Throws where GitHub would refuse it (not a reviewer; self-review where that is prevented). */
  review(runId: number, approval: Approval): void;
  /** `review` with state approved. */
  approve(runId: number, environment: string, user: string, comment?: string): void;
  /** A token as a job has it; `permissions` as granted to the job. */
  issueToken(permissions: TokenPermissions): string;
  setFile(path: string, content: string): void;
  readFile(path: string, branch?: string): string | undefined;
  pullRequests(): { number: number; title: string; body: string; head: string; base: string; state: string }[];
  /** Folder that holds one sub-folder per artifact of that run. */
  artifacts(runId: number): string;
  requests: readonly RecordedRequest[];
  faults: FaultSwitch;
  stop(): Promise<void>;
}

/** Plays the parts of GitHub's REST API that the actions use, for one repository. */
export function startGitHub(_options: GitHubOptions): Promise<GitHubWorld> {
  return Promise.reject(new Error('The played GitHub is not built yet.'));
}
