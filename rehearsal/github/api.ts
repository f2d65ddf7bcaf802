import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from './api-error.ts';
import { numberOf } from './number-of.ts';
import type { PullRequest, Repository } from './repository.ts';
import {
  listEnvironmentSecrets,
  listEnvironmentVariables,
  listOrganizationSecrets,
  listSecrets,
  listVariables,
  readActionsPermissions,
  readWorkflowPermissions,
  type Settings,
} from './settings.ts';
import type { Approval, EnvironmentRules, RunFacts, TokenPermissions } from './world.ts';
import { zipFolder } from './zip.ts';

/** What the routes look at and change. */
export interface ApiState {
  url: string;
  name: string;
  defaultBranch: string;
  repository: Repository;
  environments: Map<string, EnvironmentRules>;
  runs: Map<number, RunFacts>;
  approvals: Map<number, Approval[]>;
  variables: Map<string, string>;
  settings: Settings;
  artifacts(runId: number): string;
  /** When each environment and run came to be. */
  createdAt: Date;
}

export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  permissions: TokenPermissions;
}

export interface ApiAnswer {
  status: number;
  body?: unknown;
  /** Sent as it is, instead of JSON. */
  raw?: Buffer;
  headers?: Record<string, string>;
}

type Handler = (state: ApiState, request: ApiRequest, parts: string[]) => ApiAnswer;

interface Route {
  method: string;
  pattern: RegExp;
  /** The permission of the job's token that GitHub asks for; none = any valid token. */
  needs?: [scope: string, level: 'read' | 'write'];
  handle: Handler;
}

const ok = (body: unknown): ApiAnswer => ({ status: 200, body });

/** Below `/repos/OWNER/NAME`. Permissions as GitHub documents them for fine-grained and installation tokens. */
const routes: Route[] = [
  route('GET', '', undefined, (state) => ok(repositoryBody(state))),
  route('GET', '/environments', ['actions', 'read'], listEnvironments),
  route('GET', '/environments/([^/]+)', ['actions', 'read'], (state, _request, [name = '']) =>
    ok(environmentBody(state, name)),
  ),
  route('GET', '/environments/([^/]+)/deployment-branch-policies', ['actions', 'read'], branchPolicies),
  route('GET', '/environments/([^/]+)/secrets', ['environments', 'read'], listEnvironmentSecrets),
  route('GET', '/environments/([^/]+)/variables', ['environments', 'read'], listEnvironmentVariables),
  route('GET', '/actions/secrets', ['secrets', 'read'], listSecrets),
  route('GET', '/actions/organization-secrets', ['secrets', 'read'], listOrganizationSecrets),
  route('GET', '/actions/variables', ['variables', 'read'], listVariables),
  route('GET', '/actions/permissions', ['administration', 'read'], readActionsPermissions),
  route('GET', '/actions/permissions/workflow', ['administration', 'read'], readWorkflowPermissions),
  route('GET', '/actions/artifacts', ['actions', 'read'], listAllArtifacts),
  route('GET', '/actions/runs/(\\d+)', ['actions', 'read'], (state, _request, [id]) =>
    ok(runBody(state, runOf(state, id))),
  ),
  route(
    'GET',
    '/actions/runs/(\\d+)/attempts/(\\d+)',
    ['actions', 'read'],
    (state, _request, [id, attempt]) => ok(runBody(state, { ...runOf(state, id), attempt: Number(attempt) })),
  ),
  route('GET', '/actions/runs/(\\d+)/approvals', ['actions', 'read'], listApprovals),
  route('GET', '/actions/runs/(\\d+)/pending_deployments', ['actions', 'read'], () => ok([])),
  route('GET', '/actions/runs/(\\d+)/artifacts', ['actions', 'read'], listArtifacts),
  route('GET', '/actions/artifacts/(\\d+)/zip', ['actions', 'read'], (state, _request, [id = '']) => ({
    status: 302,
    headers: { location: `${state.url}/played-artifact-store/${id}.zip` },
  })),
  route('GET', '/actions/variables/([^/]+)', ['actions', 'read'], readVariable),
  route('GET', '/branches/([^/]+)', ['contents', 'read'], (state, _request, [name = '']) =>
    ok(branchBody(state, name)),
  ),
  route('GET', '/contents/?(.*)', ['contents', 'read'], readContents),
  route('PUT', '/contents/(.+)', ['contents', 'write'], writeContents),
  route('GET', '/git/ref/heads/(.+)', ['contents', 'read'], (state, _request, [name = '']) =>
    ok(refBody(state, name)),
  ),
  route('POST', '/git/refs', ['contents', 'write'], createRef),
  route('PATCH', '/git/refs/heads/(.+)', ['contents', 'write'], (state, request, [name = '']) => {
    state.repository.moveBranch(name, text(request.body, 'sha'));
    return ok(refBody(state, name));
  }),
  route('DELETE', '/git/refs/heads/(.+)', ['contents', 'write'], (state, _request, [name = '']) => {
    state.repository.deleteBranch(name);
    return { status: 204 };
  }),
  route('GET', '/pulls', ['pull-requests', 'read'], listPulls),
  route('POST', '/pulls', ['pull-requests', 'write'], createPull),
  route('GET', '/pulls/(\\d+)', ['pull-requests', 'read'], (state, _request, [number]) =>
    ok(pullBody(state, pullOf(state, number))),
  ),
  route('PATCH', '/pulls/(\\d+)', ['pull-requests', 'write'], changePull),
];

