import type { Authority } from '../servers/certificates.ts';
import type { FaultSwitch } from '../faults.ts';
import type { Log } from '../../src/log.ts';
import type { Dns } from './dns.ts';

/** How long the played platform takes, in milliseconds. Printed beside every downtime figure. */
export interface PlayedLatencies {
  clusterMs: number;
  dropletMs: number;
  deploymentMs: number;
  certificateMs: number;
  schedulerMinuteMs: number;
}

export interface DigitalOceanOptions {
  log: Log;
  authority: Authority;
  /** The public IPv4 address from which the runner reaches public endpoints. */
  egressAddress: () => string;
  /** The directory of the code that an image holds; undefined = no such image (the deployment fails). */
  images: (digestOrReference: string) => { code: string } | undefined;
  played?: Partial<PlayedLatencies>;
}

export interface RecordedRequest {
  method: string;
  path: string;
  status: number;
  body: unknown;
}

export interface DigitalOceanWorld {
  /** Base of the API without `/v2`. */
  apiUrl: string;
  ingress: { https: { host: string; port: number } };
  dns: Dns;
  tokens: { add(token: string, scopes: 'all' | readonly string[]): void };
  faults: FaultSwitch;
  requests: readonly RecordedRequest[];
  played: PlayedLatencies;
  clusters(): ClusterView[];
  droplets(): DropletView[];
  apps(): AppView[];
  /** US dollars a month of everything that exists now. */
  pricePerMonth(): number;
  stop(): Promise<void>;
}

export interface ClusterView {
  id: string;
  name: string;
  status: 'creating' | 'online';
  /** Superuser access for tests and for the end-of-run comparison; the actions never see it. */
  superuserUrl(database: string): string;
  publicEndpoint: { host: string; port: number };
  privateEndpoint: { host: string; port: number };
}

export interface DropletView {
  id: number;
  name: string;
  status: 'new' | 'active' | 'off';
  publicAddress: string;
  privateAddress: string;
  /** Present once its cloud-init has started a Redis. */
  redis?: { host: string; port: number };
}

export interface AppView {
  id: string;
  name: string;
  defaultIngress: string;
  phase: string;
  domains: { name: string; phase: string }[];
  components: { name: string; kind: string; pids: number[] }[];
  invocations: { job: string; phase: string; startedAt: string }[];
}

/** Starts a played DigitalOcean on free loopback ports. */
export function startDigitalOcean(options: DigitalOceanOptions): Promise<DigitalOceanWorld> {
  return Promise.reject(new Error(`Not written yet (${Object.keys(options).length} options).`));
}
