import { rmSync } from 'node:fs';
import { z } from 'zod';
import { currentRelease, type App, type Platform } from '../platform.ts';
import { findNamed } from '../catalogue.ts';
import { stopDyno } from '../dyno.ts';
import { bodyOf, reference } from './body.ts';
import { invalid } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, time, times } from './view.ts';

/** Apps: https://devcenter.heroku.com/articles/platform-api-reference#app */
export const appRoutes: Route[] = [
  list('/apps', visibleApps, { ranges: ['id', 'name', 'updated_at'] }),
  list('/users/:user/apps', visibleApps, { ranges: ['id', 'name', 'updated_at'] }),
  read('/apps/:app', ({ platform, app }) => appView(platform, app)),
  change('PATCH', '/apps/:app', updateApp),
  change('DELETE', '/apps/:app', deleteApp),
  change('POST', '/apps/:app/acm', (call) => setAcm(call, true)),
  change('PATCH', '/apps/:app/acm', (call) => setAcm(call, true)),
  change('DELETE', '/apps/:app/acm', (call) => setAcm(call, false)),
  {
    ...list('/filters/apps', filterApps, { ranges: ['id', 'name', 'updated_at'] }),
    method: 'POST',
  },
];

export function appView(platform: Platform, app: App): Record<string, unknown> {
  const release = currentRelease(app);
  const team = app.team ? identity(app.team) : null;
  return {
    acm: app.acm,
    archived_at: null,
    base_image_name: null,
    build_stack: identity(app.stack),
    buildpack_provided_description: release?.slug?.buildpackDescription ?? null,
    buildpacks: null,
    ...times(app),
    current_build_architecture: [],
    generation: platform.catalogue.cedar.name,
    git_url: `https://git.heroku.com/${app.name}.git`,
    id: app.id,
    internal_routing: null,
    maintenance: app.maintenance,
    name: app.name,
    owner: app.team
      ? { email: `${app.team.name}@herokumanager.com`, id: app.team.id }
      : { email: platform.account.email, id: platform.account.id },
    organization: team,
    team,
    region: identity(app.region),
    released_at: release ? time(release.createdAt) : null,
    repo_size: 0,
    slug_size: release?.slug?.size ?? null,
    space: app.space ? { ...identity(app.space), shield: app.space.shield } : null,
    stack: identity(app.stack),
    web_url: `https://${app.domains.find(({ kind }) => kind === 'heroku')?.hostname ?? ''}/`,
  };
}

/** How other resources name the app they belong to. */
export function appIdentity(app: App): { id: string; name: string } {
  return identity(app);
}

function visibleApps({ platform, token }: Call): unknown[] {
  return platform.apps
    .filter((app) => token.apps?.includes(app.name) ?? true)
    .map((app) => appView(platform, app));
}

function filterApps(call: Call): unknown[] {
  const wanted = bodyOf(call, z.object({ in: z.object({ id: z.array(z.string()) }) })).in.id;
  return visibleApps(call).filter((app) => wanted.includes((app as App).id));
}

function updateApp(call: Call): unknown {
  const { platform, app } = call;
  const body = bodyOf(
    call,
    z.object({
      maintenance: z.boolean().optional(),
      name: z
        .string()
        .regex(/^[a-z][a-z0-9-]{1,28}[a-z0-9]$/)
        .optional(),
      build_stack: reference.optional(),
    }),
  );
  if (body.name !== undefined && body.name !== app.name && findNamed(platform.apps, body.name)) {
    throw invalid(`Name ${body.name} is already taken`);
  }
  if (body.build_stack !== undefined) {
    const stack = findNamed(platform.catalogue.stacks, body.build_stack);
    if (!stack) throw invalid('Invalid stack');
    app.stack = stack;
  }
  app.name = body.name ?? app.name;
  app.maintenance = body.maintenance ?? app.maintenance;
  app.updatedAt = new Date();
  app.events.emit('change');
  return appView(platform, app);
}

/** Its dynos end, and nothing of it is left but what other apps run of its slugs. */
function deleteApp({ platform, app }: Call): unknown {
  const view = appView(platform, app);
  platform.apps = platform.apps.filter((one) => one !== app);
  for (const one of platform.addOns) if (one.app === app) void one.stop?.();
  platform.addOns = platform.addOns.filter((one) => one.app !== app);
  if (platform.played.otherwise.includes('slugs-die-with-their-app'))
    for (const { directory } of app.slugs) rmSync(directory, { recursive: true, force: true });
  platform.attachments = platform.attachments.filter((one) => one.app !== app && one.addOn.app !== app);
  platform.couplings = platform.couplings.filter((one) => one.app !== app);
  for (const dyno of app.dynos) void stopDyno(platform, app, dyno);
  return view;
}

function setAcm({ platform, app }: Call, acm: boolean): unknown {
  app.acm = acm;
  app.updatedAt = new Date();
  return appView(platform, app);
}
