import { githubSpec, type GitHubSource, type GitHubSpec } from './github-source.ts';
import type { ImageSource } from './image-reference.ts';
import type { AppVariable } from './app-environment.ts';
import {
  APP_ALERTS,
  COMPONENT_ALERTS,
  healthCheck,
  JOB_ALERTS,
  RELEASE_TIMEOUT,
  SCHEDULED_TIMEOUT,
  SERVICE_TERMINATION,
  WORKER_TERMINATION,
  type Alert,
  type HealthCheck,
} from './component-operation.ts';
import type { LogDestination } from './log-destination.ts';
import { skipUnlessOpen, waitUntilOpen, type Gate } from './wait-until-open.ts';

/** The parts of an app spec that we write (fields by godo's AppSpec, 2026-07; dots-wrapper's type lacks most). */
export interface AppSpec {
  name: string;
  region: string;
  vpc: { id: string };
  envs: SpecVariable[];
  services: ServiceSpec[];
  workers: WorkerSpec[];
  jobs: JobSpec[];
  domains: { domain: string; type: 'PRIMARY' | 'ALIAS' }[];
  ingress: { rules: { match: { path: { prefix: string } }; component: { name: string } }[] };
  alerts: Alert[];
}

export interface SpecVariable {
  key: string;
  value: string;
  scope: 'RUN_TIME';
  type: 'GENERAL' | 'SECRET';
}

/** Exactly one of the two: an image by its digest, or what App Platform builds. */
type SourceSpec =
  | { image: ImageSource & { registry_credentials?: string }; github?: never }
  | (GitHubSpec & { image?: never });

export type ComponentSpec = SourceSpec & ComponentParts;

interface ComponentParts {
  name: string;
  run_command: string;
  instance_size_slug: string;
  instance_count: number;
  /** Of this component alone. */
  envs?: SpecVariable[];
  log_destinations?: LogDestination[];
}

export type ServiceSpec = ComponentSpec & {
  http_port: number;
  health_check: HealthCheck;
  termination: { drain_seconds: number; grace_period_seconds: number };
  alerts: Alert[];
};

export type WorkerSpec = ComponentSpec & {
  termination: { grace_period_seconds: number };
  alerts: Alert[];
};

export type JobSpec = ComponentSpec & {
  kind: 'PRE_DEPLOY' | 'SCHEDULED';
  schedule?: { cron: string; time_zone: string };
  timeout: string;
  alerts?: Alert[];
};

export interface PlannedProcess {
  name: string;
  kind: 'service' | 'worker' | 'release' | 'scheduled';
  command: string;
  instanceSize: string;
  count: number;
  schedule?: { cron: string; timeZone: string };
}

export interface AppSpecInput {
  name: string;
  /** App Platform's region, for example `fra`. */
  region: string;
  vpcId: string;
  /** What is deployed: an image by its digest, or a branch that App Platform builds. */
  source: ImageSource | GitHubSource;
  registryCredentials: string | undefined;
  processes: PlannedProcess[];
  variables: AppVariable[];
  domains: string[];
  healthPath: string | undefined;
  /** Where every component's output goes, beside App Platform's own log. */
  logDestinations: LogDestination[];
  /** What a component of this name has beside the app's variables. */
  variablesOf?: (process: PlannedProcess) => AppVariable[];
  /** In front of workers and scheduled jobs; undefined only when there are none. */
  gate: Gate | undefined;
}

const HTTP_PORT = 8080;

/**
 * The app spec of the new side: warm and closed. Services run at once; workers and scheduled jobs stand behind the
 * gate. The domains carry no `zone`: with one, App Platform would point their records at itself before the switch.
 */
export function buildAppSpec(input: AppSpecInput): AppSpec {
  const component = (process: PlannedProcess, command: string): ComponentSpec => ({
    name: componentName(process.name),
    ...sourceSpec(input),
    run_command: command,
    instance_size_slug: process.instanceSize,
    instance_count: process.count,
    ...inCase('envs', (input.variablesOf?.(process) ?? []).map(specVariable)),
    ...inCase('log_destinations', input.logDestinations),
  });
  const gated = (process: PlannedProcess, wrap: typeof waitUntilOpen): string => {
    if (input.gate === undefined)
      throw new Error(`Process "${process.name}" needs a gate, and the spec was given none.`);
    return wrap(process.command, input.gate);
  };
  const ofKind = (kind: PlannedProcess['kind']): PlannedProcess[] =>
    input.processes.filter((one) => one.kind === kind);

  const services = ofKind('service').map((process) => ({
    ...component(process, process.command),
    http_port: HTTP_PORT,
    health_check: healthCheck(input.healthPath, HTTP_PORT),
    termination: SERVICE_TERMINATION,
    alerts: [...COMPONENT_ALERTS],
  }));
  return {
    name: input.name,
    region: input.region,
    vpc: { id: input.vpcId },
    envs: input.variables.map(specVariable),
    services,
    workers: ofKind('worker').map((process) => ({
      ...component(process, gated(process, waitUntilOpen)),
      termination: WORKER_TERMINATION,
      alerts: [...COMPONENT_ALERTS],
    })),
    jobs: [
      ...ofKind('release').map((process) => ({
        ...component(process, process.command),
        kind: 'PRE_DEPLOY' as const,
        timeout: RELEASE_TIMEOUT,
      })),
      ...ofKind('scheduled').map((process) => ({
        ...component(process, gated(process, skipUnlessOpen)),
        kind: 'SCHEDULED' as const,
        schedule: {
          cron: process.schedule?.cron ?? '',
          time_zone: process.schedule?.timeZone ?? 'UTC',
        },
        timeout: SCHEDULED_TIMEOUT,
        alerts: [...JOB_ALERTS],
      })),
    ],
    domains: input.domains.map((domain, index) => ({ domain, type: index === 0 ? 'PRIMARY' : 'ALIAS' })),
    ingress: {
      rules: services.map(({ name }) => ({ match: { path: { prefix: '/' } }, component: { name } })),
    },
    alerts: [...APP_ALERTS],
  };
}

function sourceSpec({ source, registryCredentials }: AppSpecInput): SourceSpec {
  if ('branch' in source) return githubSpec(source);
  const login = registryCredentials === undefined ? {} : { registry_credentials: registryCredentials };
  return { image: { ...source, ...login } };
}

/** For the container only: a secret that the build may read would be left in the image's layers. */
function specVariable({ key, value, secret }: AppVariable): SpecVariable {
  return { key, value, scope: 'RUN_TIME', type: secret ? 'SECRET' : 'GENERAL' };
}

function inCase<K extends string, T>(key: K, list: T[]): Partial<Record<K, T[]>> {
  return list.length === 0 ? {} : ({ [key]: list } as Partial<Record<K, T[]>>);
}

/** A process type as a component's name: lower case, digits and hyphens, 2 to 32 characters. */
export function componentName(processType: string): string {
  const name = processType
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 32);
  return name.length >= 2 ? name : `process-${name || 'x'}`;
}
