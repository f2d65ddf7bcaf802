import { delimiter, dirname, join, resolve } from 'node:path';
import type { RehearsalOptions } from './options.ts';
import type { BuiltIns } from './runner/built-in.ts';
import type { RunnerEvent } from './runner/events.ts';
import type { RunWorkflowOptions, Watch, WorkflowResult } from './runner/options.ts';
import { runWorkflow } from './runner/run-workflow.ts';
import { SHOP_IMAGE_DIGEST, type EnvironmentName, type World } from './world.ts';

/** Played, like everything here. */
export const MIGRATION_KEY = 'a-migration-key-for-rehearsals-only-0001';
const PROJECT = join(import.meta.dirname, '..');

export interface PipelineOptions {
  /** A shipped workflow by its name, or the path of one in the user's repository. */
  file: string;
  inputs: Record<string, unknown>;
  actor: string;
  directory: string;
  approve: boolean;
  /** Who is asked for it; `robin` unless given. */
  reviewer?: string;
  onEvent?: (event: RunnerEvent) => void;
  killStep?: RunWorkflowOptions['killStep'];
  machine?: RunWorkflowOptions['machine'];
  rerunOf?: WorkflowResult;
  signal?: AbortSignal;
  /** `workflow_dispatch` unless given; a reusable part is started as its caller would. */
  event?: RunWorkflowOptions['event'];
  /** Of a schedule, the line that is due. */
  cron?: string;
  /** The user's repository, when it is not the world's own. */
  workspace?: string;
  /** Secrets of the environments that differ from the right ones; '' is one that was never set. */
  secrets?: Record<string, string>;
  /** Repository variables that differ or are added. */
  vars?: Record<string, string>;
  /** Jobs that are left out, by their keys. */
  without?: readonly string[];
  watch?: Watch;
}

/** Runs one of the shipped workflow files against the world, as the user's repository would. */
export function runPipeline(world: World, options: PipelineOptions): Promise<WorkflowResult> {
  const { onEvent, killStep, machine, rerunOf, signal, without, watch } = options;
  const secrets = {
    HEROKU_TOKEN: world.tokens.heroku,
    DIGITALOCEAN_TOKEN: world.tokens.digitalOcean,
    MIGRATION_KEY,
    ...(world.cloudflare === undefined ? {} : { CLOUDFLARE_TOKEN: world.tokens.cloudflare }),
    ...(world.route53 === undefined
      ? {}
      : { AWS_ACCESS_KEY_ID: world.tokens.aws, AWS_SECRET_ACCESS_KEY: 'rehearsal-secret-of-acme' }),
    ...options.secrets,
  };
  return runWorkflow({
    file: resolve(PROJECT, '.github', 'workflows', options.file),
    projectRoot: PROJECT,
    workspace: options.workspace ?? world.workspace,
    event: options.event ?? 'workflow_dispatch',
    ...(options.cron === undefined ? {} : { cron: options.cron }),
    inputs: options.inputs,
    actor: options.actor,
    vars: {
      IMAGE_REPOSITORY: 'registry.digitalocean.com/acme/shop',
      ...addressesOf(world),
      ...options.vars,
    },
    repositorySecrets: {},
    environments: {
      staging: { secrets },
      'production-prepare': { secrets },
      'production-rehearsal': { secrets },
      production: { secrets },
    },
    approve: () =>
      Promise.resolve({
        approved: options.approve,
        by: options.reviewer ?? 'robin',
        comment: options.approve ? 'The record is clean.' : 'Not today.',
      }),
    github: world.github,
    env: processEnvironment(world),
    builtIns: builtInsOf(world),
    directory: options.directory,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(killStep === undefined ? {} : { killStep }),
    ...(machine === undefined ? {} : { machine }),
    ...(rerunOf === undefined ? {} : { rerunOf }),
    ...(signal === undefined ? {} : { signal }),
    ...(without === undefined ? {} : { without }),
    ...(watch === undefined ? {} : { watch }),
  });
}

/** Where this world's companies are, by the variables' names that the workflows give to the inputs of the same names. */
export function addressesOf(world: World): Record<string, string> {
  return {
    HEROKU_API_URL: world.heroku.apiUrl,
    HEROKU_DATA_API_URL: world.heroku.dataApiUrl,
    SCHEDULER_API_URL: world.heroku.schedulerUrl,
    HEROKU_METRICS_URL: world.heroku.metricsUrl,
    HEROKU_GITHUB_URL: world.heroku.githubUrl,
    DIGITALOCEAN_API_URL: world.digitalOcean.apiUrl,
    EGRESS_URL: world.egressUrl,
    RESOLVERS: world.resolvers.map(({ address }) => address).join(', '),
    ...(world.cloudflare === undefined ? {} : { CLOUDFLARE_API_URL: world.cloudflare.apiUrl }),
    ...(world.route53 === undefined ? {} : { ROUTE53_API_URL: world.route53.apiUrl }),
  };
}

/** The played build: the shop's code is its image. It is pushed into the played registry, which must be there. */
function builtInsOf({ digitalOcean }: World): BuiltIns {
  return {
    'docker/build-push-action': (context) => {
      context.info(`Played: the shop's code is the image ${SHOP_IMAGE_DIGEST}.`);
      const tags = (context.inputs.tags ?? '').split('\n').map((tag) => tag.trim());
      digitalOcean.registries.push(tags, SHOP_IMAGE_DIGEST);
      context.setOutput('digest', SHOP_IMAGE_DIGEST);
    },
  };
}

/** What a runner's machine gives to every process: tools, the way out, and whom to trust. */
export function processEnvironment(world: World): Record<string, string> {
  const proxy = world.proxyUrl('runner');
  return {
    ...world.postgres.environment,
    PATH: [world.docker.bin, world.postgres.bin, dirname(process.execPath), process.env.PATH ?? ''].join(
      delimiter,
    ),
    NODE_EXTRA_CA_CERTS: world.authorityFile,
    https_proxy: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    HTTP_PROXY: proxy,
    no_proxy: '127.0.0.1,localhost',
    NO_PROXY: '127.0.0.1,localhost',
  };
}

/**
 * `--fail <phase>:<step>`: that step of the last environment fails once. Before the point of no return of a cutover the
 * process is interrupted, so that it undoes itself; everywhere else it is killed, so that a re-run must continue.
 */
export function failOnce(
  { fail, environment }: Pick<RehearsalOptions, 'fail' | 'environment'>,
  undoes: (step: string) => boolean,
): { killStep: NonNullable<PipelineOptions['killStep']>; happened(): boolean } | undefined {
  if (fail === undefined) return undefined;
  let happened = false;
  return {
    happened: () => happened,
    killStep: (job, _step, line) => {
      if (happened || !belongsTo(job, fail.phase, environment)) return false;
      if (!new RegExp(String.raw`^##\[group\](\d+/\d+ )?${escape(fail.step)}\b`, 'i').test(line))
        return false;
      happened = true;
      return fail.phase === 'cutover' && undoes(fail.step) ? 'interrupt' : 'runner';
    },
  };
}

const JOBS: Record<string, RegExp> = {
  assess: /assess$/,
  provision: /(infrastructure|application)$/,
  'migrate-db': /copy$/,
  cutover: /cutover$/,
  verify: /verify$/,
};

function belongsTo(job: string, phase: string, environment: EnvironmentName): boolean {
  const ofProduction = job.startsWith('production') || job === 'cutover' || job === 'verify';
  return (JOBS[phase]?.test(job) ?? false) && ofProduction === (environment === 'production');
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
