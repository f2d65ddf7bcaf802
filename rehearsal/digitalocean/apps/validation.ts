import { ApiError, conflict, firstProblem } from '../api/error.ts';
import { appRegions, appSizes } from '../catalogue.ts';
import type { Clusters } from '../clusters/clusters.ts';
import type { Platform } from '../platform.ts';
import type { Vpcs } from '../vpcs.ts';
import { badSpec } from './refusal.ts';
import { appSpecSchema, componentsOf, type AppSpec, type GitHubSpec } from './spec.ts';

/** What a spec can refer to. */
export interface Surroundings {
  vpcs: Vpcs;
  clusters: Clusters;
  branches: Platform['branches'];
}

/** A spec as App Platform keeps it, with its defaults filled in. 400 with the first thing that is wrong. */
export function readSpec(given: unknown, around: Surroundings): AppSpec {
  const parsed = appSpecSchema.safeParse(given);
  if (!parsed.success) {
    const [field = 'spec', ...problem] = firstProblem(parsed.error).split(': ');
    throw badSpec(field, problem.join(': '));
  }
  const spec = parsed.data;
  checkComponents(spec, around);
  checkIngress(spec);
  checkDatabases(spec, around.clusters);
  checkVpc(spec, around.vpcs);
  if (spec.ingress?.rules === undefined && spec.services?.[0] !== undefined) {
    spec.ingress = { ...spec.ingress, rules: defaultRules(spec) };
  }
  return spec;
}

/** 409 when another app serves one of the domains. */
export function requireFreeDomains(spec: AppSpec, taken: ReadonlySet<string>): void {
  const clash = (spec.domains ?? []).find(({ domain }) => taken.has(domain.toLowerCase()));
  if (clash !== undefined) throw conflict(`domain ${clash.domain} is already in use by another app`);
}

function checkComponents(spec: AppSpec, around: Surroundings): void {
  const components = componentsOf(spec);
  const names = [...components, ...(spec.databases ?? [])].map(({ name }) => name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) throw badSpec('name', `component name "${double}" is used twice`);
  if (components.length === 0) throw badSpec('services', 'at least one component is required');
  for (const component of components) {
    const sources = [component.image, component.github].filter((source) => source !== undefined);
    if (sources.length !== 1) {
      throw badSpec(`${component.name}.image`, 'exactly one source is required (played here: image, github)');
    }
    if (component.github !== undefined) checkGitHub(component.github, around);
    const size = appSizes.find(({ slug }) => slug === component.instance_size_slug);
    if (size === undefined) {
      throw badSpec(`${component.name}.instance_size_slug`, `unknown size ${component.instance_size_slug}`);
    }
    if (size.single && component.instance_count > 1) {
      throw badSpec(`${component.name}.instance_count`, `size ${size.slug} is limited to 1 container`);
    }
  }
}

/** As App Platform refuses what its GitHub app may not read (terraform-provider-digitalocean, issue 547; doctl's users). */
function checkGitHub({ repo, branch }: GitHubSpec, { branches }: Surroundings): void {
  if (branches(repo, branch) !== undefined) return;
  throw new ApiError(400, 'bad_request', 'GitHub user not authenticated');
}

function checkIngress(spec: AppSpec): void {
  const services = new Set((spec.services ?? []).map(({ name }) => name));
  for (const { component } of spec.ingress?.rules ?? []) {
    if (component !== undefined && !services.has(component.name)) {
      throw badSpec('ingress.rules.component', `there is no service named "${component.name}"`);
    }
  }
  if (!appRegions.some(({ slug }) => slug === spec.region)) {
    throw badSpec('region', `unknown region ${spec.region}`);
  }
}

function checkDatabases(spec: AppSpec, clusters: Clusters): void {
  for (const { name, production, cluster_name: clusterName } of spec.databases ?? []) {
    if (production !== true || clusterName === undefined) {
      throw badSpec(`databases.${name}`, 'development databases are not played: name a production cluster');
    }
    if (!clusters.list().some((cluster) => cluster.name === clusterName)) {
      throw badSpec(`databases.${name}.cluster_name`, `database cluster ${clusterName} does not exist`);
    }
  }
}

/** An app reaches a private network only in the datacentre that its region is mapped to. */
function checkVpc(spec: AppSpec, vpcs: Vpcs): void {
  if (spec.vpc === undefined) return;
  const vpc = vpcs.find(spec.vpc.id);
  if (vpc === undefined) throw badSpec('vpc.id', 'VPC not found');
  const datacentre = appRegions.find(({ slug }) => slug === spec.region)?.vpcDatacentre;
  if (vpc.region !== datacentre) {
    throw badSpec(
      'vpc.id',
      `the VPC is in ${vpc.region}; an app in ${spec.region} needs one in ${datacentre ?? 'none'}`,
    );
  }
}

function defaultRules(spec: AppSpec): NonNullable<NonNullable<AppSpec['ingress']>['rules']> {
  const services = spec.services ?? [];
  return services.flatMap(({ name, routes }, index) =>
    (routes ?? [{ path: index === 0 ? '/' : `/${name}` }]).map((route) => ({
      match: { path: { prefix: route.path } },
      component: {
        name,
        ...(route.preserve_path_prefix === undefined
          ? {}
          : { preserve_path_prefix: route.preserve_path_prefix }),
      },
    })),
  );
}

/** The body of create, update and propose: `{spec, …}`. */
export function specOf(body: unknown): unknown {
  if (body !== null && typeof body === 'object' && 'spec' in body) return body.spec;
  throw new ApiError(400, 'bad_request', 'error validating app spec field "spec": is required');
}
