import { getOctokit } from '@actions/github';
import { z } from 'zod';

import { ConfigurationError, messageOf } from '../errors.ts';

// What the gate reads of GitHub. Every answer is checked for its shape: a gate that guesses is none.

const user = z.object({ login: z.string().min(1) });

const environmentAnswer = z.object({
  name: z.string(),
  can_admins_bypass: z.boolean().optional(),
  protection_rules: z
    .array(
      z.object({
        type: z.string(),
        prevent_self_review: z.boolean().optional(),
        reviewers: z.array(z.unknown()).optional(),
      }),
    )
    .default([]),
  deployment_branch_policy: z
    .object({ protected_branches: z.boolean(), custom_branch_policies: z.boolean() })
    .nullable(),
});
export type EnvironmentAnswer = z.infer<typeof environmentAnswer>;

const branchPoliciesAnswer = z.object({ branch_policies: z.array(z.object({ name: z.string() })) });

const approvalsAnswer = z.array(
  z.object({
    state: z.string(),
    comment: z.string().nullish(),
    user: user.nullable(),
    environments: z.array(z.object({ name: z.string() })),
  }),
);
export type Approval = z.infer<typeof approvalsAnswer>[number];

const runAnswer = z.object({
  id: z.number(),
  run_attempt: z.number(),
  path: z.string(),
  /** Workflows of other files and repositories that it called, as `owner/name/.github/workflows/file.yml@ref`. */
  referenced_workflows: z.array(z.object({ path: z.string() })).nullish(),
  /** A run of a fork's pull request stands in our list, too, and its branch may be called as ours is. */
  head_repository: z.object({ full_name: z.string() }).nullable(),
  head_branch: z.string().nullable(),
  status: z.string().nullable(),
  conclusion: z.string().nullable(),
  actor: user,
  triggering_actor: user,
  html_url: z.string(),
});
export type RunAnswer = z.infer<typeof runAnswer>;

const repositoryAnswer = z.object({ full_name: z.string(), default_branch: z.string() });

const branchAnswer = z.object({ name: z.string(), protected: z.boolean() });

const artifactsAnswer = z.object({
  artifacts: z.array(z.object({ id: z.number(), name: z.string(), expired: z.boolean() })),
});
export type Artifact = z.infer<typeof artifactsAnswer>['artifacts'][number];

/** Of any run: the list of the whole repository tells of which, and since when. */
const keptArtifactsAnswer = z.object({
  artifacts: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      expired: z.boolean(),
      size_in_bytes: z.number(),
      created_at: z.iso.datetime({ offset: true }),
      workflow_run: z.object({ id: z.number() }).nullish(),
    }),
  ),
});
export type KeptArtifact = z.infer<typeof keptArtifactsAnswer>['artifacts'][number];

/** What the gate may ask; each answer or a ConfigurationError that names the setting to change. */
export interface GateApi {
  environment(name: string): Promise<EnvironmentAnswer>;
  branchPolicies(name: string): Promise<string[]>;
  approvals(runId: string): Promise<Approval[]>;
  run(runId: string): Promise<RunAnswer>;
  /** Its present name, after a rename too, and its default branch. */
  repository(): Promise<{ full_name: string; default_branch: string }>;
  branchIsProtected(name: string): Promise<boolean>;
  artifacts(runId: string, name: string): Promise<Artifact[]>;
  /** Those of every run that have this name, the newest 100. */
  artifactsNamed(name: string): Promise<KeptArtifact[]>;
  /** What is in an artifact, as a zip. */
  archive(artifactId: number): Promise<Buffer>;
}

export interface GateApiOptions {
  /** `owner/name`. */
  repository: string;
  apiUrl: string;
  token: string | undefined;
  signal: AbortSignal;
}

