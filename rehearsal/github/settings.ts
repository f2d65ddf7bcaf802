import { ApiError } from './api-error.ts';
import type { ApiAnswer, ApiRequest, ApiState } from './api.ts';

/** What stands under Settings: names of secrets and variables, and what workflows may do. Values are never told. */
export interface Settings {
  /** Of the repository. */
  secrets: Set<string>;
  /** Of the organization, shared with the repository. */
  organizationSecrets: Set<string>;
  /** By environment. */
  environmentSecrets: Map<string, Set<string>>;
  environmentVariables: Map<string, Map<string, string>>;
  actions: { enabled: boolean; allowed: 'all' | 'local_only' | 'selected' };
  workflows: { defaultPermissions: 'read' | 'write'; mayCreatePullRequests: boolean };
  /** Beside the default branch. */
  protectedBranches: Set<string>;
  private: boolean;
  hasIssues: boolean;
}

export function newSettings(): Settings {
  return {
    secrets: new Set(),
    organizationSecrets: new Set(),
    environmentSecrets: new Map(),
    environmentVariables: new Map(),
    protectedBranches: new Set(),
    actions: { enabled: true, allowed: 'all' },
    // What a new repository has.
    workflows: { defaultPermissions: 'read', mayCreatePullRequests: false },
    private: true,
    hasIssues: true,
  };
}

type Handler = (state: ApiState, request: ApiRequest, parts: string[]) => ApiAnswer;

/** `GET …/secrets`: names and times. */
export const listSecrets: Handler = (state, request) =>
  paged(request, 'secrets', [...state.settings.secrets].map(timed(state)));

export const listOrganizationSecrets: Handler = (state, request) =>
  paged(request, 'secrets', [...state.settings.organizationSecrets].map(timed(state)));

export const listEnvironmentSecrets: Handler = (state, request, [name = '']) => {
  const known = environmentNamed(state, name);
  return paged(
    request,
    'secrets',
    [...(state.settings.environmentSecrets.get(known) ?? [])].map(timed(state)),
  );
};

export const listVariables: Handler = (state, request) =>
  paged(request, 'variables', [...state.variables].map(valued(state)));

export const listEnvironmentVariables: Handler = (state, request, [name = '']) => {
  const known = environmentNamed(state, name);
  return paged(
    request,
    'variables',
    [...(state.settings.environmentVariables.get(known) ?? [])].map(valued(state)),
  );
};

export const readActionsPermissions: Handler = ({ settings }) => ({
  status: 200,
  body: {
    enabled: settings.actions.enabled,
    ...(settings.actions.enabled ? { allowed_actions: settings.actions.allowed } : {}),
    sha_pinning_required: false,
  },
});

export const readWorkflowPermissions: Handler = ({ settings }) => ({
  status: 200,
  body: {
    default_workflow_permissions: settings.workflows.defaultPermissions,
    can_approve_pull_request_reviews: settings.workflows.mayCreatePullRequests,
  },
});

function environmentNamed({ environments }: ApiState, name: string): string {
  const known = [...environments.keys()].find((key) => key.toLowerCase() === name.toLowerCase());
  if (known === undefined) throw new ApiError(404, 'Not Found');
  return known;
}

function timed({ createdAt }: ApiState): (name: string) => object {
  return (name) => ({ name, created_at: createdAt.toISOString(), updated_at: createdAt.toISOString() });
}

function valued(state: ApiState): (entry: [string, string]) => object {
  return ([name, value]) => ({ ...timed(state)(name), value });
}

/** 10 a page unless asked otherwise, 100 at most for secrets and 30 for variables (REST reference). */
function paged(request: ApiRequest, key: 'secrets' | 'variables', items: object[]): ApiAnswer {
  const largest = key === 'secrets' ? 100 : 30;
  const size = Math.min(Number(request.query.get('per_page') ?? '10'), largest);
  const page = Number(request.query.get('page') ?? '1');
  return {
    status: 200,
    body: { total_count: items.length, [key]: items.slice((page - 1) * size, page * size) },
  };
}
