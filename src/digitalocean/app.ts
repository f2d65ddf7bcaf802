import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import { createOrFind, orUndefined, type DigitalOcean } from './client.ts';
import { lastLogLines } from './deployment-log.ts';
import { DigitalOceanError } from './refusal.ts';
import { waitFor } from './wait.ts';

const stepReasonSchema = z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish();
const innerStepSchema = z.object({
  name: z.string().default(''),
  status: z.string().default(''),
  component_name: z.string().nullish(),
  reason: stepReasonSchema,
});
/** Stages hold steps, and the step `components` holds one for each component. */
interface DeploymentStep extends z.infer<typeof innerStepSchema> {
  steps?: DeploymentStep[] | null | undefined;
}
const stepSchema: z.ZodType<DeploymentStep> = innerStepSchema.extend({
  get steps() {
    return z.array(stepSchema).nullish();
  },
});

const builtSchema = z
  .array(z.object({ name: z.string(), source_commit_hash: z.string().nullish() }))
  .nullish();
const deploymentSchema = z.object({
  id: z.string(),
  phase: z.string(),
  services: builtSchema,
  workers: builtSchema,
  jobs: builtSchema,
  progress: z
    .object({
      success_steps: z.number().nullish(),
      total_steps: z.number().nullish(),
      steps: z.array(stepSchema).nullish(),
    })
    .nullish(),
});
export type Deployment = z.infer<typeof deploymentSchema>;

const domainSchema = z.object({
  phase: z.string().default('UNKNOWN'),
  spec: z.object({ domain: z.string() }).nullish(),
  validations: z.array(z.object({ txt_name: z.string(), txt_value: z.string() })).nullish(),
  certificate_expires_at: z.string().nullish(),
  progress: z.object({ steps: z.array(innerStepSchema).nullish() }).nullish(),
});
export type AppDomain = z.infer<typeof domainSchema>;

/** The phase of a domain, with the steps that hold it up and why: `PENDING (ensure-certificate: RUNNING)`. */
export function describeDomain({ phase, progress }: Pick<AppDomain, 'phase' | 'progress'>): string {
  const open = (progress?.steps ?? [])
    .filter(({ status }) => status !== 'SUCCESS')
    .map(({ name, status, reason }) => `${name}: ${reason?.message ?? reason?.code ?? status}`);
  return open.length === 0 || phase === 'ACTIVE' ? phase : `${phase} (${open.join('; ')})`;
}

const appSchema = z.object({
  id: z.string(),
  spec: z.looseObject({ name: z.string() }),
  default_ingress: z.string().nullish(),
  active_deployment: deploymentSchema.nullish(),
  pending_deployment: deploymentSchema.nullish(),
  in_progress_deployment: deploymentSchema.nullish(),
  domains: z.array(domainSchema).nullish(),
});
export interface App extends z.infer<typeof appSchema> {
  /** Host name under which App Platform serves the app, whatever its domains; absent before the first deployment. */
  ingressHost: string | undefined;
}

const oneApp = z.object({ app: appSchema });

const DEPLOYMENT_LIMIT_MS = 30 * 60_000;
const DOMAINS_LEAVE_LIMIT_MS = 5 * 60_000;

/** The app of that name, which is unique in an account; `undefined` when there is none. */
export async function readApp(client: DigitalOcean, name: string): Promise<App | undefined> {
  return (await listApps(client)).find((app) => app.spec.name === name);
}

export async function listApps(client: DigitalOcean): Promise<App[]> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.app.listApps(page);
  return (await client.all(read, 'apps', appSchema)).map(toApp);
}

export async function readAppById(client: DigitalOcean, id: string): Promise<App> {
  return toApp((await client.request('GET', `/apps/${id}`, oneApp)).app);
}

function toApp(found: z.infer<typeof appSchema>): App {
  return { ...found, ingressHost: URL.parse(found.default_ingress ?? '')?.host };
}

const proposalSchema = z.object({
  app_cost: z.number().nullish(),
  app_name_available: z.boolean().nullish(),
  app_name_suggestion: z.string().nullish(),
});

/**
 * Lets DigitalOcean check a spec and price it without creating anything. A refused spec is a ConfigurationError with
 * DigitalOcean's own words. `usdPerMonth` is null when it does not say.
 */
export async function proposeApp(
  client: DigitalOcean,
  spec: object,
  appId: string | undefined,
): Promise<{ usdPerMonth: number | null; nameAvailable: boolean }> {
  const body = { spec, ...(appId === undefined ? {} : { app_id: appId }) };
  const answer = await client.request('POST', '/apps/propose', proposalSchema, body);
  return { usdPerMonth: answer.app_cost ?? null, nameAvailable: answer.app_name_available ?? true };
}

/** Creates the app, which starts its first deployment. */
export function createApp(client: DigitalOcean, spec: { name: string }): Promise<App> {
  return createOrFind(
    async () => toApp((await client.request('POST', '/apps', oneApp, { spec })).app),
    () => readApp(client, spec.name),
  );
}

/** Replaces the whole spec, which starts a deployment: give it what `mergeSpec` made from the live one. */
export async function updateApp(client: DigitalOcean, id: string, spec: object): Promise<App> {
  return toApp((await client.request('PUT', `/apps/${id}`, oneApp, { spec })).app);
}