function route(method: string, path: string, needs: Route['needs'], handle: Handler): Route {
  return { method, pattern: new RegExp(`^${path}$`, 'u'), handle, ...(needs ? { needs } : {}) };
}

/** Answers one authenticated request. Throws ApiError for everything that GitHub would refuse. */
export function answer(state: ApiState, request: ApiRequest): ApiAnswer {
  if (request.path === '/user') throw new ApiError(403, 'Resource not accessible by integration');
  const base = `/repos/${state.name}`;
  if (request.path !== base && !request.path.startsWith(`${base}/`)) throw new ApiError(404, 'Not Found');
  // Clients write "heads/main" as one escaped part.
  const path = decodeURIComponent(request.path.slice(base.length));
  for (const { method, pattern, needs, handle } of routes) {
    const match = method === request.method ? pattern.exec(path) : null;
    if (!match) continue;
    if (needs && !allows(request.permissions, ...needs))
      throw new ApiError(403, 'Resource not accessible by integration');
    return handle(state, request, match.slice(1));
  }
  throw new ApiError(404, 'Not Found');
}

/** The store behind an artifact's redirect asks for no token: its address is the proof. */
export function storedArtifact(state: ApiState, id: number): Buffer {
  const found = allArtifacts(state).find((artifact) => artifact.id === id);
  if (!found) throw new ApiError(404, 'Not Found');
  return zipFolder(found.folder);
}

function allows(granted: TokenPermissions, scope: string, level: 'read' | 'write'): boolean {
  return granted[scope] === 'write' || granted[scope] === level;
}

function repositoryBody({ name, defaultBranch, url, settings }: ApiState) {
  const [owner = ''] = name.split('/');
  return {
    id: 1,
    name: name.split('/')[1],
    full_name: name,
    private: settings.private,
    visibility: settings.private ? 'private' : 'public',
    default_branch: defaultBranch,
    owner: user(owner),
    url: `${url}/repos/${name}`,
  };
}

function user(login: string) {
  return { login, id: numberOf(login), type: 'User' };
}

function listEnvironments(state: ApiState): ApiAnswer {
  const environments = [...state.environments.keys()].map((name) => environmentBody(state, name));
  return ok({ total_count: environments.length, environments });
}

function environmentBody(state: ApiState, name: string) {
  const found = [...state.environments].find(([key]) => key.toLowerCase() === name.toLowerCase());
  if (!found) throw new ApiError(404, 'Not Found');
  const [key, { reviewers = [], preventSelfReview = false, branchPolicy, canAdminsBypass = true }] = found;
  const rules: unknown[] = [];
  if (reviewers.length > 0) {
    rules.push({
      id: 1,
      type: 'required_reviewers',
      prevent_self_review: preventSelfReview,
      reviewers: reviewers.map((login) => ({ type: 'User', reviewer: user(login) })),
    });
  }
  if (branchPolicy !== undefined) rules.push({ id: 2, type: 'branch_policy' });
  return {
    id: [...state.environments.keys()].indexOf(key) + 1,
    name: key,
    url: `${state.url}/repos/${state.name}/environments/${encodeURIComponent(key)}`,
    created_at: state.createdAt.toISOString(),
    updated_at: state.createdAt.toISOString(),
    can_admins_bypass: canAdminsBypass,
    protection_rules: rules,
    deployment_branch_policy:
      branchPolicy === undefined
        ? null
        : {
            protected_branches: branchPolicy === 'protected',
            custom_branch_policies: branchPolicy !== 'protected',
          },
  };
}

