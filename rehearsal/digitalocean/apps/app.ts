import { appRegions, appSizes, type AppRegion } from '../catalogue.ts';
import { showDeployment, type Deployment } from './deployment.ts';
import { showDomain, type AppDomain } from './app-domain.ts';
import type { Invocation } from './invocation.ts';
import type { LogBook } from './log-book.ts';
import type { Release } from './release.ts';
import { componentsOf, type AppSpec } from './spec.ts';
import type { Vault } from './vault.ts';

/** An app: its newest spec (which may not be the one that runs), its deployments and its domains. */
export interface App {
  id: string;
  name: string;
  /** With every secret sealed. */
  spec: AppSpec;
  projectId: string;
  /** Host of `default_ingress`. */
  host: string;
  createdAt: Date;
  updatedAt: Date;
  vault: Vault;
  logs: LogBook;
  /** Newest first. */
  deployments: Deployment[];
  inProgress: Deployment | undefined;
  active: { deployment: Deployment; release: Release } | undefined;
  /** Set by a rollback until it is committed or reverted: until then nothing is deployed. */
  pinned: Deployment | undefined;
  domains: AppDomain[];
  /** Newest first. */
  invocations: Invocation[];
  /** Ends when the last deployment that was asked for has ended. */
  settled: Promise<void>;
}

export function urnOf(app: { id: string }): string {
  return `do:app:${app.id}`;
}

/** An app as the API shows it. */
export function showApp(app: App): object {
  const region = appRegions.find(({ slug }) => slug === app.spec.region);
  const pending = app.deployments.find(
    (deployment) => deployment.phase === 'PENDING_BUILD' && deployment !== app.inProgress,
  );
  const primary = app.domains.find(({ spec, phase }) => spec.type === 'PRIMARY' && phase === 'ACTIVE');
  const liveDomain = primary?.spec.domain ?? app.host;
  const [newest] = app.deployments;
  return {
    id: app.id,
    owner_uuid: 'b6fr89db-f6d9-156c-ace5-f3c78dc9851d',
    spec: app.spec,
    default_ingress: app.active === undefined ? '' : `https://${app.host}`,
    created_at: app.createdAt.toISOString(),
    updated_at: app.updatedAt.toISOString(),
    ...(newest === undefined ? {} : { last_deployment_created_at: newest.createdAt.toISOString() }),
    ...deploymentField('active_deployment', app.active?.deployment),
    ...deploymentField('in_progress_deployment', app.inProgress),
    ...deploymentField('pending_deployment', pending),
    ...deploymentField('pinned_deployment', app.pinned),
    live_url: app.active === undefined ? '' : `https://${liveDomain}`,
    live_url_base: app.active === undefined ? '' : `https://${liveDomain}`,
    live_domain: app.active === undefined ? '' : liveDomain,
    region: region && showAppRegion(region),
    tier_slug: 'professional',
    domains: app.domains.map(showDomain),
    project_id: app.projectId,
    ...(app.spec.vpc === undefined ? {} : { vpc: { id: app.spec.vpc.id, egress_ips: [] } }),
  };
}

export function showAppRegion({ slug, label, flag, continent, data_centers }: AppRegion): object {
  return { slug, label, flag, continent, data_centers };
}

/** US dollars a month. Jobs are billed while they run only; a dedicated egress address costs 25 more. */
export function priceOf(spec: AppSpec): number {
  const always = [...(spec.services ?? []), ...(spec.workers ?? [])];
  const egress = spec.egress?.type === 'DEDICATED_IP' ? 25 : 0;
  const priceOfSize = (slug: string): number => appSizes.find((size) => size.slug === slug)?.price ?? 0;
  return always.reduce(
    (sum, component) => sum + component.instance_count * priceOfSize(component.instance_size_slug),
    egress,
  );
}

/** What each component runs on, for `GET /v2/apps/:id/health`. */
export function showHealth(app: App): object {
  const running = app.active?.release.components() ?? [];
  const components = componentsOf(app.active?.deployment.spec ?? app.spec).filter(
    ({ name }) => !(app.spec.jobs ?? []).some((job) => job.name === name),
  );
  return {
    app_health: {
      components: components.map(({ name, instance_count: desired }) => {
        const ready = running.find((one) => one.name === name)?.pids.length ?? 0;
        return {
          name,
          cpu_usage_percent: 1,
          memory_usage_percent: 10,
          replicas_desired: desired,
          replicas_ready: ready,
          state: ready === desired ? 'HEALTHY' : 'UNHEALTHY',
        };
      }),
    },
  };
}

function deploymentField(name: string, deployment: Deployment | undefined): object {
  return deployment === undefined ? {} : { [name]: showDeployment(deployment) };
}
