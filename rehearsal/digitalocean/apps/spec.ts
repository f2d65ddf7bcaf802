import { z } from 'zod';
import { cronProblem } from './cron.ts';

/**
 * The app spec, with the fields of godo's AppSpec (2026-07-24) and nothing else: a misspelt field is refused.
 * What this played platform does not act on is kept as it comes.
 */

const componentName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, 'must be 2 to 32 lower-case letters, digits and hyphens');

const variableSchema = z.strictObject({
  key: z.string().regex(/^[_A-Za-z][_A-Za-z0-9]*$/, 'must be a valid environment variable name'),
  value: z.string().default(''),
  scope: z.enum(['RUN_TIME', 'BUILD_TIME', 'RUN_AND_BUILD_TIME']).default('RUN_AND_BUILD_TIME'),
  type: z.enum(['GENERAL', 'SECRET']).default('GENERAL'),
});

const imageSchema = z
  .strictObject({
    registry_type: z.enum(['DOCR', 'DOCKER_HUB', 'GHCR']),
    registry: z.string().optional(),
    repository: z.string().min(1),
    tag: z.string().optional(),
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')
      .optional(),
    registry_credentials: z.string().optional(),
    deploy_on_push: z.strictObject({ enabled: z.boolean() }).optional(),
  })
  .refine(
    (image) => !(image.tag !== undefined && image.digest !== undefined),
    'tag and digest exclude each other',
  )
  .refine((image) => image.registry_type !== 'DOCR' || !image.registry, 'registry must be empty for DOCR')
  .refine(
    (image) => image.registry_type !== 'DOCKER_HUB' || image.registry,
    'registry is required for DOCKER_HUB',
  );

const healthCheckSchema = z.strictObject({
  initial_delay_seconds: z.number().int().min(0).max(3600).optional(),
  period_seconds: z.number().int().min(1).max(300).optional(),
  timeout_seconds: z.number().int().min(1).max(120).optional(),
  success_threshold: z.number().int().min(1).max(50).optional(),
  failure_threshold: z.number().int().min(1).max(50).optional(),
  http_path: z.string().optional(),
  port: z.number().int().optional(),
});

const terminationSchema = z.strictObject({
  drain_seconds: z.number().int().min(1).max(110).optional(),
  grace_period_seconds: z.number().int().min(1).max(600).optional(),
});

const githubSchema = z.strictObject({
  repo: z.string().regex(/^[^/]+\/[^/]+$/, 'must be owner/repo'),
  branch: z.string().min(1),
  deploy_on_push: z.boolean().optional(),
});

const sourceFields = {
  image: imageSchema.optional(),
  git: z.unknown().optional(),
  github: githubSchema.optional(),
  gitlab: z.unknown().optional(),
  bitbucket: z.unknown().optional(),
  dockerfile_path: z.string().optional(),
  build_command: z.string().optional(),
  source_dir: z.string().optional(),
  environment_slug: z.string().optional(),
};

/** Rules by where they may stand (godo's AlertSpecRule). */
const alertsOf = (rules: [string, ...string[]]): z.ZodOptional<z.ZodArray<z.ZodType<{ rule: string }>>> =>
  z
    .array(
      z.strictObject({
        rule: z.enum(rules),
        disabled: z.boolean().optional(),
        operator: z.enum(['GREATER_THAN', 'LESS_THAN']).optional(),
        value: z.number().optional(),
        window: z.enum(['FIVE_MINUTES', 'TEN_MINUTES', 'THIRTY_MINUTES', 'ONE_HOUR']).optional(),
      }),
    )
    .optional();
const appRules: [string, ...string[]] = [
  'DEPLOYMENT_STARTED',
  'DEPLOYMENT_LIVE',
  'DEPLOYMENT_FAILED',
  'DEPLOYMENT_CANCELED',
  'DOMAIN_LIVE',
  'DOMAIN_FAILED',
];
const componentRules: [string, ...string[]] = [
  'CPU_UTILIZATION',
  'MEM_UTILIZATION',
  'RESTART_COUNT',
  'REQUESTS_PER_SECOND',
  'REQUEST_DURATION_P95_MS',
  'AUTOSCALE_FAILED',
  'AUTOSCALE_SUCCEEDED',
];

const componentFields = {
  name: componentName,
  ...sourceFields,
  run_command: z.string().optional(),
  envs: z.array(variableSchema).optional(),
  instance_size_slug: z.string().default('apps-s-1vcpu-0.5gb'),
  // There is no scale to zero: a component that must not run is left out.
  instance_count: z.number().int().min(1, 'must be at least 1').max(250).default(1),
  alerts: alertsOf(componentRules),
  log_destinations: z.array(z.unknown()).optional(),
  termination: terminationSchema.optional(),
};

const serviceSchema = z.strictObject({
  ...componentFields,
  http_port: z.number().int().min(1).max(65_535).default(8080),
  protocol: z.enum(['HTTP', 'HTTP2']).optional(),
  routes: z
    .array(z.strictObject({ path: z.string(), preserve_path_prefix: z.boolean().optional() }))
    .optional(),
  health_check: healthCheckSchema.optional(),
  liveness_health_check: healthCheckSchema.optional(),
  cors: z.unknown().optional(),
  internal_ports: z.array(z.number().int()).optional(),
  autoscaling: z.unknown().optional(),
  inactivity_sleep: z.unknown().optional(),
});

