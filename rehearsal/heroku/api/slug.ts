import { z } from 'zod';
import { temporaryDirectory } from '../../servers/process.ts';
import { findNamed } from '../catalogue.ts';
import { born, type App, type Platform, type Slug } from '../platform.ts';
import { bodyOf, reference } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/**
 * Slugs. One made here has no code of ours: its archive is taken but not unpacked, so its commands run in an empty
 * directory. That is all that a parked app needs. A build (build.ts) makes slugs with code.
 */
export const slugRoutes: Route[] = [
  read('/apps/:app/slugs/:slug', ({ platform, app, params }) =>
    slugView(platform, slugOf(slugsIn(app), params['slug']), 'get'),
  ),
  change('POST', '/apps/:app/slugs', createSlug, { status: 201 }),
  {
    method: 'PUT',
    path: '/slug-blobs/:slug',
    dialect: 'open',
    need: 'public',
    handle: ({ platform, params, bytes }) => {
      slugOf(allSlugs(platform), params['slug']).size = bytes.length;
      return { body: '' };
    },
  },
  read('/slug-blobs/:slug', ({ platform, params }) => slugOf(allSlugs(platform), params['slug']).id, {
    dialect: 'open',
  }),
];

function createSlug(call: Call): unknown {
  const { platform, app } = call;
  const body = bodyOf(
    call,
    z.object({
      process_types: z.record(z.string().regex(/^[-\w]{1,128}$/), z.string()),
      stack: reference.nullish(),
      commit: z.string().nullish(),
      commit_description: z.string().nullish(),
      checksum: z.string().nullish(),
      buildpack_provided_description: z.string().nullish(),
    }),
  );
  const stack = body.stack ? findNamed(platform.catalogue.stacks, body.stack) : app.stack;
  if (!stack) throw invalid('Invalid stack');
  const slug: Slug = {
    ...born(platform),
    processTypes: body.process_types,
    directory:
      platform.played.otherwise.includes('empty-slugs-keep-the-code') && app.slugs.length > 0
        ? (app.slugs.at(-1)?.directory ?? '')
        : temporaryDirectory('slug'),
    commit: body.commit ?? null,
    commitDescription: body.commit_description ?? null,
    checksum: body.checksum ?? null,
    buildpackDescription: body.buildpack_provided_description ?? null,
    stack,
    size: null,
  };
  app.slugs.push(slug);
  return slugView(platform, slug, 'put');
}

function allSlugs(platform: Platform): Slug[] {
  return platform.apps.flatMap(({ slugs }: App) => slugs);
}

/** Also those of other apps that it has released: it goes on running them when the other app is gone. */
export function slugsIn(app: App): Slug[] {
  return [...app.slugs, ...app.releases.flatMap(({ slug }) => slug ?? [])];
}

function slugOf(slugs: Slug[], id = ''): Slug {
  const slug = slugs.find((one) => one.id === id);
  if (!slug) throw notFound('slug');
  return slug;
}

function slugView(platform: Platform, slug: Slug, method: 'get' | 'put'): unknown {
  return {
    blob: { method: method.toUpperCase(), url: `${platform.baseUrl}/slug-blobs/${slug.id}` },
    buildpack_provided_description: slug.buildpackDescription,
    checksum: slug.checksum,
    commit: slug.commit,
    commit_description: slug.commitDescription,
    ...times(slug),
    id: slug.id,
    process_types: slug.processTypes,
    size: slug.size,
    stack: identity(slug.stack),
    deleted_at: null,
  };
}
