import { z } from 'zod';
import { ApiError, notFound, parseBody } from '../api/error.ts';
import { page } from '../api/page.ts';
import { ok, param, type Call, type Route } from '../api/route.ts';
import { appRegions, appSizes } from '../catalogue.ts';
import { priceOf, showApp, showAppRegion, showHealth, type App } from './app.ts';
import type { Apps } from './apps.ts';
import { showDeployment, type Deployment } from './deployment.ts';
import { showInvocation } from './invocation.ts';
import { specOf } from './validation.ts';

/** Everything under `/v2/apps`. `apiUrl` is where logs can be read. */
export function appRoutes(apps: Apps, apiUrl: string): Route[] {
  const app = (call: Call): App => apps.get(param(call, 'id'));
  return [
    ...lifeRoutes(apps, app),
    ...catalogueRoutes(),
    ...deploymentRoutes(apps, app),
    ...rollbackRoutes(apps, app),
    ...observationRoutes(app, apiUrl),
  ];
}

function lifeRoutes(apps: Apps, app: (call: Call) => App): Route[] {
  return [
    {
      method: 'POST',
      path: '/v2/apps/propose',
      scope: 'app:read',
      handle: (call) => {
        const { app_id: appId } = parseBody(z.object({ app_id: z.string().optional() }), call.body);
        const { spec, nameAvailable } = apps.check(specOf(call.body), appId);
        return ok({
          app_name_available: nameAvailable,
          ...(nameAvailable ? {} : { app_name_suggestion: `${spec.name.slice(0, 30)}-2` }),
          existing_static_apps: '0',
          spec,
          app_cost: priceOf(spec),
        });
      },
    },
    {
      method: 'GET',
      path: '/v2/apps',
      scope: 'app:read',
      handle: (call) => page(call, 'apps', apps.list().map(showApp)),
    },
    {
      method: 'POST',
      path: '/v2/apps',
      scope: 'app:create',
      handle: (call) => {
        const schema = z.object({ project_id: z.string().optional() });
        return ok({ app: showApp(apps.create(specOf(call.body), parseBody(schema, call.body).project_id)) });
      },
    },
    {
      method: 'GET',
      path: '/v2/apps/:id',
      scope: 'app:read',
      handle: (call) => ok({ app: showApp(app(call)) }),
    },
    {
      method: 'PUT',
      path: '/v2/apps/:id',
      scope: 'app:update',
      handle: (call) => ok({ app: showApp(apps.update(param(call, 'id'), specOf(call.body))) }),
    },
    {
      method: 'DELETE',
      path: '/v2/apps/:id',
      scope: 'app:delete',
      handle: async (call) => {
        await apps.delete(param(call, 'id'));
        return ok({ id: param(call, 'id') });
      },
    },
  ];
}

function catalogueRoutes(): Route[] {
  const sizes = appSizes.map((size) => ({
    name: `${size.vcpus} vCPU, ${size.memoryMib} MiB`,
    slug: size.slug,
    cpu_type: size.cpuType,
    cpus: String(size.vcpus),
    memory_bytes: String(size.memoryMib * 1024 * 1024),
    usd_per_month: size.price.toFixed(2),
    usd_per_second: (size.price / 2_419_200).toFixed(12),
    tier_slug: size.single ? 'basic' : 'professional',
    bandwidth_allowance_gib: String(size.bandwidthGib),
    scalable: size.cpuType === 'DEDICATED',
    single_instance_only: size.single,
  }));
  return [
    {
      method: 'GET',
      path: '/v2/apps/tiers/instance_sizes',
      scope: 'app:read',
      handle: () => ok({ discount_percent: 0, instance_sizes: sizes }),
    },
    {
      method: 'GET',
      path: '/v2/apps/tiers/instance_sizes/:slug',
      scope: 'app:read',
      handle: (call) => {
        const found = sizes.find(({ slug }) => slug === param(call, 'slug'));
        if (found === undefined) throw notFound();
        return ok({ instance_size: found });
      },
    },
    {
      method: 'GET',
      path: '/v2/apps/regions',
      scope: 'app:read',
      handle: () => ok({ regions: appRegions.map(showAppRegion) }),
    },
  ];
}

