import type { EventEmitter } from 'node:events';
import type { Log } from '../../src/log.ts';
import type { ServerProcess } from '../servers/process.ts';
import type { Catalogue, DynoSize, Named, Plan, Region, Stack } from './catalogue.ts';
import type { Identifiers } from './identifiers.ts';
import type { Played } from './played.ts';
import type { Rendezvous, Session } from './rendezvous.ts';

/** Everything that this Heroku knows: one account with its apps, add-ons and pipelines. */
export interface Platform {
  readonly ids: Identifiers;
  readonly catalogue: Catalogue;
  readonly played: Played;
  readonly log: Log;
  /** Base of the control plane, for the addresses that it hands out. */
  baseUrl: string;
  /** Where terminals of attached one-off dynos are. */
  readonly rendezvous: Rendezvous;
  readonly account: { id: string; email: string; name: string; createdAt: Date };
  apps: App[];
  addOns: AddOn[];
  attachments: Attachment[];
  pipelines: Pipeline[];
  couplings: Coupling[];
  reviewApps: ReviewApp[];
  teams: Team[];
  /** Archives of source code that were uploaded to be built, by id; null until they were. */
  sources: Map<string, Buffer | null>;
  /** What the machine of every dyno brings, below its config vars: whom to trust, where public names lead, and as PATH where its Node is. */
  readonly machine: () => Record<string, string>;
  /** Set when the world stops: nothing is started any more. */
  stopped: boolean;
}

interface Kept {
  id: string;
  createdAt: Date;
  updatedAt: Date;
}

export interface App extends Kept {
  name: string;
  acm: boolean;
  maintenance: boolean;
  region: Region;
  stack: Stack;
  team: Team | undefined;
  space: Space | undefined;
  /** Its connection to GitHub, which only the dashboard's address tells. */
  github: GithubLink | undefined;
  /** Heroku's own autoscaling of web dynos, which only the metrics' address tells. */
  autoscaling: Autoscaling | undefined;
  /** Directory of the deployed code. */
  code: string;
  /** Its dynos are listed as running and no process is started: for an app that is only looked at. */
  onPaper: boolean;
  /** What `config:set` wrote; the values of attachments are not among them. */
  config: Record<string, string>;
  formation: FormationEntry[];
  dynos: Dyno[];
  slugs: Slug[];
  /** Builds that were asked for here; the one of the deployed code is not among them. */
  builds: Build[];
  releases: Release[];
  /** The end of the newest release's work; releases of one app happen one after the other. */
  releasing: Promise<void>;
  pendingReleases: number;
  domains: Domain[];
  sniEndpoints: SniEndpoint[];
  buildpacks: string[];
  drains: Drain[];
  webhooks: Webhook[];
  features: Feature[];
  collaborators: Collaborator[];
  jobs: SchedulerJob[];
  logLines: string[];
  /** Emits `change` whenever something happens that a held request or a waiting test may be waiting for. */
  events: EventEmitter<{ change: []; line: [string] }>;
}

export interface FormationEntry extends Kept {
  type: string;
  quantity: number;
  size: DynoSize;
}

/** `down` is a dyno that was told to stop and has not ended yet. */
export type DynoState = 'starting' | 'up' | 'crashed' | 'down';

export interface Dyno extends Kept {
  /** `web.1`, `run.4821`, `scheduler.1234`, `release.5021` */
  name: string;
  type: string;
  command: string;
  size: DynoSize;
  release: Release;
  state: DynoState;
  /** One-off dynos are not started again. */
  oneOff: boolean;
  environment: Record<string, string>;
  port: number;
  process: ServerProcess | undefined;
  crashes: number;
  stopping: boolean;
  restart: NodeJS.Timeout | undefined;
  /** The terminal that its output goes to instead of the log. */
  session: Session | undefined;
}

export interface Slug extends Kept {
  processTypes: Record<string, string>;
  /** Where commands of this slug run. */
  directory: string;
  commit: string | null;
  commitDescription: string | null;
  checksum: string | null;
  buildpackDescription: string | null;
  stack: Stack;
  /** Bytes of the archive; null until it was uploaded. */
  size: number | null;
}

export interface Build extends Kept {
  status: 'pending' | 'succeeded' | 'failed';
  source: { url: string; version: string | null; versionDescription: string | null; checksum: string | null };
  buildpacks: string[];
  stack: Stack;
  slug: Slug | undefined;
  release: Release | undefined;
  output: string[];
}