/** The deployment that an app's creation or update has started, or the one that is already active. */
export async function newestDeployment(client: DigitalOcean, app: App): Promise<Deployment | undefined> {
  const started = app.pending_deployment ?? app.in_progress_deployment;
  if (started) return started;
  const list = await client.request(
    'GET',
    `/apps/${app.id}/deployments?page=1&per_page=20`,
    z.object({ deployments: z.array(deploymentSchema).nullish() }),
  );
  return list.deployments?.[0];
}

/** Deploys the app's spec again, from the same build where there is one unless `forceBuild`. Returns the deployment's id. */
export async function deployAgain(client: DigitalOcean, appId: string, forceBuild: boolean): Promise<string> {
  const schema = z.object({ deployment: z.object({ id: z.string() }) });
  const { deployment } = await client.request('POST', `/apps/${appId}/deployments`, schema, {
    force_build: forceBuild,
  });
  return deployment.id;
}

/**
 * Waits until a deployment is active, telling each phase. When it fails, throws a ConfigurationError with the step that
 * failed and the last lines of its log; the deployment before it keeps running.
 */
export async function waitForDeployment(
  client: DigitalOcean,
  appId: string,
  deploymentId: string,
): Promise<Deployment> {
  let told = '';
  const ended = await waitFor(client, {
    what: `deployment ${deploymentId}`,
    limitMs: DEPLOYMENT_LIMIT_MS,
    look: async () => {
      const deployment = await readDeployment(client, appId, deploymentId);
      const done = deployment.progress?.success_steps ?? 0;
      const total = deployment.progress?.total_steps ?? 0;
      const state = `${deployment.phase} (${done} of ${total} steps)`;
      if (state !== told) client.log.info(`Deployment: ${state}`);
      told = state;
      return ['ACTIVE', 'SUPERSEDED', 'ERROR', 'CANCELED'].includes(deployment.phase)
        ? { done: deployment }
        : { state };
    },
  });
  if (ended.phase === 'ACTIVE') return ended;
  const tail = await lastLogLines(client, {
    appId,
    id: deploymentId,
    failedComponents: stepsThatFailed(ended).flatMap(({ component_name: name }) => name ?? []),
  });
  throw new ConfigurationError(
    [
      `The deployment ended as ${ended.phase}: ${failedSteps(ended) || 'DigitalOcean names no step'}. ` +
        'What ran before keeps running. Mend it and run this again.',
      ...(tail.length === 0 ? [] : ['The last lines of its log:', ...tail.map((line) => `  ${line}`)]),
    ].join('\n'),
  );
}

async function readDeployment(client: DigitalOcean, appId: string, id: string): Promise<Deployment> {
  const schema = z.object({ deployment: deploymentSchema });
  return (await client.request('GET', `/apps/${appId}/deployments/${id}`, schema)).deployment;
}

function failedSteps(deployment: Deployment): string {
  const told = stepsThatFailed(deployment).map((step) =>
    [step.component_name ?? step.name, step.reason?.message ?? step.reason?.code].filter(Boolean).join(': '),
  );
  return [...new Set(told)].join('; ');
}

type InnerStep = z.infer<typeof innerStepSchema>;

/** The innermost ones: a step that failed because of one within it says nothing more. */
function stepsThatFailed(deployment: Deployment): InnerStep[] {
  const failed = (step: DeploymentStep): InnerStep[] => {
    if (step.status !== 'ERROR') return [];
    const within = (step.steps ?? []).flatMap(failed);
    return within.length > 0 ? within : [step];
  };
  return (deployment.progress?.steps ?? []).flatMap(failed);
}

/**
 * Takes an app away, its domains first: a domain that is still on an app when it goes may stick to it for up to a day
 * (docs, "Manage domains"), and then a new app could not have it. One that has gone meanwhile is a success.
 */
export async function deleteApp(client: DigitalOcean, id: string): Promise<void> {
  await orUndefined(async () => {
    const app = await readAppById(client, id);
    if ((app.domains ?? []).length > 0) await takeDomainsOff(client, app);
    await client.request('DELETE', `/apps/${id}`, z.unknown());
  });
}

async function takeDomainsOff(client: DigitalOcean, app: App): Promise<void> {
  try {
    await updateApp(client, app.id, { ...app.spec, domains: [] });
    await waitFor(client, {
      what: `the domains of app ${app.spec.name} to leave it`,
      limitMs: DOMAINS_LEAVE_LIMIT_MS,
      look: async () => {
        const left = (await readAppById(client, app.id)).domains ?? [];
        return left.length === 0 ? { done: true } : { state: `${left.length} left` };
      },
    });
  } catch (error) {
    // A pinned rollback, or a spec that DigitalOcean no longer accepts: the app itself can go all the same.
    if (!(error instanceof DigitalOceanError) || error.status < 400 || error.status >= 500) throw error;
    if (error.status === 404) throw error;
    client.log.warning(
      `The domains of app ${app.spec.name} could not be taken off it first (${error.message}): for up to a day ` +
        'DigitalOcean may refuse them to another app.',
    );
  }
}
