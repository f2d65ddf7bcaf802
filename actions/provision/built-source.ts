import { deployAgain, readAppById, waitForDeployment, type App } from '../../src/digitalocean/app.ts';
import { componentName } from '../../src/digitalocean/app-spec.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { commitProblem } from '../../src/digitalocean/github-source.ts';
import { parseImageReference, type ImageSource } from '../../src/digitalocean/image-reference.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { SourceBuild } from '../../src/migration/config.ts';
import type { Provisioning } from './provision.ts';

/** What is deployed: the image that is given, or what App Platform builds. @throws ConfigurationError when it is neither, or both */
export function chosenSource({
  edge,
  subject,
}: Pick<Provisioning, 'edge' | 'subject'>): ImageSource | SourceBuild {
  const { image: build } = subject.config;
  if (build === undefined) return parseImageReference(edge.inputs.required('image'));
  if (edge.inputs.optional('image') !== undefined) {
    throw new ConfigurationError(
      'migration.yml says `image: { build: app-platform }`, and the input image names an image: leave one of the two out. Nothing was changed.',
    );
  }
  return build;
}

/** The commit that Heroku runs: without it nobody could tell whether App Platform built the same. */
export function requireCommit({ edge }: Pick<Provisioning, 'edge'>): string {
  const commit = edge.inputs.optional('commit') ?? '';
  if (/^[0-9a-f]{40}$/u.test(commit)) return commit;
  throw new ConfigurationError(
    'App Platform builds the image, and the input `commit` does not say what Heroku runs (40 hexadecimal digits; the output ' +
      '`commit` of assess has it, and is empty for code that did not come from git). Without it nobody can tell whether the ' +
      'same was built: let the workflow build the image (leave `image` out of migration.yml). Nothing was changed.',
  );
}

/** What is compared with what Heroku runs. */
interface Built {
  client: DigitalOcean;
  /** As in the plan. */
  components: readonly { name: string }[];
  build: SourceBuild;
  /** What Heroku runs. */
  commit: string;
}

/**
 * Proves that App Platform built what Heroku runs. A deployment that was there before this run, `before`, may be of an older
 * state of the branch: then it is built once more. Returns whether it was.
 *
 * @throws ConfigurationError when another commit was built, or nobody says which; the new side stays closed
 */
export async function requireSameCode(
  built: Built,
  appId: string,
  before: string | undefined,
): Promise<boolean> {
  const { client, commit, build } = built;
  const found = await problemOf(built, appId);
  if (found.problem === undefined) {
    client.log.info(`App Platform built ${commit}, which Heroku runs`);
    return false;
  }
  if (found.deployment !== undefined && found.deployment === before) {
    client.log.info(`${found.problem}, and Heroku runs ${commit}: building ${build.branch} again`);
    await waitForDeployment(client, appId, await deployAgain(client, appId, true));
    // One that is new is not built another time.
    await requireSameCode(built, appId, undefined);
    return true;
  }
  throw new ConfigurationError(
    `Heroku runs ${commit}, and on the new side ${found.problem}. It stays closed, and Heroku serves as before. App Platform builds ` +
      `what the branch ${build.branch} of ${build.repository} holds: point it at that commit (\`git push --force origin ` +
      `${commit}:refs/heads/${build.branch}\`, for a branch of its own), or deploy the branch to Heroku; then run this again. ` +
      'Or let the workflow build the image: leave `image` out of migration.yml.',
  );
}

async function problemOf(
  { client, components, commit }: Built,
  appId: string,
): Promise<{ problem: string | undefined; deployment: string | undefined }> {
  const { active_deployment: active }: App = await readAppById(client, appId);
  const names = components.map(({ name }) => componentName(name));
  return { problem: commitProblem(active, names, commit), deployment: active?.id };
}
