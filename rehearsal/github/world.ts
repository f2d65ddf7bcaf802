import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/log.ts';
import { createFaultSwitch, sendTruncated, sufferSilently } from '../faults.ts';
import type { FaultSwitch } from '../faults.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import { ApiError } from './api-error.ts';
import { answer, storedArtifact } from './api.ts';
import type { ApiAnswer, ApiState } from './api.ts';
import { newIssue, type Issue } from './issue-routes.ts';
import { createRepository, type Repository } from './repository.ts';
import { newSettings, type Settings } from './settings.ts';

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
  /** `owner/name`; a fork's for a run of its pull request. */
  headRepository: string;
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
  deleteEnvironment(name: string): void;
  /** The rules of an environment; undefined = it does not exist (yet). */
  environment(name: string): EnvironmentRules | undefined;
  createRun(o: {
    actor: string;
    triggeringActor?: string;
    event?: string;
    workflow?: string;
    path?: string;
    branch?: string;
    headRepository?: string;
  }): RunFacts;
  run(id: number): RunFacts;
  updateRun(
    id: number,
    change: Partial<Pick<RunFacts, 'attempt' | 'triggeringActor' | 'status' | 'conclusion'>>,
  ): void;
  /** Records a review. Throws where GitHub would refuse it (not a reviewer; self-review where that is prevented). */
  review(runId: number, approval: Approval): void;
  /** `review` with state approved. */
  approve(runId: number, environment: string, user: string, comment?: string): void;
  /** A token as a job has it; `permissions` as granted to the job. */
  issueToken(permissions: TokenPermissions): string;
  /** A job's token ends with its job. */
  revokeToken(token: string): void;
  setFile(path: string, content: string): void;
  setVariable(name: string, value: string): void;
  /** Names of secrets, and what workflows may do; changed in place. */
  settings: Settings;
  readFile(path: string, branch?: string): string | undefined;
  /** Branches and pull requests, for what people do to them. */
  git: Repository;
  pullRequests(): {
    number: number;
    title: string;
    body: string;
    head: string;
    base: string;
    state: string;
  }[];
  issues(): readonly Issue[];
  /** A person opens one. */
  addIssue(o: { title: string; body: string; user: string }): void;
  relabel(issue: number, labels: string[]): void;
  /** Folder that holds one sub-folder per artifact of that run. */
  artifacts(runId: number): string;
  requests: readonly RecordedRequest[];
  faults: FaultSwitch;
  stop(): Promise<void>;
}

