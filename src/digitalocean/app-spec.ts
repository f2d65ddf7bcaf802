import type { ImageSource } from './image-reference.ts';
import type { AppVariable } from './app-environment.ts';
import { skipUnlessOpen, waitUntilOpen, type Gate } from './wait-until-open.ts';

/** The parts of an app spec that we write (fields by godo's AppSpec, 2026-07; dots-wrapper's type lacks most). */
export interface AppSpec {
  name: string;
  region: string;
  vpc: { id: string };
  envs: SpecVariable[];
  services: ServiceSpec[];
  workers: ComponentSpec[];
  jobs: JobSpec[];
  domains: { domain: string; type: 'PRIMARY' | 'ALIAS' }[];
  ingress: { rules: { match: { path: { prefix: string } }; component: { name: string } }[] };
  alerts: { rule: string }[];
}

export interface SpecVariable {
  key: string;
  value: string;
  scope: 'RUN_TIME';
  type: 'GENERAL' | 'SECRET';
}

export interface ComponentSpec {
  name: string;
  image: ImageSource & { registry_credentials?: string };
  run_command: string;
  instance_size_slug: string;
  instance_count: number;
}

export interface ServiceSpec extends ComponentSpec {
  http_port: number;
  health_check?: { http_path: string; initial_delay_seconds: number };
}

export interface JobSpec extends ComponentSpec {
  kind: 'PRE_DEPLOY' | 'SCHEDULED';
  schedule?: { cron: string; time_zone: string };
  timeout?: string;
}

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
  image: ImageSource;
  registryCredentials: string | undefined;
  processes: PlannedProcess[];
  variables: AppVariable[];
  domains: string[];
  healthPath: string | undefined;
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
    image: {
      ...input.image,
      ...(input.registryCredentials === undefined ? {} : { registry_credentials: input.registryCredentials }),
    },
    run_command: command,
    instance_size_slug: process.instanceSize,
    instance_count: process.count,
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
    ...(input.healthPath === undefined
      ? {}
      : { health_check: { http_path: input.healthPath, initial_delay_seconds: 5 } }),
  }));
  return {
    name: input.name,
    region: input.region,
    vpc: { id: input.vpcId },
    envs: input.variables.map(({ key, value, secret }) => ({
      key,
      value,
      scope: 'RUN_TIME',
      type: secret ? 'SECRET' : 'GENERAL',
    })),
    services,
    workers: ofKind('worker').map((process) => component(process, gated(process, waitUntilOpen))),
    jobs: [
      ...ofKind('release').map((process) => ({
        ...component(process, process.command),
        kind: 'PRE_DEPLOY' as const,
      })),
      ...ofKind('scheduled').map((process) => ({
        ...component(process, gated(process, skipUnlessOpen)),
        kind: 'SCHEDULED' as const,
        schedule: {
          cron: process.schedule?.cron ?? '',
          time_zone: process.schedule?.timeZone ?? 'UTC',
        },
      })),
    ],
    domains: input.domains.map((domain, index) => ({ domain, type: index === 0 ? 'PRIMARY' : 'ALIAS' })),
    ingress: {
      rules: services.map(({ name }) => ({ match: { path: { prefix: '/' } }, component: { name } })),
    },
    alerts: [{ rule: 'DEPLOYMENT_FAILED' }, { rule: 'DOMAIN_FAILED' }],
  };
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
