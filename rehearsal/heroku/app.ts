import { EventEmitter } from 'node:events';
import type { Authority } from '../servers/certificates.ts';
import { temporaryDirectory } from '../servers/process.ts';
import { createEndpoint } from './api/sni-endpoint.ts';
import { attachAddOns, newDrain } from './attach-add-ons.ts';
import { findNamed, type DynoSize } from './catalogue.ts';
import { effectiveConfig } from './config.ts';
import { changeOf } from './dyno.ts';
import { formationDynos } from './formation.ts';
import {
  born,
  currentRelease,
  type AddOn,
  type App,
  type Autoscaling,
  type Domain,
  type GithubLink,
  type Platform,
  type Slug,
} from './platform.ts';
import { createRelease } from './release.ts';

export interface AppOptions {
  name: string;
  /** Directory with the deployed code; commands run in it. */
  code: string;
  /** Dynos and release phase are listed as done and no process is started: commands of programs that are not here. */
  onPaper?: boolean;
  /** The Procfile as deployed; `release` is the release phase. */
  processTypes: Record<string, string>;
  formation: Record<string, { quantity: number; size: string }>;
  config: Record<string, string>;
  /** `plan` like `standard-0`. The server is the caller's; what stands behind it beside the database is only listed. */
  postgres?: { plan: string; url: string } & Partial<AddOn['behind']>;
  /** `plan` like `premium-0`. The server is the caller's. */
  redis?: { plan: string; url: string; maxmemoryPolicy?: string };
  scheduler?: SchedulerJobOptions[];
  /**
   * Other makers' services: the plan's name like `papertrail:choklad`, its price, the config vars that it sets, and
   * where it drains the app's logs to.
   */
  addOns?: { plan: string; cents?: number; config?: Record<string, string>; drain?: string }[];
  /** Add-ons of other apps that it uses, too: of the first one of that service, under a name such as `DATABASE`. */
  attached?: { app: string; service: string; as: string; namespace?: string }[];
  /** Addresses to which a user sends the logs. */
  drains?: string[];
  webhooks?: { url: string; include: string[] }[];
  /** Who may work on it beside its owner. */
  collaborators?: string[];
  /** Custom host names; each gets a certificate and a DNS target. */
  domains: string[];
  pipeline?: {
    name: string;
    stage: 'test' | 'review' | 'development' | 'staging' | 'production';
    /** Review apps are enabled; so many pull requests have one. */
    review?: { automatic: boolean; open: number };
  };
  team?: string;
  space?: { name: string; shield?: boolean };
  /** `heroku-24` unless said otherwise. */
  stack?: string;
  /** Names of features that are on. */
  features?: string[];
  github?: GithubLink;
  autoscaling?: Autoscaling;
  /** Off: certificates are uploaded ones. */
  acm?: boolean;
  /** Names like `heroku/nodejs`, first one runs first. */
  buildpacks?: string[];
  /** `us` or `eu`. */
  region?: string;
}

/** `every` in minutes; `at` is the minute of the hour (hourly) or of the day in UTC (daily). */
export interface SchedulerJobOptions {
  command: string;
  every: 10 | 60 | 1440;
  at: number;
}

/** One app, as a test looks at it from the side. */
export interface HerokuApp {
  readonly id: string;
  readonly name: string;
  /** `<name>-<random>.herokuapp.com` */
  readonly webHost: string;
  /** The `….herokudns.com` target of each custom domain. */
  dnsTargets(): Record<string, string>;
  dynos(): { name: string; type: string; state: string; pid: number | undefined; release: number }[];
  releases(): { version: number; status: string; description: string; current: boolean }[];
  maintenance(): boolean;
  formation(): Record<string, { quantity: number; size: string }>;
  config(): Record<string, string>;
  /** Output of dynos and router, oldest first, like `heroku logs`; the last 3,000 lines. */
  logs(): string[];
  /** Resolves when the formation's dynos are all up; rejects when one crashed. */
  settled(): Promise<void>;
}

/**
 * Makes an app and deploys its code: add-ons, config vars, then a release whose release phase must succeed, then the
 * formation's dynos start.
 *
 * @throws when a name, plan or size does not exist, or the release phase fails
 */
