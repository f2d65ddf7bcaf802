import { z } from 'zod';
import { readAddOns, type AddOn } from './add-ons.ts';
import { readAttachments, readSharedUses, type Attachment, type SharedUse } from './attachments.ts';
import { readAutomaticDeploys, unknownDeploys, type AutomaticDeploys } from './automatic-deploys.ts';
import {
  autoscalersByTraces,
  mayAutoscale,
  readHerokuAutoscaler,
  type Autoscaler,
  type Traces,
} from './autoscalers.ts';
import type { HerokuClient } from './client.ts';
import { classifyConfigVar, type ConfigVarClass } from './config-var-class.ts';
import { readDataServices, type DataService } from './data-services.ts';
import { readCertificates, readDomains, type Certificate, type Domain } from './domains.ts';
import { readFormation, type FormationProcess } from './formation.ts';
import { createGaps, type Gap, type Gaps } from './gap.ts';
import { hostReferenceOf, type HostReference } from './host-reference.ts';
import { inOrder } from './in-order.ts';
import { named } from './named.ts';
import { readPipeline, type Pipeline } from './pipeline.ts';
import { isParked, readCurrentSlug } from './release.ts';
import { unknownApp } from './unknown-app.ts';

export { readAddOns, type AddOn } from './add-ons.ts';

const appSchema = z.object({
  id: z.string(),
  name: z.string(),
  maintenance: z.boolean(),
  stack: named,
  region: named,
  space: named.extend({ shield: z.boolean().optional() }).nullable().optional(),
  team: named.nullable().optional(),
  acm: z.boolean().nullable().default(false),
  generation: z.union([z.string(), named]).nullable().optional(),
  internal_routing: z.boolean().nullable().optional(),
  web_url: z.string().nullable().default(null),
  buildpack_provided_description: z.string().nullable().default(null),
  archived_at: z.string().nullable().default(null),
});

const dynoSizeSchema = z.object({
  name: z.string(),
  memory: z.number(),
  dedicated: z.boolean().default(false),
  cost: z.object({ cents: z.number(), unit: z.string() }).nullable().optional(),
});

const buildpackSchema = z.object({
  ordinal: z.number(),
  buildpack: z.object({ name: z.string(), url: z.string().default('') }),
});
const drainSchema = z.object({ url: z.string(), addon: named.nullable().optional() });
const webhookSchema = z.object({
  url: z.string(),
  level: z.string(),
  include: z.array(z.string()).default([]),
});
const featureSchema = z.object({ name: z.string(), enabled: z.boolean() });
const something = z.object({});

export interface DynoSize {
  name: string;
  memoryMib: number;
  dedicated: boolean;
  centsPerMonth: number | null;
}

/** Everything that assess knows about one app, without a single secret or config value. */
export interface HerokuInventory {
  app: {
    id: string;
    name: string;
    /** `heroku-24`, `container`, `cnb` … */
    stack: string;
    /** `cedar`, or `fir` with its own build and telemetry. */
    generation: string;
    region: string;
    space: string | null;
    /** The space is of the Shield kind. */
    shield: boolean;
    /** Reachable inside the space only. */
    internalRouting: boolean;
    team: string | null;
    maintenance: boolean;
    automaticCertificates: boolean;
    webUrl: string | null;
    language: string | null;
  };
  formation: FormationProcess[];
  /** The Procfile as deployed, from the running slug; `null` for container images and apps without a release. */
  processTypes: Record<string, string> | null;
  slugCommit: string | null;
  releasePhase: string | null;
  buildpacks: string[];
  dynoSizes: DynoSize[];
  addOns: AddOn[];
  attachments: Attachment[];
  /** Which of the app's own add-ons other apps use. */
  sharedUses: SharedUse[];
  dataServices: DataService[];
  /** `null` when the token may not read config vars. */
  configVars: { name: string; class: ConfigVarClass; leadsTo: HostReference | null }[] | null;
  domains: Domain[];
  certificates: Certificate[];
  /** Hosts only: a drain's address often holds a credential. */
  drains: { host: string; addOn: string | null }[];
  webhooks: { host: string; level: string; include: string[] }[];
  features: string[];
  pipeline: Pipeline | null;
  collaborators: number;
  /** `null` for an app of a person, or when the token may not read the team. */
  teamMembers: number | null;
  autoscalers: Autoscaler[];
  automaticDeploys: AutomaticDeploys;
  hasScheduler: boolean;
  /** A cutover has moved the app away: what runs is an empty placeholder. */
  parked: boolean;
  /** What could not be read, why, and what would tell. */
  unknown: Gap[];
}