function deploymentRoutes(apps: Apps, app: (call: Call) => App): Route[] {
  const at = '/v2/apps/:id/deployments';
  const existing = (call: Call): Deployment => deploymentOf(app(call), param(call, 'deployment'));
  return [
    {
      method: 'GET',
      path: at,
      scope: 'app:read',
      handle: (call) => page(call, 'deployments', app(call).deployments.map(showDeployment)),
    },
    {
      method: 'POST',
      path: at,
      scope: 'app:update',
      handle: (call) => ok({ deployment: showDeployment(deploySpec(apps, app(call))) }),
    },
    {
      method: 'POST',
      path: '/v2/apps/:id/restart',
      scope: 'app:update',
      handle: (call) => ok({ deployment: showDeployment(deploySpec(apps, app(call))) }),
    },
    {
      method: 'GET',
      path: `${at}/:deployment`,
      scope: 'app:read',
      handle: (call) => ok({ deployment: showDeployment(existing(call)) }),
    },
    {
      method: 'POST',
      path: `${at}/:deployment/cancel`,
      scope: 'app:update',
      handle: (call) => {
        const deployment = existing(call);
        apps.cancel(deployment);
        return ok({ deployment: showDeployment(deployment) });
      },
    },
  ];
}

function deploySpec(apps: Apps, app: App): Deployment {
  if (app.pinned !== undefined) throw new ApiError(409, 'conflict', 'the app is pinned to a deployment');
  return apps.deploy(app);
}

function rollbackRoutes(apps: Apps, app: (call: Call) => App): Route[] {
  const schema = z.object({ deployment_id: z.string(), skip_pin: z.boolean().default(false) });
  const at = '/v2/apps/:id/rollback';
  return [
    {
      method: 'POST',
      path: `${at}/validate`,
      scope: 'app:update',
      handle: (call) => {
        const { deployment_id: id } = parseBody(schema, call.body);
        const problem = apps.rollbackProblem(app(call), id);
        return ok({ valid: problem === undefined, ...(problem ? { error: problem } : {}), warnings: [] });
      },
    },
    {
      method: 'POST',
      path: at,
      scope: 'app:update',
      handle: (call) => {
        const { deployment_id: id, skip_pin: skipPin } = parseBody(schema, call.body);
        return ok({ deployment: showDeployment(apps.rollBack(app(call), id, skipPin)) });
      },
    },
    {
      method: 'POST',
      path: `${at}/commit`,
      scope: 'app:update',
      handle: (call) => {
        apps.commitRollback(app(call));
        return { status: 200 };
      },
    },
    {
      method: 'POST',
      path: `${at}/revert`,
      scope: 'app:update',
      handle: (call) => ok({ deployment: showDeployment(apps.revertRollback(app(call))) }),
    },
  ];
}

function observationRoutes(app: (call: Call) => App, apiUrl: string): Route[] {
  const logs: Route['handle'] = (call) => {
    const found = app(call);
    const component = call.params['component'] ?? call.query.get('component_name') ?? '';
    if (call.params['deployment'] !== undefined) deploymentOf(found, call.params['deployment']);
    const url = `${apiUrl}/logs/${found.id}${component === '' ? '' : `/${component}`}`;
    return ok({ historic_urls: [url], live_url: url });
  };
  const paths = [
    '/v2/apps/:id/logs',
    '/v2/apps/:id/components/:component/logs',
    '/v2/apps/:id/deployments/:deployment/logs',
    '/v2/apps/:id/deployments/:deployment/components/:component/logs',
  ];
  return [
    ...paths.map((path): Route => ({ method: 'GET', path, scope: 'app:read', handle: logs })),
    {
      method: 'GET',
      path: '/v2/apps/:id/health',
      scope: 'app:read',
      handle: (call) => ok(showHealth(app(call))),
    },
    {
      method: 'GET',
      path: '/v2/apps/:id/instances',
      scope: 'app:read',
      handle: (call) => ok({ instances: showInstances(app(call)) }),
    },
    {
      method: 'GET',
      path: '/v2/apps/:id/job-invocations',
      scope: 'app:read',
      handle: (call) => {
        const jobs = call.query.getAll('job_names');
        const found = app(call).invocations.filter(({ job }) => jobs.length === 0 || jobs.includes(job));
        return page(call, 'job_invocations', found.map(showInvocation));
      },
    },
    {
      method: 'GET',
      path: '/v2/apps/:id/job-invocations/:invocation',
      scope: 'app:read',
      handle: (call) => {
        const found = app(call).invocations.find(({ id }) => id === param(call, 'invocation'));
        if (found === undefined) throw notFound();
        return ok({ job_invocation: showInvocation(found) });
      },
    },
  ];
}

function showInstances(app: App): object[] {
  return (app.active?.release.components() ?? []).flatMap(({ name, kind, pids }) =>
    pids.map((pid, index) => ({
      component_name: name,
      component_type: kind.toUpperCase(),
      instance_name: `${name}-${pid}`,
      instance_alias: `${name}-${index}`,
    })),
  );
}

function deploymentOf(app: App, id: string): Deployment {
  const found = app.deployments.find((deployment) => deployment.id === id);
  if (found === undefined) throw notFound();
  return found;
}
