import { randomInt, randomUUID } from 'node:crypto';
import { messageOf } from '../../../src/errors.ts';
import { ApiError, conflict, notFound } from '../api/error.ts';
import type { DnsStore } from '../dns.ts';
import type { Platform } from '../platform.ts';
import type { Projects } from '../projects.ts';
import { manageRecords, newDomain } from './app-domain.ts';
import { watchDomains } from './domain-watch.ts';
import { urnOf, type App } from './app.ts';
import { build, enter, fail, isFinal, newDeployment, type Cause, type Deployment } from './deployment.ts';
import { createRelease } from './environment.ts';
import { runSchedules } from './scheduled-jobs.ts';
import { LogBook } from './log-book.ts';
import { ReleaseFailed, type Release } from './release.ts';
import type { AppSpec } from './spec.ts';
import { readSpec, requireFreeDomains, type Surroundings } from './validation.ts';
import { Vault } from './vault.ts';

export interface AppNeighbours extends Omit<Surroundings, 'branches'> {
  projects: Projects;
  dns: DnsStore;
}

/** A rollback reaches back to the ten newest successful deployments (docs, "Manage deployments"). */
const ROLLBACK_REACH = 10;
/** App spec reference: `drain_seconds`. */
const DEFAULT_DRAIN_SECONDS = 15;

/** All apps: what they should be, what runs of them, and how one becomes the other. */
export class Apps {
  readonly #apps = new Map<string, App>();
  readonly #platform: Platform;
  readonly #neighbours: AppNeighbours;
  readonly #surroundings: Surroundings;
  readonly #draining = new Set<Release>();