const workerSchema = z.strictObject({
  ...componentFields,
  autoscaling: z.unknown().optional(),
  liveness_health_check: healthCheckSchema.optional(),
});

const jobSchema = z
  .strictObject({
    ...componentFields,
    alerts: alertsOf(['JOB_INVOCATION_FAILED', ...componentRules]),
    kind: z
      .enum(['UNSPECIFIED', 'PRE_DEPLOY', 'POST_DEPLOY', 'FAILED_DEPLOY', 'SCHEDULED'])
      .default('POST_DEPLOY'),
    schedule: z
      .strictObject({
        cron: z.string().superRefine((cron, context) => {
          const problem = cronProblem(cron);
          if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
        }),
        time_zone: z.string().refine(isTimeZone, 'is not a known time zone').optional(),
      })
      .optional(),
    timeout: z
      .string()
      .regex(/^(\d+h)?(\d+m)?(\d+s)?$/)
      .optional(),
  })
  .refine((job) => (job.kind === 'SCHEDULED') === (job.schedule !== undefined), {
    message: 'a schedule belongs to jobs of kind SCHEDULED, and to them only',
    path: ['schedule'],
  });

const databaseSchema = z.strictObject({
  name: componentName,
  engine: z.enum(['UNSET', 'MYSQL', 'PG', 'REDIS', 'MONGODB', 'KAFKA', 'OPENSEARCH', 'VALKEY']).default('PG'),
  version: z.string().optional(),
  size: z.string().optional(),
  num_nodes: z.number().optional(),
  production: z.boolean().optional(),
  cluster_name: z.string().optional(),
  db_name: z.string().optional(),
  db_user: z.string().optional(),
});

const domainSchema = z.strictObject({
  domain: z.string().regex(/^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$/i, 'must be a domain name'),
  type: z.enum(['UNSPECIFIED', 'DEFAULT', 'PRIMARY', 'ALIAS']).default('UNSPECIFIED'),
  wildcard: z.boolean().optional(),
  zone: z.string().optional(),
  certificate: z.string().optional(),
  minimum_tls_version: z.enum(['1.2', '1.3']).optional(),
});

const ingressRuleSchema = z.strictObject({
  match: z
    .strictObject({
      path: z.strictObject({ prefix: z.string().optional(), exact: z.string().optional() }).optional(),
      authority: z.strictObject({ exact: z.string() }).optional(),
    })
    .optional(),
  component: z
    .strictObject({
      name: z.string(),
      preserve_path_prefix: z.boolean().optional(),
      rewrite: z.string().optional(),
    })
    .optional(),
  redirect: z.unknown().optional(),
  cors: z.unknown().optional(),
});

export const appSpecSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, 'must be 2 to 32 lower-case letters, digits and hyphens'),
  region: z.string().default('nyc'),
  services: z.array(serviceSchema).optional(),
  workers: z.array(workerSchema).optional(),
  jobs: z.array(jobSchema).optional(),
  static_sites: z.array(z.unknown()).max(0, 'are not played here').optional(),
  functions: z.array(z.unknown()).max(0, 'are not played here').optional(),
  databases: z.array(databaseSchema).optional(),
  domains: z.array(domainSchema).optional(),
  envs: z.array(variableSchema).optional(),
  alerts: alertsOf(appRules),
  ingress: z
    .strictObject({
      rules: z.array(ingressRuleSchema).optional(),
      load_balancer: z.unknown().optional(),
      load_balancer_size: z.unknown().optional(),
      secure_header: z.unknown().optional(),
      custom_error_page_url: z.string().optional(),
    })
    .optional(),
  egress: z.strictObject({ type: z.enum(['AUTOASSIGN', 'DEDICATED_IP']) }).optional(),
  features: z.array(z.string()).optional(),
  maintenance: z
    .strictObject({
      enabled: z.boolean().optional(),
      archive: z.boolean().optional(),
      offline_page_url: z.string().optional(),
    })
    .optional(),
  vpc: z.strictObject({ id: z.string(), egress_ips: z.unknown().optional() }).optional(),
  disable_edge_cache: z.boolean().optional(),
  disable_email_obfuscation: z.boolean().optional(),
  enhanced_threat_control_enabled: z.boolean().optional(),
});

export type AppSpec = z.infer<typeof appSpecSchema>;
export type ServiceSpec = z.infer<typeof serviceSchema>;
export type WorkerSpec = z.infer<typeof workerSchema>;
export type JobSpec = z.infer<typeof jobSchema>;
export type DatabaseSpec = z.infer<typeof databaseSchema>;
export type DomainSpec = z.infer<typeof domainSchema>;
export type Variable = z.infer<typeof variableSchema>;
export type ImageSpec = z.infer<typeof imageSchema>;
export type GitHubSpec = z.infer<typeof githubSchema>;
export type HealthCheck = z.infer<typeof healthCheckSchema>;
export type IngressRule = z.infer<typeof ingressRuleSchema>;
export type ComponentSpec = ServiceSpec | WorkerSpec | JobSpec;

export function componentsOf(spec: AppSpec): ComponentSpec[] {
  return [...(spec.services ?? []), ...(spec.workers ?? []), ...(spec.jobs ?? [])];
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
