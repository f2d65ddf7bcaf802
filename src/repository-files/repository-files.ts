import type { GitHubSource } from '../digitalocean/github-source.ts';
import type { Plan } from '../migration/plan.ts';
import { mayHoldSecret } from '../migration/propose-config.ts';
import type { RepositoryFacts } from '../repository/read-repository.ts';
import { appYaml } from './app-yaml.ts';
import { MARK, type BuildFacts } from './build-facts.ts';
import { dockerfile, dockerignore } from './dockerfile.ts';
import { frontDoorFiles } from './front-door-files.ts';
import { sidekiqFiles } from './sidekiq-files.ts';
import { systemPackages } from './system-packages.ts';

/** Everything that provision would put into the application's repository. */
export interface RepositoryFiles {
  /** Paths relative to the repository; `why` is a clause for the pull request. */
  files: { path: string; content: string; why: string }[];
  /** What a person has to do or look at; Markdown. */
  checks: string[];
  /** What is not proposed although one might expect it, one sentence each. */
  told: string[];
  /** For files that are somebody's own. */
  snippets: { title: string; language: string; text: string }[];
}

export interface FilesInput {
  plan: Plan;
  /** The app's name on App Platform. */
  appName: string;
  environment: string;
  /** `.do/app.yaml`, or another where several environments have one. */
  specPath: string;
  healthPath: string | undefined;
  /** What App Platform builds; undefined: the workflow builds the image. */
  source?: GitHubSource | undefined;
  facts: RepositoryFacts;
  /** Of the app's directory. */
  build: BuildFacts;
  /** Of the app at Heroku: names or addresses. */
  buildpacks: readonly string[];
}

/** What an app's repository needs to run on App Platform. Pure: the same plan and checkout give the same files. */
export function repositoryFiles(input: FilesInput): RepositoryFiles {
  const { facts, specPath } = input;
  const spec = {
    path: specPath,
    content: appYaml(input),
    why: 'the app as the plan has it, without any value of a variable: to be read, as provision manages the live one',
  };
  if (facts.directory === null) {
    const where = facts.appDirectories.map(({ path }) => (path === '' ? 'the top' : path)).join(', ');
    return {
      files: [spec],
      checks: [],
      told: [
        `No Dockerfile is proposed: the app could be in ${where}. Give the input \`repository-directory\`.`,
      ],
      snippets: [],
    };
  }
  const parts = [imageFiles(input), sidekiqFiles(input), frontDoorFiles(input)];
  const at = (path: string): string => (facts.directory === '' ? path : `${facts.directory ?? ''}/${path}`);
  return {
    files: [...parts.flatMap(({ files }) => files).map((file) => ({ ...file, path: at(file.path) })), spec],
    checks: parts.flatMap(({ checks }) => checks),
    told: parts.flatMap(({ told }) => told),
    snippets: parts.flatMap(({ snippets }) => snippets),
  };
}

/** Where an application keeps its own; one deeper down is another program's, such as a proxy's or an example's. */
const ITS_PLACES = /^((\.?docker|deploy|deployment|ops|infra|build)\/)?[^/]+$/;

function imageFiles({ plan, facts, build, buildpacks }: FilesInput): RepositoryFiles {
  const nothing = (...told: string[]): RepositoryFiles => ({ files: [], checks: [], told, snippets: [] });
  if (facts.image.herokuYml?.buildsImage === true) return nothing();
  const under = facts.directory === '' ? '' : `${facts.directory ?? ''}/`;
  const theirs = facts.image.dockerfiles
    .map(({ path }) => path)
    .filter((path) => path.startsWith(under) && ITS_PLACES.test(path.slice(under.length)))
    .filter((path) => path !== `${under}Dockerfile` || !build.ours.includes('Dockerfile'));
  if (theirs.length > 0)
    return nothing(`No Dockerfile is proposed: there is ${theirs.join(', ')}, which is left alone.`);

  const [first] = facts.languages;
  const language =
    plan.language === null ? first : facts.languages.find(({ name }) => name === plan.language);
  if (language === undefined) {
    return nothing(
      `No Dockerfile is proposed: the checkout has no manifest of ${plan.language ?? 'a language that is known'}.`,
    );
  }
  const web = plan.components.find(({ kind }) => kind === 'service')?.command;
  const packages = systemPackages({ image: facts.image, build, buildpacks });
  const hidden = web !== undefined && mayHoldSecret(web);
  const made = dockerfile({ facts, build, language, packages, web: hidden ? undefined : web });
  if (made === undefined) {
    return nothing(
      `No Dockerfile is proposed: the app is written in ${language.name}, and those of Ruby, Node.js and Python are known.`,
    );
  }
  return {
    files: [
      {
        path: 'Dockerfile',
        content: made.text,
        why: `the image: ${language.name} in the version that Heroku runs, ${packages.run.length === 0 ? 'no packages beside it' : packages.run.join(', ')}, no secret while it is built, a user without rights`,
      },
      {
        path: '.dockerignore',
        content: dockerignore(MARK),
        why: 'keeps secrets of developers’ machines, and what only makes it large, out of the image',
      },
    ],
    checks: [
      'Build it once: `docker build .` (nothing here could).',
      ...made.checks,
      ...packages.checks,
      ...facts.image.profileScripts.map(
        (path) =>
          `${path} runs in every dyno, and not in an image: source it in an entrypoint that ends with \`exec "$@"\``,
      ),
    ],
    told: [],
    snippets: [],
  };
}