/** Plays the parts of GitHub's REST API that the actions use, for one repository, over plain HTTP on a free loopback port. */
export async function startGitHub(options: GitHubOptions): Promise<GitHubWorld> {
  const { repository: name, defaultBranch = 'main' } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'github-'));
  const repository = createRepository(name, defaultBranch);
  const tokens = new Map<string, TokenPermissions>();
  const requests: RecordedRequest[] = [];
  const faults = createFaultSwitch();
  const state: ApiState = {
    url: '',
    name,
    defaultBranch,
    repository,
    environments: new Map(),
    runs: new Map(),
    approvals: new Map(),
    variables: new Map(),
    settings: newSettings(),
    issues: [],
    artifacts: (runId) => {
      const folder = join(directory, 'artifacts', String(runId));
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    listed: new Map(),
    createdAt: new Date(),
  };
  const server = createServer((request, response) => {
    void serve({ state, tokens, requests, faults, log: options.log }, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let nextRun = 1_000_001;

  const run = (id: number): RunFacts => {
    const facts = state.runs.get(id);
    if (!facts) throw new Error(`There is no run ${id} on the played GitHub.`);
    return facts;
  };
  const review = (runId: number, approval: Approval): void => {
    checkReview(run(runId), approval, state.environments.get(approval.environment));
    state.approvals.set(runId, [...(state.approvals.get(runId) ?? []), approval]);
  };
  return {
    apiUrl: state.url,
    repository: name,
    defaultBranch,
    configureEnvironment: (environment, rules) => {
      state.environments.set(environment, rules);
    },
    deleteEnvironment: (environment) => {
      state.environments.delete(environment);
    },
    environment: (environment) => state.environments.get(environment),
    createRun: (o) => {
      const id = nextRun;
      nextRun += 1;
      const facts: RunFacts = {
        id,
        attempt: 1,
        actor: o.actor,
        triggeringActor: o.triggeringActor ?? o.actor,
        event: o.event ?? 'workflow_dispatch',
        workflow: o.workflow ?? 'Migrate',
        path: o.path ?? '.github/workflows/migrate.yml',
        branch: o.branch ?? defaultBranch,
        headRepository: o.headRepository ?? name,
        status: 'queued',
        conclusion: null,
      };
      state.runs.set(id, facts);
      return facts;
    },
    run,
    updateRun: (id, change) => {
      state.runs.set(id, { ...run(id), ...change });
    },
    review,
    approve: (runId, environment, user, comment = '') =>
      review(runId, { environment, state: 'approved', user, comment }),
    issueToken: (permissions) => {
      const token = `ghs_${randomUUID().replaceAll('-', '')}`;
      tokens.set(token, permissions);
      return token;
    },
    revokeToken: (token) => {
      tokens.delete(token);
    },
    setFile: (path, content) => {
      repository.putFile(path, content, defaultBranch, repository.file(path, defaultBranch)?.sha);
    },
    setVariable: (variable, value) => {
      state.variables.set(variable, value);
    },
    settings: state.settings,
    readFile: (path, branch = defaultBranch) => repository.file(path, branch)?.content,
    git: repository,
    pullRequests: () => repository.pulls.map((pull) => ({ ...pull })),
    issues: () => state.issues.map((issue) => ({ ...issue })),
    addIssue: (o) => {
      state.issues.push(newIssue(state.issues, o));
    },
    relabel: (number, labels) => {
      state.issues = state.issues.map((issue) => (issue.number === number ? { ...issue, labels } : issue));
    },
    artifacts: (runId) => state.artifacts(runId),
    requests,
    faults,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** GitHub takes a review only from a required reviewer, and not from who started the run where that is forbidden. */
function checkReview(run: RunFacts, approval: Approval, rules: EnvironmentRules | undefined): void {
  const { reviewers = [], preventSelfReview = false } = rules ?? {};
  if (!reviewers.includes(approval.user)) {
    throw new Error(`${approval.user} is not a reviewer of the environment "${approval.environment}".`);
  }
  if (preventSelfReview && approval.state === 'approved' && approval.user === run.triggeringActor) {
    throw new Error(
      `${approval.user} started this run and may not approve its own deployment to "${approval.environment}".`,
    );
  }
}

interface Desk {
  state: ApiState;
  tokens: Map<string, TokenPermissions>;
  requests: RecordedRequest[];
  faults: FaultSwitch;
  log: Log;
}

async function serve(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url: path = '/' } = request;
  const requestId = randomUUID().toUpperCase();
  const fault = desk.faults.take(method, path);
  const record = (status: number, body?: unknown) =>
    desk.requests.push({
      at: new Date(),
      method,
      path,
      status,
      requestId,
      ...(body === undefined ? {} : { body }),
    });
  if (fault !== undefined && sufferSilently(fault, request)) {
    record(0);
    return;
  }
  const body = await readJson(request);
  if (fault === 'twice') record(answerSafely(desk, request, method, path, body).status, body);
  const result: ApiAnswer =
    typeof fault === 'number'
      ? refusal(fault, fault === 429 ? 'You have exceeded a secondary rate limit.' : 'Server Error')
      : answerSafely(desk, request, method, path, body);
  record(result.status, body);
  const content = result.raw ?? (result.body === undefined ? '' : JSON.stringify(result.body));
  if (fault === 'truncate') {
    sendTruncated(response, result.status, content.toString());
    return;
  }
  response.writeHead(result.status, {
    'content-type': result.raw ? 'application/zip' : 'application/json; charset=utf-8',
    'x-github-request-id': requestId,
    'x-github-media-type': 'github.v3; format=json',
    'x-ratelimit-limit': '1000',
    'x-ratelimit-remaining': String(Math.max(0, 1000 - desk.requests.length)),
    'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 3600),
    ...result.headers,
    ...(result.status === 429 ? { 'retry-after': '1' } : {}),
  });
  response.end(content);
}

function answerSafely(
  desk: Desk,
  request: IncomingMessage,
  method: string,
  path: string,
  body: unknown,
): ApiAnswer {
  const { pathname, searchParams } = new URL(path, 'http://played');
  try {
    const stored = /^\/played-artifact-store\/(\d+)\.zip$/u.exec(pathname);
    if (stored) return { status: 200, raw: storedArtifact(desk.state, Number(stored[1])) };
    const token = /^(?:token|bearer) (.+)$/iu.exec(request.headers.authorization ?? '')?.[1];
    const permissions = token === undefined ? undefined : desk.tokens.get(token);
    if (!permissions)
      throw new ApiError(401, token === undefined ? 'Requires authentication' : 'Bad credentials');
    return answer(desk.state, { method, path: pathname, query: searchParams, body, permissions });
  } catch (error) {
    if (error instanceof ApiError) return refusal(error.status, error.message, error.errors);
    desk.log.warning(`The played GitHub broke at ${method} ${pathname}: ${String(error)}`);
    return refusal(500, 'Server Error');
  }
}

function refusal(status: number, message: string, errors?: readonly unknown[]): ApiAnswer {
  return {
    status,
    body: {
      message,
      ...(errors === undefined ? {} : { errors }),
      documentation_url: 'https://docs.github.com/rest',
      status: String(status),
    },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chunks.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch {
    return undefined;
  }
}
