import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import type { HerokuClient } from './client.ts';
import { classifyConfigVar, type ConfigVarClass } from './config-var-class.ts';
import { readFormation, type FormationProcess } from './formation.ts';
import { isParked, readCurrentSlug } from './release.ts';
import { unknownApp } from './unknown-app.ts';

const named = z.object({ name: z.string() });
const price = z.object({
  cents: z.number().nullable().default(null),
  unit: z.string().nullable().default(null),
});

const appSchema = z.object({
  id: z.string(),
  name: z.string(),
  maintenance: z.boolean(),
  stack: named,
  region: named,
  space: named.nullable().optional(),
  team: named.nullable().optional(),
  acm: z.boolean().default(false),
  web_url: z.string().nullable().default(null),
  buildpack_provided_description: z.string().nullable().default(null),
  archived_at: z.string().nullable().default(null),
});

const addOnSchema = z.object({
  id: z.string(),
  name: z.string(),
  addon_service: named,
  plan: named,
  app: named.nullable().optional(),
  billed_price: price.nullable().optional(),
  config_vars: z.array(z.string()).default([]),
  state: z.string().default('provisioned'),
});

const attachmentSchema = z.object({
  name: z.string(),
  namespace: z.string().nullable().default(null),
  addon: z.object({ id: z.string(), name: z.string(), app: named.nullable().optional() }),
});

const domainSchema = z.object({
  hostname: z.string(),
  kind: z.string(),
  cname: z.string().nullable().default(null),
  acm_status: z.string().nullable().default(null),
});