export interface InventoryOptions {
  /**
   * Addresses that Heroku's own dashboard and command line use and its published API lacks. Without them, what they
   * would tell is a gap.
   */
  unofficial?: {
    token: string;
    /** `https://api.metrics.heroku.com` in earnest. */
    metricsUrl?: string;
    /** `https://kolkrabbi.heroku.com` in earnest. */
    githubUrl?: string;
  };
  /** When it has been read already: for all apps of a pipeline it is the same. */
  pipeline?: Awaited<ReturnType<typeof readPipeline>>;
  /** Likewise. */
  dynoSizes?: DynoSize[];
  /** How many belong to a team, read once by whoever reads several of its apps. */
  membersOf?: (team: string) => Promise<number>;
}

/**
 * Reads the whole app, requests side by side within Heroku's limit. Nothing is changed. What the token may not read is
 * named in `unknown` instead of ending the inventory; only an unknown app or a refused token does that (ConfigurationError).
 *
 * @param configVars the values, when the caller could read (and mask) them: only names and classes are kept.
 */
export async function readInventory(
  client: HerokuClient,
  appName: string,
  configVars: Record<string, string> | undefined,
  options: InventoryOptions = {},
): Promise<HerokuInventory> {
  const path = `/apps/${encodeURIComponent(appName)}`;
  const app = await client.find(path, appSchema);
  if (app === undefined) throw unknownApp(appName);

  const gaps = createGaps(client.signal);
  const [deployed, attached, reached, company] = await Promise.all([
    readDeployed(client, app.name, gaps, options),
    readAttached(client, app.name, gaps),
    readReached(client, app.name, gaps),
    readCompany(client, app.name, app.team?.name, gaps, options),
  ]);
  if (configVars === undefined) {
    gaps.add({
      what: 'config vars',
      why: 'their values were not given',
      permission: 'a token with the scope `read-protected`',
      essential: true,
    });
  }
  const own = {
    herokuHosts: reached.domains.filter(({ kind }) => kind === 'heroku').map(({ hostname }) => hostname),
    domains: reached.domains.filter(({ kind }) => kind === 'custom').map(({ hostname }) => hostname),
  };
  const host = app.web_url === null ? undefined : URL.parse(app.web_url)?.host;
  own.herokuHosts.push(`${app.name}.herokuapp.com`, ...(host === undefined ? [] : [host]));
  const classified =
    configVars === undefined
      ? null
      : Object.entries(configVars)
          .map(([name, value]) => ({
            name,
            class: classifyConfigVar(name, value, attached.addOns),
            leadsTo: hostReferenceOf(value, own),
          }))
          .sort((a, b) => a.name.localeCompare(b.name));
  const movers = await readMovers(
    client,
    app.id,
    deployed.formation,
    { ...attached, ...reached, configVars: classified ?? [] },
    gaps,
    options,
  );

  return {
    app: {
      id: app.id,
      name: app.name,
      stack: app.stack.name,
      generation: typeof app.generation === 'string' ? app.generation : (app.generation?.name ?? 'cedar'),
      region: app.region.name,
      space: app.space?.name ?? null,
      shield: app.space?.shield ?? false,
      internalRouting: app.internal_routing ?? false,
      team: app.team?.name ?? null,
      maintenance: app.maintenance,
      automaticCertificates: app.acm ?? false,
      webUrl: app.web_url,
      language: app.buildpack_provided_description,
    },
    ...deployed,
    ...attached,
    configVars: classified,
    ...reached,
    pipeline: company.pipeline,
    collaborators: company.collaborators,
    teamMembers: company.teamMembers,
    ...movers,
    hasScheduler: attached.addOns.some(({ service }) => service === 'scheduler'),
    unknown: [...gaps.found, ...company.pipelineGaps].sort((a, b) => a.what.localeCompare(b.what)),
  };
}

