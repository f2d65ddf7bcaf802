import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import { startBuild } from '../build.ts';
import type { App, Build, Platform, Release } from '../platform.ts';
import { bodyOf } from './body.ts';
import { identity, time, times } from './view.ts';
import { notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { sourceAt } from './source.ts';
import { existing } from './plan.ts';

/** Builds, buildpacks and stacks: https://devcenter.heroku.com/articles/build-and-release-using-the-api */
export const buildRoutes: Route[] = [
  list('/apps/:app/builds', ({ platform, app }) => builds(platform, app), { ranges: ['id', 'started_at'] }),
  read('/apps/:app/builds/:build', ({ platform, app, params }) => {
    const build = builds(platform, app).find(({ id }) => id === params['build']);
    if (!build) throw notFound('build');
    return build;
  }),
  change('POST', '/apps/:app/builds', createBuild, { status: 201 }),
  list('/apps/:app/buildpack-installations', ({ app }) => buildpacks(app), { ranges: ['ordinal'] }),
  change('PUT', '/apps/:app/buildpack-installations', (call) => {
    const body = bodyOf(call, z.object({ updates: z.array(z.object({ buildpack: z.string() })) }));
    call.app.buildpacks = body.updates.map(({ buildpack }) => buildpack);
    return buildpacks(call.app);
  }),
  list('/stacks', ({ platform }) => stacks(platform), { ranges: ['id', 'name'] }),
  list('/apps/:app/available-stacks', ({ platform }) => stacks(platform), { ranges: ['id', 'name'] }),
  read('/stacks/:stack', ({ platform, params }) => {
    const stack = findNamed(stacks(platform), params['stack'] ?? '');
    if (!stack) throw notFound('stack');
    return stack;
  }),
];

function builds(platform: Platform, app: App): { id: string }[] {
  return [...deployedBuilds(platform, app), ...app.builds.map((build) => buildView(platform, app, build))];
}

function createBuild(call: Call): unknown {
  const { platform, app } = call;
  const { source_blob: source, buildpacks } = bodyOf(
    call,
    z.object({
      source_blob: z.object({
        url: z.url(),
        checksum: z
          .string()
          .regex(/^SHA256:[0-9a-f]{64}$/)
          .nullish(),
        version: z.string().nullish(),
        version_description: z.string().nullish(),
      }),
      buildpacks: z.array(z.object({ url: z.string().optional(), name: z.string().optional() })).nullish(),
    }),
  );
  const build = startBuild(
    platform,
    app,
    {
      source: {
        url: source.url,
        version: source.version ?? null,
        versionDescription: source.version_description ?? null,
        checksum: source.checksum ?? null,
      },
      buildpacks: (buildpacks ?? []).map(({ url, name }) => url ?? name ?? ''),
    },
    sourceAt(platform, source.url),
  );
  return buildView(platform, app, build);
}

function buildView(platform: Platform, app: App, build: Build): { id: string; [field: string]: unknown } {
  const { source, slug, release } = build;
  return {
    app: { id: app.id },
    buildpacks: build.buildpacks.map((url) => ({ url })),
    ...times(build),
    generation: platform.catalogue.cedar.name,
    id: build.id,
    output_stream_url: `${platform.baseUrl}/streams/${build.id}`,
    source_blob: {
      checksum: source.checksum,
      url: source.url,
      version: source.version,
      version_description: source.versionDescription,
    },
    release: release ? { id: release.id } : null,
    slug: slug ? { id: slug.id } : null,
    stack: build.stack.name,
    status: build.status,
    user: { id: platform.account.id, email: platform.account.email },
  };
}

/** A slug that came with the app was built; its id stands for the build's. */
function deployedBuilds(platform: Platform, app: App): { id: string }[] {
  return app.slugs
    .filter(({ directory }) => directory === app.code)
    .map((slug) => ({
      app: { id: app.id },
      buildpacks: buildpacks(app).map(({ buildpack }) => buildpack),
      ...times(slug),
      id: slug.id,
      output_stream_url: `${platform.baseUrl}/streams/${slug.id}`,
      source_blob: {
        checksum: null,
        url: 'https://source.invalid/archive.tar.gz',
        version: slug.commit,
        version_description: slug.commitDescription,
      },
      release: releaseWith(app, slug.id),
      slug: { id: slug.id },
      stack: slug.stack.name,
      status: 'succeeded',
      user: { id: platform.account.id, email: platform.account.email },
    }));
}

function releaseWith(app: App, slugId: string): { id: string } | null {
  const release: Release | undefined = app.releases.find(({ slug }) => slug?.id === slugId);
  return release ? { id: release.id } : null;
}

/** Official buildpacks are named `heroku/nodejs`; others are known by their address. */
function buildpacks(app: App): { ordinal: number; buildpack: { url: string; name: string } }[] {
  return app.buildpacks.map((name, ordinal) => ({
    ordinal,
    buildpack: { url: name.includes('://') ? name : `urn:buildpack:${name}`, name },
  }));
}

function stacks(platform: Platform): { id: string; name: string }[] {
  return platform.catalogue.stacks.map((stack) => ({
    default: stack.isDefault,
    created_at: time(existing(platform).createdAt),
    ...identity(stack),
    state: stack.state,
    updated_at: time(existing(platform).updatedAt),
  }));
}
