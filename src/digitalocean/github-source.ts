import { ConfigurationError, messageOf } from '../errors.ts';
import type { Deployment } from './app.ts';

/** What App Platform builds itself. */
export interface GitHubSource {
  /** `acme/shop` */
  repository: string;
  branch: string;
  dockerfile: string;
  /** The whole repository when left out. */
  directory?: string;
}

/** The same in the words of the app spec (OpenAPI description, `apps_github_source_spec`, `app_component_base`). */
export interface GitHubSpec {
  github: { repo: string; branch: string; deploy_on_push: false };
  dockerfile_path: string;
  source_dir?: string;
}

/** A push never deploys by itself: between fence and smoke test there is no deployment. */
export function githubSpec({ repository, branch, dockerfile, directory }: GitHubSource): GitHubSpec {
  return {
    github: { repo: repository, branch, deploy_on_push: false },
    dockerfile_path: dockerfile,
    ...(directory === undefined ? {} : { source_dir: directory }),
  };
}

/** Where App Platform is given access to repositories. */
const INSTALL = 'https://cloud.digitalocean.com/apps/github/install';

/**
 * The refusal of a spec whose repository App Platform may not read ("GitHub user not authenticated", "Account does not have
 * access to the repo"), with the page to open; any other error as it is.
 */
export function explainGitHubRefusal(error: unknown, { repository }: GitHubSource): unknown {
  const said = messageOf(error);
  if (!/github|access to the repo/iu.test(said) || !(error instanceof Error)) return error;
  return new ConfigurationError(
    `${said} App Platform may not read ${repository}: open ${INSTALL} as somebody who may administer the repository, give it ` +
      'access, and run this again.',
    { cause: error },
  );
}

/** The commit that each component of a deployment was built from; undefined where App Platform does not say. */
export function builtCommits(deployment: Deployment): Map<string, string | undefined> {
  const components = [deployment.services, deployment.workers, deployment.jobs].flatMap((list) => list ?? []);
  return new Map(components.map(({ name, source_commit_hash: commit }) => [name, commit || undefined]));
}

/**
 * Why the deployment is not that of `commit`; undefined when each of the components was built from it. What is not told is
 * no proof.
 */
export function commitProblem(
  deployment: Deployment | null | undefined,
  components: readonly string[],
  commit: string,
): string | undefined {
  if (deployment == null || components.length === 0) return 'nothing is deployed';
  const built = builtCommits(deployment);
  const wrong = components.flatMap((name) => {
    const found = built.get(name);
    if (found === commit) return [];
    return [
      found === undefined
        ? `App Platform does not say what it built ${name} from`
        : `${name} is built from ${found}`,
    ];
  });
  return wrong.length === 0 ? undefined : wrong.join(', ');
}
