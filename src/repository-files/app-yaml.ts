import { stringify } from 'yaml';

import { componentName } from '../digitalocean/app-spec.ts';
import { githubSpec, type GitHubSource } from '../digitalocean/github-source.ts';
import type { Plan } from '../migration/plan.ts';
import { mayHoldSecret } from '../migration/propose-config.ts';
import { MARK } from './build-facts.ts';

export interface AppYamlInput {
  plan: Plan;
  /** The app's name on App Platform. */
  appName: string;
  environment: string;
  /** Path that the health check asks for; undefined: the port alone is looked at. */
  healthPath: string | undefined;
  /** What App Platform builds; undefined: an image is given to it. */
  source?: GitHubSource | undefined;
}

/** Stands where a command may hold a secret. */
const HIDDEN = 'see the live spec';

/**
 * The app spec as it is once the side is open: the plan's components without the wait in front of workers, and each
 * variable by name alone. It tells; provision reads and writes the live one.
 */
export function appYaml({ plan, appName, environment, healthPath, source }: AppYamlInput): string {
  const component = (planned: Plan['components'][number]): Record<string, unknown> => ({
    name: componentName(planned.name),
    ...(source === undefined
      ? { image: { registry_type: 'DOCR', repository: appName, tag: 'latest' } }
      : githubSpec(source)),
    run_command: mayHoldSecret(planned.command) ? HIDDEN : planned.command,
    instance_size_slug: planned.instanceSize,
    instance_count: planned.count,
  });
  const ofKind = (kind: Plan['components'][number]['kind']) =>
    plan.components.filter((planned) => planned.kind === kind);
  const services = ofKind('service').map((planned) => ({
    ...component(planned),
    http_port: 8080,
    ...(healthPath === undefined ? {} : { health_check: { http_path: healthPath } }),
  }));
  const jobs = [
    ...ofKind('release').map((planned) => ({ ...component(planned), kind: 'PRE_DEPLOY' })),
    ...ofKind('scheduled').map((planned) => ({
      ...component(planned),
      kind: 'SCHEDULED',
      schedule: { cron: planned.schedule?.cron ?? '', time_zone: planned.schedule?.timeZone ?? 'UTC' },
    })),
  ];
  const spec = {
    name: appName,
    region: plan.region,
    envs: plan.variables
      .filter(({ fate }) => fate !== 'dropped')
      .map(({ name }) => ({ key: name, scope: 'RUN_TIME', type: 'SECRET' })),
    ...(services.length === 0 ? {} : { services }),
    ...(ofKind('worker').length === 0 ? {} : { workers: ofKind('worker').map(component) }),
    ...(jobs.length === 0 ? {} : { jobs }),
    ...(plan.domains.length === 0
      ? {}
      : {
          domains: plan.domains.map((domain, index) => ({ domain, type: index === 0 ? 'PRIMARY' : 'ALIAS' })),
        }),
    ...(services.length === 0
      ? {}
      : {
          ingress: {
            rules: ofKind('service').map(({ name }) => ({
              match: { path: { prefix: '/' } },
              component: { name: componentName(name) },
            })),
          },
        }),
  };
  return [
    `# ${MARK}: the app of ${environment} on App Platform, as the plan has it. It is yours: what you edit is not`,
    '# touched again.',
    '#',
    '# It is here to be read. provision manages the live spec, with the image by digest, the private network and the values',
    '# of the variables: `doctl apps update --spec` with this file would replace all of that, and take every value away.',
    stringify(spec, { lineWidth: 0 }),
  ].join('\n');
}
