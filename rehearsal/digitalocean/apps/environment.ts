import { dirname } from 'node:path';
import type { Clusters } from '../clusters/clusters.ts';
import type { Platform } from '../platform.ts';
import type { App } from './app.ts';
import type { Deployment } from './deployment.ts';
import { appBindings, databaseBindings, resolve, serviceBindings } from './bindables.ts';
import type { InstanceOptions } from './instance.ts';
import { Release, ReleaseFailed } from './release.ts';
import type { AppSpec, ComponentSpec, DatabaseSpec, ImageSpec, Variable } from './spec.ts';

/** A release of a spec of an app, whose components run from their images with their variables resolved. */
export function createRelease(
  app: App,
  { spec, built }: Pick<Deployment, 'spec' | 'built'>,
  platform: Platform,
  clusters: Clusters,
): Release {
  const release: Release = new Release(spec, {
    secondMs: platform.played.specSecondMs,
    prepare: (component, port) => prepare(component, port, { app, spec, built, platform, clusters, release }),
  });
  return release;
}

interface Context {
  app: App;
  spec: AppSpec;
  built: Deployment['built'];
  platform: Platform;
  clusters: Clusters;
  release: Release;
}

async function prepare(
  component: ComponentSpec,
  port: number | undefined,
  context: Context,
): Promise<InstanceOptions> {
  const { app, platform } = context;
  const image = component.image ? findImage(component.image, platform) : context.built.get(component.name);
  if (image === undefined) {
    throw new ReleaseFailed(
      component.name,
      'ImagePullFailed',
      `The image of ${component.name} was not found.`,
    );
  }
  if (component.run_command === undefined || component.run_command === '') {
    throw new ReleaseFailed(
      component.name,
      'NoRunCommand',
      `The component ${component.name} has no run_command.`,
    );
  }
  return {
    command: component.run_command,
    directory: image.code,
    environment: await environmentOf(component, port, context),
    onLine: (line) => app.logs.add(component.name, line),
  };
}

function findImage(image: ImageSpec, platform: Platform): { code: string } | undefined {
  const path = [image.registry, image.repository].filter(Boolean).join('/');
  const reference =
    image.digest === undefined ? `${path}:${image.tag ?? 'latest'}` : `${path}@${image.digest}`;
  const byDigest = image.digest === undefined ? undefined : platform.images(image.digest);
  return byDigest ?? platform.images(reference);
}

/** The environment of a component's process: nothing of ours but the path to Node. */
async function environmentOf(
  component: ComponentSpec,
  port: number | undefined,
  context: Context,
): Promise<Record<string, string>> {
  const { app, spec } = context;
  const bindings = await bindingsOf(component, port, context);
  const variables = [...(spec.envs ?? []), ...(component.envs ?? [])].filter(atRunTime);
  const given = variables.map(({ key, value }) => [key, resolve(app.vault.open(value), bindings)] as const);
  return {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
    // Not set by App Platform: so that the played shop can say on which side it runs.
    DIGITALOCEAN_APP: app.name,
    ...Object.fromEntries(given),
    ...(port === undefined ? {} : { PORT: String(port) }),
  };
}

function atRunTime(variable: Variable): boolean {
  return variable.scope !== 'BUILD_TIME';
}

async function bindingsOf(
  component: ComponentSpec,
  port: number | undefined,
  context: Context,
): Promise<Map<string, Record<string, string>>> {
  const { app, spec, release } = context;
  const bindings = new Map<string, Record<string, string>>();
  bindings.set('', { ...plain(app, spec.envs), ...appBindings(app) });
  for (const service of spec.services ?? []) {
    const values = serviceBindings(service, app, release.portOf(service.name));
    bindings.set(service.name, { ...plain(app, service.envs), ...values });
  }
  const self = (spec.services ?? []).find(({ name }) => name === component.name);
  bindings.set('_self', self === undefined ? {} : serviceBindings(self, app, port));
  for (const database of spec.databases ?? []) {
    for (const [name, values] of await databaseValues(database, context)) bindings.set(name, values);
  }
  return bindings;
}

function plain(app: App, variables: readonly Variable[] | undefined): Record<string, string> {
  return Object.fromEntries((variables ?? []).map(({ key, value }) => [key, app.vault.open(value)]));
}

/** `${db.…}` and, for each pool, `${db.pool.…}`. */
async function databaseValues(
  database: DatabaseSpec,
  { app, clusters }: Context,
): Promise<[string, Record<string, string>][]> {
  const cluster = clusters.list().find(({ name }) => name === database.cluster_name);
  if (cluster === undefined) return [];
  const endpoint = await clusters.endpointForApp(cluster, app.id);
  const values = (userName: string, databaseName: string): Record<string, string> =>
    databaseBindings({
      host: endpoint.host,
      port: endpoint.port,
      user: userName,
      password: cluster.users.find(({ name }) => name === userName)?.password ?? '',
      database: databaseName,
      ca: cluster.authority.pem,
    });
  const user = database.db_user ?? 'doadmin';
  return [
    [database.name, values(user, database.db_name ?? 'defaultdb')],
    ...cluster.pools.map((pool): [string, Record<string, string>] => [
      `${database.name}.${pool.name}`,
      values(pool.user ?? user, pool.db),
    ]),
  ];
}
