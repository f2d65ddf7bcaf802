import type { Log } from '../../src/log.ts';
import { createFaultSwitch, type FaultSwitch } from '../faults.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import type { Authority } from '../servers/certificates.ts';
import { startControlPlane } from './api/server.ts';
import { createApp, lookAt, type AppOptions, type HerokuApp } from './app.ts';
import { createCatalogue } from './catalogue.ts';
import { createIdentifiers } from './identifiers.ts';
import { killGroup } from './process-group.ts';
import { defaultPlayed, type Played } from './played.ts';
import type { Platform } from './platform.ts';
import { startRendezvous, type Rendezvous } from './rendezvous.ts';
import { startRouter } from './router.ts';
import { startScheduler } from './scheduler.ts';
import { createTokenStore, type Scope } from './tokens.ts';

export type { AppOptions, HerokuApp, SchedulerJobOptions } from './app.ts';

/** A played Heroku: its control plane, its router and its dynos, all on this machine. */
export interface HerokuWorld {
  /** Platform API base, without a path. */
  readonly apiUrl: string;
  /** Data API base (Postgres and Key-Value Store). The same server, as the real CLI needs it. */
  readonly dataApiUrl: string;
  /** Base of the dashboard's unofficial Scheduler API. */
  readonly schedulerUrl: string;
  /** Base of the metrics' unofficial API, which knows of autoscaling. */
  readonly metricsUrl: string;
  /** Base of the dashboard's unofficial GitHub API, which knows of automatic deploys. */
  readonly githubUrl: string;
  /** Where public host names of apps are served, by Host and SNI. */
  readonly router: { readonly http: Address; readonly https: Address };
  /** Where the terminals of attached one-off dynos are. */
  readonly rendezvous: Pick<Rendezvous, 'attached' | 'refuse'>;
  readonly played: Played;
  readonly faults: FaultSwitch;
  readonly requests: RecordedRequest[];
  readonly tokens: {
    /** Admits a Bearer token. `apps` limits it to apps of these names. */
    add(token: string, scopes: Scope | Scope[], apps?: string[]): void;
  };
  createApp(options: AppOptions): Promise<HerokuApp>;
  app(name: string): HerokuApp;
  /** Names of all apps, those that were made through the API too. */
  appNames(): string[];
  /** Ends every dyno and closes every listener. */
  stop(): Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface HerokuOptions {
  log: Log;
  /** Signs the certificates of the router and of the rendezvous. */
  authority: Authority;
  played?: Partial<Played>;
  /** What the machine of every dyno brings, below its config vars; asked at each start. Nothing unless given. */
  machine?: () => Record<string, string>;
  /** Numbers in [0, 1) from which ids are made; for runs that can be repeated. */
  random?: () => number;
}

/** Starts a Heroku without apps. It stays until `stop`. */
export async function startHeroku(options: HerokuOptions): Promise<HerokuWorld> {
  const { log, authority } = options;
  const ids = createIdentifiers(options.random ?? Math.random);
  const platform: Platform = {
    ids,
    catalogue: createCatalogue(ids),
    played: { ...defaultPlayed, ...options.played },
    log,
    baseUrl: '',
    rendezvous: await startRendezvous(authority),
    account: {
      id: ids.uuid(),
      email: 'owner@example.com',
      name: 'The Owner',
      createdAt: new Date('2019-05-01T08:00:00Z'),
    },
    apps: [],
    addOns: [],
    attachments: [],
    pipelines: [],
    couplings: [],
    reviewApps: [],
    teams: [],
    sources: new Map(),
    machine: options.machine ?? (() => ({})),
    stopped: false,
  };
  const faults = createFaultSwitch();
  const requests: RecordedRequest[] = [];
  const tokens = createTokenStore();
  const controlPlane = await startControlPlane({ platform, tokens, faults, requests });
  platform.baseUrl = controlPlane.url;
  const router = await startRouter(platform, await authority.issue(['*.herokuapp.com', '*.herokudns.com']));
  const stopScheduler = startScheduler(platform);
  const apps = new Map<string, HerokuApp>();

  return {
    apiUrl: controlPlane.url,
    dataApiUrl: controlPlane.url,
    schedulerUrl: controlPlane.url,
    metricsUrl: controlPlane.url,
    githubUrl: controlPlane.url,
    router,
    rendezvous: platform.rendezvous,
    played: platform.played,
    faults,
    requests,
    tokens,
    createApp: async (appOptions) => {
      const app = await createApp(platform, authority, appOptions);
      apps.set(app.name, app);
      return app;
    },
    app: (name) => {
      const made = platform.apps.find((one) => one.name === name);
      const app = apps.get(name) ?? (made && lookAt(platform, made));
      if (!app) throw new Error(`There is no Heroku app ${name} in this world.`);
      return app;
    },
    appNames: () => platform.apps.map(({ name }) => name),
    stop: async () => {
      platform.stopped = true;
      stopScheduler();
      await router.close();
      await controlPlane.close();
      await Promise.all(platform.apps.flatMap(({ dynos }) => dynos).map((dyno) => endDyno(dyno)));
      await Promise.all(platform.addOns.map(async ({ stop }) => stop?.()));
      await platform.rendezvous.close();
    },
  };
}

/** The end of the world: nobody waits for a dyno to finish. */
async function endDyno(dyno: Platform['apps'][number]['dynos'][number]): Promise<void> {
  clearTimeout(dyno.restart);
  await dyno.process?.kill9();
  if (dyno.process) killGroup(dyno.process.pid);
}