  constructor(platform: Platform, neighbours: AppNeighbours) {
    this.#platform = platform;
    this.#surroundings = { ...neighbours, branches: platform.branches };
    this.#neighbours = neighbours;
    neighbours.clusters.onAppRulesChanged((appId) => this.#redeploy(appId));
    watchDomains(platform, neighbours.dns, () => this.list());
    runSchedules(platform, () => this.list());
  }

  list(): App[] {
    return [...this.#apps.values()];
  }

  get(id: string): App {
    const app = this.#apps.get(id);
    if (app === undefined) throw notFound();
    return app;
  }

  /** The app that serves a host name over TLS: by its default host, or by a domain that is ACTIVE. */
  serving(host: string): App | undefined {
    return this.list().find(
      (app) =>
        app.host === host ||
        app.domains.some(({ spec, phase }) => phase === 'ACTIVE' && spec.domain.toLowerCase() === host),
    );
  }

  /** What `propose` and `create` think of a spec, without acting. */
  check(given: unknown, appId?: string): { spec: AppSpec; nameAvailable: boolean } {
    const spec = readSpec(given, this.#surroundings);
    requireFreeDomains(spec, this.#domainsOfOthers(appId));
    const nameAvailable =
      !this.list().some(({ id, name }) => name === spec.name && id !== appId) &&
      !this.#platform.played.appNamesOfOthers.includes(spec.name);
    return { spec, nameAvailable };
  }

  create(given: unknown, projectId: string | undefined): App {
    const { spec, nameAvailable } = this.check(given);
    if (!nameAvailable) throw conflict('App name already exists');
    const vault = new Vault();
    const now = new Date();
    const app: App = {
      id: randomUUID(),
      name: spec.name,
      spec: vault.seal(spec),
      projectId: projectId ?? this.#neighbours.projects.defaultId,
      host: `${spec.name}-${fiveLetters()}.ondigitalocean.app`,
      createdAt: now,
      updatedAt: now,
      vault,
      logs: new LogBook(),
      deployments: [],
      inProgress: undefined,
      active: undefined,
      pinned: undefined,
      domains: [],
      invocations: [],
      settled: Promise.resolve(),
    };
    this.#apps.set(app.id, app);
    this.#neighbours.projects.assign(urnOf(app), app.projectId);
    this.#takeOver(app, app.spec);
    return app;
  }

  /** The new spec replaces the old one whole: what it leaves out is gone. */
  update(id: string, given: unknown): App {
    const app = this.get(id);
    requireUnpinned(app);
    const { spec, nameAvailable } = this.check(given, id);
    if (!nameAvailable) throw conflict('App name already exists');
    this.#takeOver(app, app.vault.seal(spec));
    return app;
  }

  /** Deploys the app's spec again. */
  deploy(app: App, cause: Cause = 'MANUAL', spec: AppSpec = app.spec, clonedFrom?: string): Deployment {
    const previousId = app.active?.deployment.id;
    const deployment = newDeployment(spec, cause, { previousId, clonedFrom });
    for (const waiting of app.deployments) {
      if (waiting.phase === 'PENDING_BUILD' && waiting !== app.inProgress) enter(waiting, 'SUPERSEDED');
    }
    app.deployments.unshift(deployment);
    app.settled = app.settled
      .then(() => this.#carryOut(app, deployment))
      .catch((error: unknown) => this.#platform.log.warning(`App ${app.name}: ${messageOf(error)}`));
    return deployment;
  }

  /** Why an app cannot go back to a deployment; undefined when it can. */
  rollbackProblem(app: App, deploymentId: string): { code: string; message: string } | undefined {
    const reachable = app.deployments.filter(({ succeeded }) => succeeded).slice(0, ROLLBACK_REACH);
    const target = app.deployments.find(({ id }) => id === deploymentId);
    if (target === undefined) throw notFound();
    if (app.pinned !== undefined) return { code: 'app_pinned', message: 'the app is pinned to a deployment' };
    if (!target.succeeded) return { code: 'incompatible_result', message: 'the deployment did not succeed' };
    if (reachable.includes(target)) return undefined;
    return { code: 'exceeded_revision_limit', message: 'the deployment is too old' };
  }

  rollBack(app: App, deploymentId: string, skipPin: boolean): Deployment {
    const problem = this.rollbackProblem(app, deploymentId);
    if (problem !== undefined) throw new ApiError(400, 'bad_request', problem.message);
    const target = app.deployments.find(({ id }) => id === deploymentId);
    if (target === undefined) throw notFound();
    const deployment = this.deploy(app, 'MANUAL_ROLLBACK', target.spec, target.id);
    if (skipPin) app.spec = target.spec;
    else app.pinned = deployment;
    return deployment;
  }

  /** Makes the deployment that a rollback pinned the app's spec. */
  commitRollback(app: App): void {
    app.spec = requirePinned(app).spec;
    app.pinned = undefined;
  }

  /** Takes a rollback back: the app's own spec is deployed again. */
  revertRollback(app: App): Deployment {
    requirePinned(app);
    app.pinned = undefined;
    return this.deploy(app);
  }

  /** Cancels a deployment that has not ended. */
  cancel(deployment: Deployment): void {
    if (isFinal(deployment.phase)) throw new ApiError(400, 'bad_request', 'the deployment has already ended');
    enter(deployment, 'CANCELED');
  }

  async delete(id: string): Promise<void> {
    const app = this.get(id);
    this.#apps.delete(id);
    this.#neighbours.projects.release(urnOf(app));
    for (const deployment of app.deployments) {
      if (!isFinal(deployment.phase)) enter(deployment, 'CANCELED');
    }
    await this.#end(app.active?.release);
    app.active = undefined;
  }

  async stop(): Promise<void> {
    const all = this.list();
    await Promise.all(all.map((app) => this.delete(app.id)));
    await Promise.all(all.map((app) => app.settled));
    await Promise.all([...this.#draining].map((release) => this.#end(release)));
  }

  #takeOver(app: App, spec: AppSpec): void {
    app.spec = spec;
    app.updatedAt = new Date();
    app.domains = (spec.domains ?? []).map((wanted) => {
      const known = app.domains.find((domain) => domain.spec.domain === wanted.domain);
      return known ? Object.assign(known, { spec: wanted }) : newDomain(wanted);
    });
    for (const domain of app.domains) manageRecords(domain.spec, app.host, this.#neighbours.dns);
    this.deploy(app);
  }

  async #carryOut(app: App, deployment: Deployment): Promise<void> {
    if (deployment.phase !== 'PENDING_BUILD' || !this.#apps.has(app.id)) return;
    app.inProgress = deployment;
    const release = createRelease(app, deployment, this.#platform, this.#neighbours.clusters);
    try {
      if (await this.#play(deployment)) await this.#bring(app, deployment, release);
    } catch (error) {
      await release.stop();
      const failed = error instanceof ReleaseFailed ? error : undefined;
      const reason = messageOf(error);
      fail(deployment, failed?.component ?? 'deploy', failed?.code ?? 'UnknownError', reason);
      this.#platform.log.warning(`App ${app.name}: the deployment failed: ${reason}`);
      await release.runJobs('FAILED_DEPLOY').catch(() => undefined);
    } finally {
      app.inProgress = undefined;
    }
  }

  /** The platform's own work, phase by phase; false when the deployment was cancelled meanwhile. */
  async #play(deployment: Deployment): Promise<boolean> {
    const { schedule, played } = this.#platform;
    for (const phase of ['BUILDING', 'PENDING_DEPLOY', 'DEPLOYING'] as const) {
      await schedule.wait(played.deploymentMs / 4);
      if (deployment.phase === 'CANCELED') return false;
      enter(deployment, phase);
      if (phase === 'BUILDING') build(deployment, this.#platform.branches);
    }
    await schedule.wait(played.deploymentMs / 4);
    return true;
  }

  /** Jobs first, then the components, then traffic, and only then the old ones end. */
  async #bring(app: App, deployment: Deployment, release: Release): Promise<void> {
    if (deployment.spec.maintenance?.archive !== true) {
      await release.runJobs('PRE_DEPLOY');
      await release.start();
    }
    if (deployment.phase !== 'DEPLOYING' || !this.#apps.has(app.id)) {
      await release.stop();
      return;
    }
    const old = app.active;
    app.active = { deployment, release };
    enter(deployment, 'ACTIVE');
    if (old !== undefined) {
      enter(old.deployment, 'SUPERSEDED');
      this.#drain(old.release);
    }
    // The new release serves already: whether its after-work fails changes nothing about that.
    await release.runJobs('POST_DEPLOY').catch((error: unknown) => {
      app.logs.add('post-deploy', messageOf(error));
    });
  }

  /** Old instances get no new requests from now on, and SIGTERM after the drain. */
  #drain(release: Release): void {
    const seconds = (release.spec.services ?? []).map(
      ({ termination }) => termination?.drain_seconds ?? DEFAULT_DRAIN_SECONDS,
    );
    const drainMs = Math.max(0, ...seconds) * this.#platform.played.specSecondMs;
    this.#draining.add(release);
    this.#platform.schedule.later(drainMs, () => void this.#end(release));
  }

  async #end(release: Release | undefined): Promise<void> {
    if (release === undefined) return;
    await release.stop();
    this.#draining.delete(release);
  }

  #redeploy(appId: string): void {
    const app = this.#apps.get(appId);
    if (app?.active !== undefined)
      this.deploy(app, 'UPDATE_DATABASE_TRUSTED_SOURCES', app.active.deployment.spec);
  }

  #domainsOfOthers(appId: string | undefined): Set<string> {
    const others = this.list().filter(({ id }) => id !== appId);
    return new Set(others.flatMap(({ domains }) => domains.map(({ spec }) => spec.domain.toLowerCase())));
  }
}

function requireUnpinned(app: App): void {
  if (app.pinned !== undefined)
    throw conflict('the app is pinned to a deployment: commit or revert the rollback first');
}

function requirePinned(app: App): Deployment {
  if (app.pinned === undefined) throw new ApiError(400, 'bad_request', 'the app is not pinned to a rollback');
  return app.pinned;
}

function fiveLetters(): string {
  return Array.from({ length: 5 }, () => 'abcdefghijkmnpqrstuvwxyz23456789'[randomInt(32)]).join('');
}
