import type { Log } from '../../src/log.ts';
import type { FaultSwitch } from '../faults.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import type { Authority } from '../servers/certificates.ts';
import type { Played } from './played.ts';
import type { Scope } from './tokens.ts';

/** A played Heroku: its control plane, its router and its dynos, all on this machine. */
export interface HerokuWorld {
  /** Platform API base, without a path. */
  readonly apiUrl: string;
  /** Data API base (Postgres and Key-Value Store). The same server, as the real CLI needs it. */
  readonly dataApiUrl: string;
  /** Base of the dashboard's unofficial Scheduler API. */
  readonly schedulerUrl: string;
  /** Where public host names of apps are served, by Host and SNI. */
  readonly router: { readonly http: Address; readonly https: Address };
  readonly played: Played;
  readonly faults: FaultSwitch;
  readonly requests: RecordedRequest[];
  readonly tokens: {
    /** Admits a Bearer token. `apps` limits it to apps of these names. */
    add(token: string, scopes: Scope | Scope[], apps?: string[]): void;
  };
  createApp(options: AppOptions): Promise<HerokuApp>;
  app(name: string): HerokuApp;
  /** Ends every dyno and closes every listener. */
  stop(): Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface HerokuOptions {
  log: Log;
  /** Signs the certificates of the router. */
  authority: Authority;
  played?: Partial<Played>;
  /** Numbers in [0, 1) from which ids are made; for runs that can be repeated. */
  random?: () => number;
}

export interface AppOptions {
  name: string;
  /** Directory with the deployed code; commands run in it. */
  code: string;
  /** The Procfile as deployed; `release` is the release phase. */
  processTypes: Record<string, string>;
  formation: Record<string, { quantity: number; size: string }>;
  config: Record<string, string>;
  /** `plan` like `standard-0`. The server is the caller's. */
  postgres?: { plan: string; url: string };
  /** `plan` like `premium-0`. The server is the caller's. */
  redis?: { plan: string; url: string };
  scheduler?: SchedulerJobOptions[];
  /** Custom host names; each gets a certificate and a DNS target. */
  domains: string[];
  pipeline?: { name: string; stage: 'test' | 'review' | 'development' | 'staging' | 'production' };
  team?: string;
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