export interface Release extends Kept {
  version: number;
  description: string;
  status: 'pending' | 'succeeded' | 'failed';
  slug: Slug | undefined;
  /** The config vars set by the user as they were then; a roll-back brings them back. */
  config: Record<string, string>;
  addOnPlans: string[];
  /** What the release phase wrote; undefined without one. */
  output: string[] | undefined;
}

export interface AddOn extends Kept {
  name: string;
  app: App;
  plan: Plan;
  /** `provisioning` until what stands behind it answers. */
  state: 'provisioning' | 'provisioned' | 'deprovisioned';
  /** Connection string of the data add-ons. */
  url: string | undefined;
  /** Ends the server that was started for it; only of one that was ordered through the API. */
  stop: (() => Promise<void>) | undefined;
  /** Config vars that it sets besides those of its attachments, as other makers' services do. */
  config: Record<string, string>;
  /** What is behind a Postgres add-on beside the database itself. */
  behind: {
    followers: string[];
    forks: string[];
    credentials: string[];
    /** Names of other stores that it can query (data links). */
    links: string[];
    /** When a backup is taken, every day. */
    backups: { hour: number; timezone: string }[];
    maintenance?: PlayedMaintenance;
  };
  /** Settings of the data service, as changed through its API. */
  settings: Record<string, string | number | boolean>;
}

export interface Attachment extends Kept {
  name: string;
  app: App;
  addOn: AddOn;
  namespace: string | null;
}

export interface Domain extends Kept {
  hostname: string;
  kind: 'heroku' | 'custom';
  cname: string | null;
  sniEndpoint: SniEndpoint | undefined;
}

export interface SniEndpoint extends Kept {
  name: string;
  chain: string;
  key: string;
}

export interface Drain extends Kept {
  url: string;
  token: string;
  /** The add-on that made it; undefined for one that a user made. */
  addOn: AddOn | undefined;
}

export interface Webhook extends Kept {
  include: string[];
  level: string;
  url: string;
}

export interface Feature extends Kept {
  name: string;
  description: string;
  enabled: boolean;
}

export interface Collaborator extends Kept {
  user: { id: string; email: string };
  role: string;
}

export interface SchedulerJob {
  id: string;
  command: string;
  size: DynoSize;
  every: 10 | 60 | 1440;
  at: number;
  ranAt: Date | undefined;
}

/** A maintenance that Heroku has announced for a data add-on. */
export interface PlayedMaintenance {
  status: string;
  scheduledFor: string;
  requiredBy: string;
  reason: string;
}

export interface Space extends Kept, Named {
  shield: boolean;
}

export interface GithubLink {
  repo: string;
  branch: string;
  autoDeploy: boolean;
  waitForCi: boolean;
}

export interface Autoscaling {
  min: number;
  max: number;
  active: boolean;
}

export interface Pipeline extends Kept {
  name: string;
  /** Review apps are enabled, with these settings. */
  review: { automatic: boolean; repoId: number; baseName: string } | undefined;
}

export interface ReviewApp extends Kept {
  pipeline: Pipeline;
  branch: string;
  pullRequest: number;
  status: 'pending' | 'creating' | 'created' | 'deleting' | 'deleted' | 'errored';
}

export interface Coupling extends Kept {
  app: App;
  pipeline: Pipeline;
  stage: string;
}

export interface Team extends Kept, Named {}

/** Identity and times of something new. */
export function born(platform: Platform): Kept {
  const now = new Date();
  return { id: platform.ids.uuid(), createdAt: now, updatedAt: now };
}

/** An add-on with nothing behind it yet. */
export function newAddOn(platform: Platform, app: App, plan: Plan, name: string): AddOn {
  return {
    ...born(platform),
    name,
    app,
    plan,
    state: 'provisioned',
    url: undefined,
    stop: undefined,
    config: {},
    behind: { followers: [], forks: [], credentials: ['default'], links: [], backups: [] },
    settings: {},
  };
}

export function currentRelease(app: App): Release | undefined {
  return app.releases.findLast(({ status }) => status === 'succeeded');
}

/** Appends a line to the app's log, in Logplex's form. */
export function writeLog(app: App, source: string, text: string): void {
  const line = `${new Date().toISOString()} ${source}: ${text}`;
  app.logLines.push(line);
  if (app.logLines.length > 3000) app.logLines.splice(0, app.logLines.length - 3000);
  app.events.emit('line', line);
}