export async function createApp(
  platform: Platform,
  authority: Authority,
  options: AppOptions,
): Promise<HerokuApp> {
  const app = blankApp(platform, options);
  platform.apps.push(app);
  createRelease(platform, app, { description: 'Initial release' });
  attachAddOns(platform, app, options);
  app.jobs = (options.scheduler ?? []).map(({ command, every, at }) => ({
    id: platform.ids.uuid(),
    command,
    every,
    at,
    size: sizeOf(platform, 'Standard-1X'),
    ranAt: undefined,
  }));
  await addDomains(platform, authority, app, options.domains);
  joinPipeline(platform, app, options.pipeline);
  tellOthers(platform, app, options);
  if (Object.keys(options.config).length > 0) {
    app.config = { ...options.config };
    createRelease(platform, app, {
      description: `Set ${Object.keys(options.config).join(', ')} config vars`,
    });
  }
  await deploy(platform, app, options);
  return lookAt(platform, app);
}

/** As `heroku create` makes it: no code, no config vars, one release that did nothing. */
export function createEmptyApp(
  platform: Platform,
  { name, ...place }: { name: string; region: string; stack: string; team?: string },
): App {
  const app = blankApp(platform, {
    ...{ name, ...place, code: temporaryDirectory('app') },
    ...{ processTypes: {}, formation: {}, config: {}, domains: [], buildpacks: [] },
  });
  platform.apps.push(app);
  createRelease(platform, app, { description: 'Initial release' });
  return app;
}

function blankApp(platform: Platform, options: AppOptions): App {
  const { catalogue, account, ids } = platform;
  if (findNamed(platform.apps, options.name))
    throw new Error(`There is a Heroku app ${options.name} already.`);
  const region = findNamed(catalogue.regions, options.region ?? 'us');
  const stack = findNamed(catalogue.stacks, options.stack ?? 'heroku-24');
  if (!region || !stack) throw new Error(`Heroku has no region ${options.region ?? ''}.`);
  const events: App['events'] = new EventEmitter();
  // Every held request listens.
  events.setMaxListeners(0);
  return {
    ...born(platform),
    name: options.name,
    acm: options.acm ?? true,
    maintenance: false,
    region,
    stack,
    team: options.team === undefined ? undefined : teamOf(platform, options.team),
    space:
      options.space === undefined
        ? undefined
        : { ...born(platform), name: options.space.name, shield: options.space.shield ?? false },
    github: options.github,
    autoscaling: options.autoscaling,
    code: options.code,
    onPaper: options.onPaper ?? false,
    config: {},
    formation: [],
    dynos: [],
    slugs: [],
    builds: [],
    releases: [],
    releasing: Promise.resolve(),
    pendingReleases: 0,
    domains: [
      {
        ...born(platform),
        hostname: `${options.name}-${ids.hex(12)}.herokuapp.com`,
        kind: 'heroku',
        cname: null,
        sniEndpoint: undefined,
      },
    ],
    sniEndpoints: [],
    buildpacks: options.buildpacks ?? ['heroku/nodejs'],
    drains: [],
    webhooks: [],
    features: [
      ['preboot', 'Provide seamless web dyno deploys'],
      ['http-session-affinity', 'Enable HTTP session affinity'],
      ['runtime-dyno-metadata', 'Dyno metadata in the environment'],
      ['log-runtime-metrics', 'Emit dyno resource usage information'],
    ].map(([name = '', description = '']) => ({
      ...born(platform),
      name,
      description,
      enabled: options.features?.includes(name) ?? false,
    })),
    collaborators: [
      { ...born(platform), user: { id: account.id, email: account.email }, role: 'owner' },
      ...(options.collaborators ?? []).map((email) => ({
        ...born(platform),
        user: { id: ids.uuid(), email },
        role: 'collaborator',
      })),
    ],
    jobs: [],
    logLines: [],
    events,
  };
}

function teamOf(platform: Platform, name: string): Platform['teams'][number] {
  const team = findNamed(platform.teams, name) ?? { ...born(platform), name };
  if (!platform.teams.includes(team)) platform.teams.push(team);
  return team;
}

/** Whom the app tells of its logs and its releases. */
function tellOthers(platform: Platform, app: App, { drains = [], webhooks = [] }: AppOptions): void {
  app.drains.push(...drains.map((url) => newDrain(platform, url)));
  app.webhooks.push(...webhooks.map((webhook) => ({ ...born(platform), level: 'notify', ...webhook })));
}

/** Custom domains with a certificate that Heroku manages, one for all of them. */
async function addDomains(
  platform: Platform,
  authority: Authority,
  app: App,
  hostnames: string[],
): Promise<void> {
  if (hostnames.length === 0) return;
  const { certificate, key } = await authority.issue(hostnames);
  const sniEndpoint = createEndpoint(platform, certificate, key);
  app.sniEndpoints.push(sniEndpoint);
  app.domains.push(
    ...hostnames.map((hostname): Domain => ({
      ...born(platform),
      hostname: hostname.toLowerCase(),
      kind: 'custom',
      cname: `${hostname.replace(/^\*\./, '').toLowerCase()}.${platform.ids.hex(12)}.herokudns.com`,
      sniEndpoint,
    })),
  );
}