function branchPolicies(state: ApiState, _request: ApiRequest, [name = '']: string[]): ApiAnswer {
  environmentBody(state, name);
  const policy = state.environments.get(name)?.branchPolicy;
  const patterns = Array.isArray(policy) ? policy : [];
  const branch_policies = patterns.map((pattern, index) => ({
    id: index + 1,
    name: pattern,
    type: 'branch',
  }));
  return ok({ total_count: branch_policies.length, branch_policies });
}

function runOf(state: ApiState, id: string | undefined): RunFacts {
  const run = state.runs.get(Number(id));
  if (!run) throw new ApiError(404, 'Not Found');
  return run;
}

function runBody(state: ApiState, run: RunFacts) {
  return {
    id: run.id,
    name: run.workflow,
    path: run.path,
    head_branch: run.branch,
    head_sha:
      state.repository.branch(run.branch)?.commit ?? state.repository.branch(state.defaultBranch)?.commit,
    run_number: 1,
    run_attempt: run.attempt,
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    actor: user(run.actor),
    triggering_actor: user(run.triggeringActor),
    created_at: state.createdAt.toISOString(),
    run_started_at: state.createdAt.toISOString(),
    html_url: `https://github.com/${state.name}/actions/runs/${run.id}`,
    repository: repositoryBody(state),
    head_repository: { full_name: run.headRepository },
    referenced_workflows: [],
  };
}

/** Neither time nor attempt: that is all the real answer holds, too. */
function listApprovals(state: ApiState, _request: ApiRequest, [id]: string[]): ApiAnswer {
  const approvals = state.approvals.get(runOf(state, id).id) ?? [];
  return ok(
    approvals.map((approval) => ({
      state: approval.state,
      comment: approval.comment,
      user: user(approval.user),
      environments: [{ id: 1, name: approval.environment }],
    })),
  );
}

interface StoredArtifact {
  id: number;
  runId: number;
  name: string;
  folder: string;
}

function allArtifacts(state: ApiState): StoredArtifact[] {
  return [...state.runs.keys()].flatMap((runId) => {
    const folder = state.artifacts(runId);
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    return names.map((name) => ({
      id: numberOf(`${runId}/${name}`),
      runId,
      name,
      folder: join(folder, name),
    }));
  });
}

function listArtifacts(state: ApiState, request: ApiRequest, [id]: string[]): ApiAnswer {
  const run = runOf(state, id);
  return artifactPage(
    state,
    request,
    allArtifacts(state).filter(({ runId }) => runId === run.id),
  );
}

/** Of every run of the repository, the newest first. */
function listAllArtifacts(state: ApiState, request: ApiRequest): ApiAnswer {
  const newestFirst = allArtifacts(state).sort(
    (one, other) => statSync(other.folder).mtimeMs - statSync(one.folder).mtimeMs,
  );
  return artifactPage(state, request, newestFirst);
}

function artifactPage(state: ApiState, request: ApiRequest, stored: StoredArtifact[]): ApiAnswer {
  const wanted = request.query.get('name');
  const artifacts = stored
    .filter(({ name }) => wanted === null || wanted === name)
    .map((artifact) => {
      const run = runOf(state, String(artifact.runId));
      return {
        id: artifact.id,
        name: artifact.name,
        size_in_bytes: statSync(artifact.folder).size,
        expired: false,
        created_at: statSync(artifact.folder).mtime.toISOString(),
        archive_download_url: `${state.url}/repos/${state.name}/actions/artifacts/${artifact.id}/zip`,
        workflow_run: {
          id: run.id,
          repository_id: numberOf(state.name),
          head_repository_id: numberOf(run.headRepository),
          head_branch: run.branch,
        },
      };
    });
  return ok({ total_count: artifacts.length, artifacts: page(artifacts, request.query) });
}

function readVariable(state: ApiState, _request: ApiRequest, [name = '']: string[]): ApiAnswer {
  const value = state.variables.get(name);
  if (value === undefined) throw new ApiError(404, 'Not Found');
  return ok({ name, value });
}

function branchBody(state: ApiState, name: string) {
  const branch = state.repository.branch(name);
  if (!branch) throw new ApiError(404, 'Branch not found');
  return { name, commit: { sha: branch.commit }, protected: name === state.defaultBranch };
}

