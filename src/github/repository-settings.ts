import { getOctokit } from '@actions/github';
import { z } from 'zod';
import { messageOf } from '../errors.ts';

/** What GitHub told, or why it did not: `permission` is what the token would need. */
export type Seen<T> =
  { state: 'seen'; value: T } | { state: 'absent' } | { state: 'unknown'; why: string; permission: string };

/** The rules of one environment and what stands in it, by name. */
export interface EnvironmentSettings {
  name: string;
  rules: Seen<EnvironmentRules>;
  secrets: Seen<string[]>;
  variables: Seen<string[]>;
}

export interface EnvironmentRules {
  /** Number of required reviewers; 0: it waits for nobody. */
  reviewers: number;
  preventsSelfReview: boolean;
  administratorsMayBypass: boolean;
  /** `any`: nothing limits which branch may deploy to it. */
  branches: 'any' | 'protected' | 'named';
}

/** The settings of a repository that a migration depends on. */
export interface RepositorySettings {
  repository: Seen<{ private: boolean; defaultBranch: string }>;
  defaultBranchProtected: Seen<boolean>;
  environments: EnvironmentSettings[];
  secrets: Seen<string[]>;
  organizationSecrets: Seen<string[]>;
  variables: Seen<string[]>;
  /** Settings → Actions → General. */
  actions: Seen<{ enabled: boolean; allowed: string }>;
  workflows: Seen<{ defaultPermissions: string; mayCreatePullRequests: boolean }>;
}

export interface RepositorySettingsOptions {
  /** `owner/name`. */
  repository: string;
  apiUrl: string;
  token: string;
  /** Names of the environments to look at. */
  environments: readonly string[];
  signal: AbortSignal;
}

const repositoryAnswer = z.object({ private: z.boolean(), default_branch: z.string() });
const environmentAnswer = z.object({
  can_admins_bypass: z.boolean().default(true),
  protection_rules: z
    .array(
      z.object({
        type: z.string(),
        prevent_self_review: z.boolean().optional(),
        reviewers: z.array(z.unknown()).optional(),
      }),
    )
    .default([]),
  deployment_branch_policy: z.object({ protected_branches: z.boolean() }).nullable(),
});
interface Names {
  total: number;
  names: string[];
}
const named = z.array(z.object({ name: z.string() }).transform(({ name }) => name));
const secretsAnswer = z
  .object({ total_count: z.number(), secrets: named })
  .transform(({ total_count: total, secrets: names }): Names => ({ total, names }));
const variablesAnswer = z
  .object({ total_count: z.number(), variables: named })
  .transform(({ total_count: total, variables: names }): Names => ({ total, names }));
const actionsAnswer = z.object({ enabled: z.boolean(), allowed_actions: z.string().default('all') });
const workflowAnswer = z.object({
  default_workflow_permissions: z.string(),
  can_approve_pull_request_reviews: z.boolean(),
});

/**
 * Reads the settings by GET only, side by side; what the token may not see is told with the permission that would let it.
 * Permissions are those of GitHub's REST reference for each path. The token of a job (`github.token`) can be given
 * `actions` and `contents`, and none of the others: secrets, variables and the settings of Actions take a token of a
 * person or an app.
 */