function joinPipeline(platform: Platform, app: App, wanted: AppOptions['pipeline']): void {
  if (!wanted) return;
  const pipeline = findNamed(platform.pipelines, wanted.name) ?? {
    ...born(platform),
    name: wanted.name,
    review: undefined,
  };
  if (!platform.pipelines.includes(pipeline)) platform.pipelines.push(pipeline);
  if (wanted.review) {
    const { automatic, open } = wanted.review;
    pipeline.review = { automatic, repoId: 138865824, baseName: wanted.name };
    for (let pullRequest = 1; pullRequest <= open; pullRequest += 1) {
      const branch = `feature-${pullRequest}`;
      platform.reviewApps.push({ ...born(platform), pipeline, branch, pullRequest, status: 'created' });
    }
  }
  platform.couplings.push({ ...born(platform), app, pipeline, stage: wanted.stage });
}

async function deploy(platform: Platform, app: App, options: AppOptions): Promise<void> {
  const slug: Slug = {
    ...born(platform),
    processTypes: { ...options.processTypes },
    directory: options.code,
    commit: platform.ids.hex(40),
    commitDescription: null,
    checksum: `SHA256:${platform.ids.hex(64)}`,
    buildpackDescription: languageOf(app.buildpacks),
    stack: app.stack,
    size: 25_000_000,
  };
  app.slugs.push(slug);
  app.formation = Object.keys(options.processTypes).map((type) => {
    const wanted = options.formation[type];
    return {
      ...born(platform),
      type,
      quantity: wanted?.quantity ?? 0,
      size: sizeOf(platform, wanted?.size ?? 'Standard-1X'),
    };
  });
  const unknown = Object.keys(options.formation).filter((type) => !(type in options.processTypes));
  if (unknown.length > 0)
    throw new Error(`The formation names ${unknown.join(', ')}, which is no process type.`);
  const release = createRelease(platform, app, {
    description: `Deploy ${slug.commit?.slice(0, 8) ?? ''}`,
    slug,
  });
  await app.releasing;
  if (release.status !== 'succeeded') {
    throw new Error(
      `The release phase of ${app.name} failed on the first deployment:\n${release.output?.join('\n') ?? ''}`,
    );
  }
}

/** What the last buildpack calls itself: a Rails app often has Node before it for its assets. */
function languageOf(buildpacks: string[]): string {
  const last = buildpacks.at(-1) ?? '';
  if (last.includes('ruby')) return 'Ruby';
  return last.includes('python') ? 'Python' : 'Node.js';
}

function sizeOf(platform: Platform, name: string): DynoSize {
  const size = findNamed(platform.catalogue.dynoSizes, name);
  if (!size) throw new Error(`Heroku has no dyno size ${name}.`);
  return size;
}

export function lookAt(platform: Platform, app: App): HerokuApp {
  return {
    id: app.id,
    get name() {
      return app.name;
    },
    webHost: app.domains[0]?.hostname ?? '',
    dnsTargets: () =>
      Object.fromEntries(
        app.domains.flatMap(({ hostname, cname }) => (cname === null ? [] : [[hostname, cname]])),
      ),
    dynos: () =>
      app.dynos.map(({ name, type, state, process, release }) => ({
        name,
        type,
        state,
        pid: process?.pid,
        release: release.version,
      })),
    releases: () =>
      app.releases.map((release) => ({
        version: release.version,
        status: release.status,
        description: release.description,
        current: release === currentRelease(app),
      })),
    maintenance: () => app.maintenance,
    formation: () =>
      Object.fromEntries(
        app.formation.map(({ type, quantity, size }) => [type, { quantity, size: size.name }]),
      ),
    config: () => effectiveConfig(platform, app),
    logs: () => [...app.logLines],
    settled: () => settled(app),
  };
}

async function settled(app: App): Promise<void> {
  for (;;) {
    await app.releasing;
    const dynos = app.formation.flatMap(({ type }) => formationDynos(app, type));
    const crashed = dynos.find(({ state }) => state === 'crashed');
    if (crashed) {
      throw new Error(`${crashed.name} of ${app.name} crashed:\n${app.logLines.slice(-15).join('\n')}`);
    }
    const wanted = app.formation.reduce((sum, { quantity }) => sum + quantity, 0);
    if (dynos.length === wanted && dynos.every(({ state }) => state === 'up')) return;
    await changeOf(app);
  }
}