/** Reads with the job's token, which needs `actions: read`, and `contents: read` to look at a branch (GitHub's REST reference of each path). */
export function createGateApi({ repository, apiUrl, token, signal }: GateApiOptions): GateApi {
  const [owner = '', repo = ''] = repository.split('/');
  if (owner === '' || repo === '' || token === undefined) {
    throw closed(
      'the gate needs GitHub: run this in a workflow and give the input github-token (`${{ github.token }}`) with `permissions: actions: read`',
    );
  }
  const octokit = getOctokit(token, { baseUrl: apiUrl });

  async function read<T>(
    what: string,
    schema: z.ZodType<T>,
    path: string,
    parameters: Record<string, string | number>,
    missing: string,
  ): Promise<T> {
    let data: unknown;
    try {
      const answer = await octokit.request(`GET /repos/{owner}/{repo}${path}`, {
        owner,
        repo,
        ...parameters,
        request: { signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]) },
      });
      data = answer.data;
    } catch (error) {
      const refusal = closed(`${what} could not be read: ${reasonOf(error, missing)}`);
      throw statusOf(error) === 404 ? new AbsentError(refusal.message) : refusal;
    }
    const parsed = schema.safeParse(data);
    if (parsed.success) return parsed.data;
    const [first] = parsed.error.issues;
    throw closed(
      `${what} came in a form that is not known (${first?.path.join('.') ?? ''}: ${first?.message ?? ''})`,
    );
  }

  return {
    environment: (name) =>
      read(
        `the environment "${name}"`,
        environmentAnswer,
        '/environments/{name}',
        { name },
        `it does not exist. Make it under Settings → Environments with required reviewers, or correct its name`,
      ),
    branchPolicies: async (name) => {
      const answer = await read(
        `the deployment branches of "${name}"`,
        branchPoliciesAnswer,
        '/environments/{name}/deployment-branch-policies',
        { name, per_page: 100 },
        'they do not exist',
      );
      return answer.branch_policies.map((policy) => policy.name);
    },
    approvals: (runId) =>
      read(
        'the approvals of this run',
        approvalsAnswer,
        '/actions/runs/{run_id}/approvals',
        { run_id: Number(runId) },
        'the run does not exist',
      ),
    run: (runId) =>
      read(
        `the run ${runId}`,
        runAnswer,
        '/actions/runs/{run_id}',
        { run_id: Number(runId) },
        'it does not exist in this repository. Correct the run id',
      ),
    repository: () => read('the repository', repositoryAnswer, '', {}, 'the token cannot see it'),
    branchIsProtected: async (branch) => {
      const answer = await read(
        `the branch "${branch}"`,
        branchAnswer,
        '/branches/{branch}',
        { branch },
        'it does not exist any more',
      );
      return answer.protected;
    },
    artifacts: async (runId, name) => {
      const answer = await read(
        `the artifacts of the run ${runId}`,
        artifactsAnswer,
        '/actions/runs/{run_id}/artifacts',
        { run_id: Number(runId), name, per_page: 100 },
        'the run does not exist',
      );
      return answer.artifacts.filter((artifact) => artifact.name === name);
    },
    artifactsNamed: async (name) => {
      const answer = await read(
        `the list of artifacts called ${name}`,
        keptArtifactsAnswer,
        '/actions/artifacts',
        { name, per_page: 100 },
        'the token cannot see them',
      );
      return answer.artifacts.filter((artifact) => artifact.name === name);
    },
    archive: async (artifactId) => {
      const bytes = await read(
        `the artifact ${artifactId}`,
        z.instanceof(ArrayBuffer),
        '/actions/artifacts/{artifact_id}/zip',
        { artifact_id: artifactId },
        'it has been deleted. Rehearse again',
      );
      return Buffer.from(bytes);
    },
  };
}

/** Of what was asked for, GitHub says that it is not there (404), or not for this token. */
export class AbsentError extends ConfigurationError {}

/** A closed gate: what is wrong, and that nothing happened. */
export function closed(why: string): ConfigurationError {
  return new ConfigurationError(`The gate stays closed, and nothing was changed: ${why}.`);
}

function reasonOf(error: unknown, missing: string): string {
  const status = statusOf(error);
  if (status === 404) return missing;
  if (status === 401)
    return 'GitHub refused the token (401). Give the input github-token as `${{ github.token }}`';
  if (status === 403) {
    return 'GitHub forbade it (403). Give the job `permissions: actions: read` (and `contents: read`); if it has that, the rate limit is used up: wait an hour and run the job again';
  }
  if (status === 410) return 'it has expired (410). Rehearse, or prepare, again';
  if (status === 429) return 'GitHub asked to slow down (429). Wait a few minutes and run the job again';
  if (status >= 500)
    return `GitHub is in trouble (HTTP ${status}). Look at githubstatus.com and run the job again`;
  return `${messageOf(error)}. Run the job again`;
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'status' in error ? Number(error.status) : 0;
}
