import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from './api-error.ts';
import { gitRoutes } from './git-routes.ts';
import { issueRoutes } from './issue-routes.ts';
import { numberOf } from './number-of.ts';
import { pullRoutes } from './pull-routes.ts';
import {
  ok,
  page,
  route,
  user,
  type ApiAnswer,
  type ApiRequest,
  type ApiState,
  type Route,
} from './route.ts';
import {
  listEnvironmentSecrets,
  listEnvironmentVariables,
  listOrganizationSecrets,
  listSecrets,
  listVariables,
  readActionsPermissions,
  readWorkflowPermissions,
} from './settings.ts';
import type { RunFacts, TokenPermissions } from './world.ts';
import { zipFolder } from './zip.ts';

export type { ApiAnswer, ApiRequest, ApiState } from './route.ts';

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
  // Not `actions`: GITHUB_TOKEN can never have this one, and workflows read variables by their context.
  route('GET', '/actions/variables/([^/]+)', ['variables', 'read'], readVariable),
  ...gitRoutes,
  ...pullRoutes,
  ...issueRoutes,
];

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
  const folder = state.listed.get(id) ?? allArtifacts(state).find((artifact) => artifact.id === id)?.folder;
  if (folder === undefined) throw new ApiError(404, 'Not Found');
  return zipFolder(folder);
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
    return names.map((name) => {
      const artifact = { id: numberOf(`${runId}/${name}`), runId, name, folder: join(folder, name) };
      state.listed.set(artifact.id, artifact.folder);
      return artifact;
    });
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