const certificateSchema = z.object({
  name: z.string(),
  ssl_cert: z
    .object({
      cert_domains: z.array(z.string()).default([]),
      expires_at: z.string().nullable().default(null),
    })
    .nullable()
    .optional(),
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
const couplingSchema = z.object({ stage: z.string(), pipeline: z.object({ id: z.string() }) });
const idOnly = z.object({ id: z.string() });

export interface AddOn {
  id: string;
  name: string;
  /** `heroku-postgresql`, `heroku-redis`, `scheduler` … */
  service: string;
  /** `heroku-postgresql:standard-0` */
  plan: string;
  /** What Heroku really bills a month, in cents; `null` when it does not say. */
  billedCentsPerMonth: number | null;
  /** The app that pays for it; another one than ours for a shared add-on. */
  billedTo: string;
  configVars: string[];
  state: string;
}

export interface Attachment {
  /** `DATABASE`, `HEROKU_POSTGRESQL_COPPER` … */
  name: string;
  namespace: string | null;
  addOn: string;
  shared: boolean;
}

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
    stack: string;
    region: string;
    space: string | null;
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
  /** `null` when the token may not read config vars. */
  configVars: { name: string; class: ConfigVarClass }[] | null;
  domains: { hostname: string; kind: string; cname: string | null; acmStatus: string | null }[];
  certificates: { name: string; domains: string[]; expiresAt: string | null }[];
  /** Hosts only: a drain's address often holds a credential. */
  drains: { host: string; addOn: string | null }[];
  webhooks: { host: string; level: string; include: string[] }[];
  features: string[];
  pipeline: { id: string; stage: string } | null;
  collaborators: number;
  hasScheduler: boolean;
  /** A cutover has moved the app away: what runs is an empty placeholder. */
  parked: boolean;
  /** What could not be read, and the scope that would tell. */
  unknown: string[];
}

/**
 * Reads the whole app, requests side by side. Nothing is changed. What the token may not read is named in `unknown`
 * instead of ending the inventory; only an unknown app or a refused token does that (ConfigurationError).
 *
 * @param configVars the values, when the caller could read (and mask) them: only names and classes are kept.
 */
export async function readInventory(
  client: HerokuClient,
  appName: string,
  configVars: Record<string, string> | undefined,
): Promise<HerokuInventory> {
  const path = `/apps/${encodeURIComponent(appName)}`;
  const app = await client.find(path, appSchema);
  if (app === undefined) throw unknownApp(appName);

  const unknown: string[] = [];
  const orNone = async <T>(what: string, read: Promise<T>, none: T): Promise<T> => {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      unknown.push(`${what}: ${error.message}`);
      return none;
    }
  };

  const [formation, slug, parked, buildpacks, dynoSizes, addOns, attachments, domains, certificates] =
    await Promise.all([
      readFormation(client, appName),
      orNone('the running slug', readCurrentSlug(client, appName), undefined),
      orNone('the releases', isParked(client, appName), false),
      client.list(`${path}/buildpack-installations`, buildpackSchema),
      client.list('/dyno-sizes', dynoSizeSchema),
      readAddOns(client, appName),
      orNone('attachments', client.list(`${path}/addon-attachments`, attachmentSchema), []),
      client.list(`${path}/domains`, domainSchema),
      orNone('certificates', client.list(`${path}/sni-endpoints`, certificateSchema), []),
    ]);
  const [drains, webhooks, features, coupling, collaborators] = await Promise.all([
    orNone('log drains', client.list(`${path}/log-drains`, drainSchema), []),
    orNone('webhooks', client.list(`${path}/webhooks`, webhookSchema), []),
    client.list(`${path}/features`, featureSchema),
    orNone('the pipeline', client.find(`${path}/pipeline-couplings`, couplingSchema), undefined),
    orNone('collaborators', client.list(`${path}/collaborators`, idOnly), []),
  ]);

  const processTypes = slug?.process_types ?? null;
  return {
    app: {
      id: app.id,
      name: app.name,
      stack: app.stack.name,
      region: app.region.name,
      space: app.space?.name ?? null,
      team: app.team?.name ?? null,
      maintenance: app.maintenance,
      automaticCertificates: app.acm,
      webUrl: app.web_url,
      language: app.buildpack_provided_description,
    },
    formation,
    processTypes,
    slugCommit: slug?.commit ?? null,
    releasePhase: processTypes?.['release'] ?? null,
    buildpacks: [...buildpacks]
      .sort((a, b) => a.ordinal - b.ordinal)
      .map(({ buildpack }) => buildpack.name || buildpack.url),
    dynoSizes: dynoSizes.map(toDynoSize),
    addOns,
    attachments: attachments.map(({ name, namespace, addon }) => ({
      name,
      namespace,
      addOn: addon.name,
      shared: addon.app !== null && addon.app !== undefined && addon.app.name !== app.name,
    })),
    configVars:
      configVars === undefined
        ? null
        : Object.entries(configVars)
            .map(([name, value]) => ({ name, class: classifyConfigVar(name, value, addOns) }))
            .sort((a, b) => a.name.localeCompare(b.name)),
    domains: domains.map(({ hostname, kind, cname, acm_status }) => ({
      hostname,
      kind,
      cname,
      acmStatus: acm_status,
    })),
    certificates: certificates.map(({ name, ssl_cert }) => ({
      name,
      domains: ssl_cert?.cert_domains ?? [],
      expiresAt: ssl_cert?.expires_at ?? null,
    })),
    drains: drains.map(({ url, addon }) => ({ host: hostOf(url), addOn: addon?.name ?? null })),
    webhooks: webhooks.map(({ url, level, include }) => ({ host: hostOf(url), level, include })),
    features: features.filter(({ enabled }) => enabled).map(({ name }) => name),
    pipeline: coupling === undefined ? null : { id: coupling.pipeline.id, stage: coupling.stage },
    collaborators: collaborators.length,
    hasScheduler: addOns.some(({ service }) => service === 'scheduler'),
    parked,
    unknown,
  };
}

/** The app's add-ons, with what each is really billed at and the config vars that it provides. */
export async function readAddOns(client: HerokuClient, app: string): Promise<AddOn[]> {
  const found = await client.list(`/apps/${encodeURIComponent(app)}/addons`, addOnSchema);
  return found.map((one) => toAddOn(one, app));
}

function toAddOn(one: z.infer<typeof addOnSchema>, appName: string): AddOn {
  const monthly = one.billed_price?.unit === null || one.billed_price?.unit === 'month';
  return {
    id: one.id,
    name: one.name,
    service: one.addon_service.name,
    plan: one.plan.name,
    billedCentsPerMonth: monthly ? (one.billed_price?.cents ?? null) : null,
    billedTo: one.app?.name ?? appName,
    configVars: one.config_vars,
    state: one.state,
  };
}

function toDynoSize(size: z.infer<typeof dynoSizeSchema>): DynoSize {
  return {
    name: size.name,
    // Heroku gives GB with fractions: 0.5, 1, 2.5, 14.
    memoryMib: Math.round(size.memory * 1024),
    dedicated: size.dedicated,
    centsPerMonth: size.cost?.unit === 'month' ? size.cost.cents : null,
  };
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'not a URL';
}