/** Heroku's dyno sizes with memory and price; the same for every app. */
export async function readDynoSizes(client: HerokuClient): Promise<DynoSize[]> {
  const sizes = await client.list('/dyno-sizes', dynoSizeSchema);
  return sizes.map((size) => ({
    name: size.name,
    // Heroku gives GB with fractions: 0.5, 1, 2.5, 14.
    memoryMib: Math.round(size.memory * 1024),
    dedicated: size.dedicated,
    centsPerMonth: size.cost?.unit === 'month' ? size.cost.cents : null,
  }));
}

export async function countMembers(client: HerokuClient, team: string): Promise<number> {
  return (await client.list(`/teams/${encodeURIComponent(team)}/members`, something)).length;
}

/** What runs: slug, formation, buildpacks. */
async function readDeployed(client: HerokuClient, app: string, gaps: Gaps, { dynoSizes }: InventoryOptions) {
  const path = `/apps/${encodeURIComponent(app)}`;
  const must = (what: string, permission = 'the scope `read`') => ({ what, permission, essential: true });
  const [formation, slug, parked, buildpacks, sizes] = await Promise.all([
    gaps.orNone(must('the formation'), () => readFormation(client, app), []),
    gaps.orNone(
      must('the running slug', 'the scope `read-protected`'),
      () => readCurrentSlug(client, app),
      undefined,
    ),
    gaps.orNone(must('the releases', 'the scope `read-protected`'), () => isParked(client, app), false),
    gaps.orNone(
      must('buildpacks'),
      () => client.list(`${path}/buildpack-installations`, buildpackSchema),
      [],
    ),
    dynoSizes ?? gaps.orNone(must('dyno sizes and prices'), () => readDynoSizes(client), []),
  ]);
  const processTypes = slug?.process_types ?? null;
  return {
    formation: inOrder(formation, ({ type }) => type),
    processTypes,
    slugCommit: slug?.commit ?? null,
    releasePhase: processTypes?.['release'] ?? null,
    parked,
    buildpacks: [...buildpacks]
      .sort((a, b) => a.ordinal - b.ordinal)
      .map(({ buildpack }) => withoutCredentials(buildpack.name || buildpack.url)),
    dynoSizes: sizes,
  };
}

/** Add-ons: whose they are, who else uses them, and what is behind the databases among them. */
async function readAttached(client: HerokuClient, app: string, gaps: Gaps) {
  const must = (what: string) => ({ what, permission: 'the scope `read`', essential: true });
  const [addOns, attachments] = await Promise.all([
    gaps.orNone(must('add-ons'), () => readAddOns(client, app), []),
    gaps.orNone(must('attachments'), () => readAttachments(client, app), []),
  ]);
  const [sharedUses, dataServices] = await Promise.all([
    readSharedUses(client, app, addOns, gaps),
    readDataServices(client, app, addOns, gaps),
  ]);
  return { addOns, attachments, sharedUses, dataServices };
}