export async function readRepositorySettings(
  options: RepositorySettingsOptions,
): Promise<RepositorySettings> {
  const read = reader(options);
  const namesAt = async (
    path: string,
    schema: z.ZodType<Names>,
    permission: string,
  ): Promise<Seen<string[]>> => {
    const names: string[] = [];
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const answer = await read(`${path}?per_page=30&page=${page}`, schema, permission, (found) => found);
      if (answer.state !== 'seen') return answer;
      names.push(...answer.value.names);
      if (answer.value.names.length === 0 || names.length >= answer.value.total) break;
    }
    return { state: 'seen', value: names };
  };
  const repository = await read('', repositoryAnswer, 'Metadata: read', (answer) => ({
    private: answer.private,
    defaultBranch: answer.default_branch,
  }));
  const [defaultBranchProtected, environments, secrets, organizationSecrets, variables, actions, workflows] =
    await Promise.all([
      protectionOf(repository, read),
      Promise.all(
        options.environments.map(async (name): Promise<EnvironmentSettings> => {
          const path = `/environments/${encodeURIComponent(name)}`;
          const [rules, inside, values] = await Promise.all([
            read(path, environmentAnswer, 'Actions: read', rulesOf),
            namesAt(`${path}/secrets`, secretsAnswer, 'Environments: read'),
            namesAt(`${path}/variables`, variablesAnswer, 'Environments: read'),
          ]);
          return { name, rules, secrets: inside, variables: values };
        }),
      ),
      namesAt('/actions/secrets', secretsAnswer, 'Secrets: read'),
      namesAt('/actions/organization-secrets', secretsAnswer, 'Secrets: read'),
      namesAt('/actions/variables', variablesAnswer, 'Variables: read'),
      read('/actions/permissions', actionsAnswer, 'Administration: read', (answer) => ({
        enabled: answer.enabled,
        allowed: answer.allowed_actions,
      })),
      read('/actions/permissions/workflow', workflowAnswer, 'Administration: read', (answer) => ({
        defaultPermissions: answer.default_workflow_permissions,
        mayCreatePullRequests: answer.can_approve_pull_request_reviews,
      })),
    ]);
  return {
    repository,
    defaultBranchProtected,
    environments,
    secrets,
    organizationSecrets,
    variables,
    actions,
    workflows,
  };
}

/** GitHub keeps 100 secrets and 500 variables at most, and gives 30 of the latter at once. */
const MOST_PAGES = 20;

type Read = <T, Told>(
  path: string,
  schema: z.ZodType<T>,
  permission: string,
  told: (answer: T) => Told,
) => Promise<Seen<Told>>;

function protectionOf(repository: RepositorySettings['repository'], read: Read): Promise<Seen<boolean>> {
  if (repository.state !== 'seen') return Promise.resolve(repository);
  return read(
    `/branches/${encodeURIComponent(repository.value.defaultBranch)}`,
    z.object({ protected: z.boolean() }),
    'Contents: read',
    (answer) => answer.protected,
  );
}

function rulesOf(answer: z.infer<typeof environmentAnswer>): EnvironmentRules {
  const rule = answer.protection_rules.find(({ type }) => type === 'required_reviewers');
  const policy = answer.deployment_branch_policy;
  return {
    reviewers: rule?.reviewers?.length ?? 0,
    preventsSelfReview: rule?.prevent_self_review === true,
    administratorsMayBypass: answer.can_admins_bypass,
    branches: policy === null ? 'any' : policy.protected_branches ? 'protected' : 'named',
  };
}

function reader({ repository, apiUrl, token, signal }: RepositorySettingsOptions): Read {
  const octokit = getOctokit(token, { baseUrl: apiUrl });
  return async (path, schema, permission, told) => {
    let data: unknown;
    try {
      const answer = await octokit.request(`GET /repos/${repository}${path}`, {
        request: { signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]) },
      });
      data = answer.data;
    } catch (error) {
      signal.throwIfAborted();
      const status = error instanceof Error && 'status' in error ? Number(error.status) : 0;
      // Without the right GitHub answers 403, or hides that there is something by a 404.
      if (status === 404) return { state: 'absent' };
      return { state: 'unknown', why: whyOf(status, error), permission };
    }
    const parsed = schema.safeParse(data);
    if (parsed.success) return { state: 'seen', value: told(parsed.data) };
    return { state: 'unknown', why: 'GitHub answered in a form that is not known', permission };
  };
}

function whyOf(status: number, error: unknown): string {
  if (status === 401) return 'GitHub does not know the token (401)';
  if (status === 403) return 'the token may not see it (403)';
  return status === 0 ? `GitHub gave no answer: ${messageOf(error)}` : `GitHub answered ${status}`;
}