function readContents(state: ApiState, request: ApiRequest, [path = '']: string[]): ApiAnswer {
  const ref = request.query.get('ref') ?? state.defaultBranch;
  const file = state.repository.file(path, ref);
  if (file) {
    const content = Buffer.from(file.content).toString('base64');
    const size = Buffer.byteLength(file.content);
    return ok({
      type: 'file',
      name: path.split('/').at(-1),
      path,
      sha: file.sha,
      size,
      encoding: 'base64',
      content,
    });
  }
  const entries = state.repository.folder(path, ref);
  if (entries.length === 0 && path !== '') throw new ApiError(404, 'Not Found');
  return ok(entries);
}

function writeContents(state: ApiState, request: ApiRequest, [path = '']: string[]): ApiAnswer {
  const branch = optionalText(request.body, 'branch') ?? state.defaultBranch;
  const content = Buffer.from(text(request.body, 'content'), 'base64').toString();
  text(request.body, 'message');
  const isNew = state.repository.file(path, branch) === undefined;
  const { sha, commit } = state.repository.putFile(path, content, branch, optionalText(request.body, 'sha'));
  return {
    status: isNew ? 201 : 200,
    body: { content: { path, sha, type: 'file' }, commit: { sha: commit } },
  };
}

function refBody(state: ApiState, name: string) {
  const branch = state.repository.branch(name);
  if (!branch) throw new ApiError(404, 'Not Found');
  return { ref: `refs/heads/${name}`, object: { type: 'commit', sha: branch.commit } };
}

function createRef(state: ApiState, request: ApiRequest): ApiAnswer {
  const ref = text(request.body, 'ref');
  if (!ref.startsWith('refs/heads/')) throw new ApiError(422, 'Reference name is not valid.');
  const name = ref.slice('refs/heads/'.length);
  state.repository.createBranch(name, text(request.body, 'sha'));
  return { status: 201, body: refBody(state, name) };
}

function listPulls(state: ApiState, request: ApiRequest): ApiAnswer {
  const wanted = request.query.get('state') ?? 'open';
  const head = request.query.get('head')?.split(':').at(-1);
  const base = request.query.get('base');
  const pulls = state.repository.pulls.filter(
    (pull) =>
      (wanted === 'all' || pull.state === wanted) &&
      (head === undefined || pull.head === head) &&
      (base === null || pull.base === base),
  );
  return ok(page(pulls, request.query).map((pull) => pullBody(state, pull)));
}

function createPull(state: ApiState, request: ApiRequest): ApiAnswer {
  const pull = state.repository.openPull({
    title: text(request.body, 'title'),
    body: optionalText(request.body, 'body') ?? '',
    head: text(request.body, 'head').split(':').at(-1) ?? '',
    base: text(request.body, 'base'),
  });
  return { status: 201, body: pullBody(state, pull) };
}

function changePull(state: ApiState, request: ApiRequest, [number]: string[]): ApiAnswer {
  const pull = pullOf(state, number);
  pull.title = optionalText(request.body, 'title') ?? pull.title;
  pull.body = optionalText(request.body, 'body') ?? pull.body;
  if (optionalText(request.body, 'state') === 'closed') pull.state = 'closed';
  return ok(pullBody(state, pull));
}

function pullOf(state: ApiState, number: string | undefined): PullRequest {
  const pull = state.repository.pulls.find((one) => one.number === Number(number));
  if (!pull) throw new ApiError(404, 'Not Found');
  return pull;
}

function pullBody(state: ApiState, pull: PullRequest) {
  return {
    ...pull,
    id: pull.number,
    head: { ref: pull.head, sha: state.repository.branch(pull.head)?.commit },
    base: { ref: pull.base, sha: state.repository.branch(pull.base)?.commit },
    html_url: `https://github.com/${state.name}/pull/${pull.number}`,
    user: { login: 'github-actions[bot]', type: 'Bot' },
  };
}

function page<T>(items: T[], query: URLSearchParams): T[] {
  const size = Math.min(Number(query.get('per_page') ?? 30), 100);
  const from = (Number(query.get('page') ?? 1) - 1) * size;
  return items.slice(from, from + size);
}

function optionalText(body: unknown, key: string): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const value = (body as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : undefined;
}

function text(body: unknown, key: string): string {
  const value = optionalText(body, key);
  if (value === undefined) throw new ApiError(422, `Invalid request.\n\n"${key}" wasn't supplied.`);
  return value;
}