/** Who reaches the app and whom it tells: domains, certificates, drains, webhooks; and its features. */
async function readReached(client: HerokuClient, app: string, gaps: Gaps) {
  const path = `/apps/${encodeURIComponent(app)}`;
  const want = (what: string, essential = false) => ({ what, permission: 'the scope `read`', essential });
  const [certificates, drains, webhooks, features] = await Promise.all([
    gaps.orNone(want('certificates'), () => readCertificates(client, app), []),
    gaps.orNone(want('log drains'), () => client.list(`${path}/log-drains`, drainSchema), []),
    gaps.orNone(want('webhooks'), () => client.list(`${path}/webhooks`, webhookSchema), []),
    gaps.orNone(want('features', true), () => client.list(`${path}/features`, featureSchema), []),
  ]);
  return {
    certificates,
    domains: await gaps.orNone(want('domains', true), () => readDomains(client, app, certificates), []),
    drains: inOrder(
      drains.map(({ url, addon }) => ({ host: hostOf(url), addOn: addon?.name ?? null })),
      ({ host, addOn }) => `${host} ${addOn ?? ''}`,
    ),
    webhooks: inOrder(
      webhooks.map(({ url, level, include }) => ({ host: hostOf(url), level, include: [...include].sort() })),
      ({ host, level, include }) => `${host} ${level} ${include.join(' ')}`,
    ),
    features: features
      .filter(({ enabled }) => enabled)
      .map(({ name }) => name)
      .sort(),
  };
}

/** The app's neighbours and people. */
async function readCompany(
  client: HerokuClient,
  app: string,
  team: string | undefined,
  gaps: Gaps,
  { pipeline, membersOf = (of) => countMembers(client, of) }: InventoryOptions,
) {
  const [found, collaborators, members] = await Promise.all([
    pipeline ?? readPipeline(client, app),
    gaps.orNone(
      { what: 'collaborators', permission: 'the scope `read`' },
      () => client.list(`/apps/${encodeURIComponent(app)}/collaborators`, something),
      [],
    ),
    team === undefined
      ? undefined
      : gaps.orNone(
          {
            what: `members of the team ${team}`,
            permission: 'the scope `read`, and a token of a member of the team',
          },
          () => membersOf(team),
          undefined,
        ),
  ]);
  return {
    pipeline: found.pipeline ?? null,
    pipelineGaps: found.gaps,
    collaborators: collaborators.length,
    teamMembers: members ?? null,
  };
}

/** What changes dynos or code by itself and must stand still in the window. */
async function readMovers(
  client: HerokuClient,
  appId: string,
  formation: FormationProcess[],
  traces: Traces,
  gaps: Gaps,
  { unofficial }: InventoryOptions,
): Promise<{ autoscalers: Autoscaler[]; automaticDeploys: AutomaticDeploys }> {
  const { metricsUrl, githubUrl, token = '' } = unofficial ?? {};
  const { signal } = client;
  const [heroku, automaticDeploys] = await Promise.all([
    !mayAutoscale(formation)
      ? { autoscaler: undefined }
      : metricsUrl === undefined
        ? { unknown: 'the published API does not tell, and no other address was given' }
        : readHerokuAutoscaler({ url: metricsUrl, token, signal }, appId),
    githubUrl === undefined
      ? unknownDeploys('the published API does not tell, and no other address was given')
      : readAutomaticDeploys({ url: githubUrl, token, signal }, appId),
  ]);
  if ('unknown' in heroku) {
    gaps.add({
      what: "Heroku's own autoscaling of web dynos",
      why: `${heroku.unknown}.`,
      permission: 'a look at the Resources tab of the app in Heroku’s dashboard',
      // A dyno that it starts in the window runs the old code.
      essential: true,
    });
  }
  if (automaticDeploys.state === 'unknown') {
    gaps.add({
      what: 'automatic deploys from GitHub',
      why: `${automaticDeploys.why}.`,
      permission: 'a look at the Deploy tab of the app in Heroku’s dashboard',
      essential: false,
    });
  }
  const own = 'autoscaler' in heroku && heroku.autoscaler !== undefined ? [heroku.autoscaler] : [];
  return { autoscalers: [...own, ...autoscalersByTraces(traces)], automaticDeploys };
}

/** A private buildpack's address may hold a token. */
function withoutCredentials(name: string): string {
  return name.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1');
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'not a URL';
}
