import { z } from 'zod';
import { currentRelease, type App, type Platform, type Release } from '../platform.ts';
import { createRelease } from '../release.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { slugsIn } from './slug.ts';
import { times } from './view.ts';

/** Releases: https://devcenter.heroku.com/articles/platform-api-reference#release */
export const releaseRoutes: Route[] = [
  list(
    '/apps/:app/releases',
    ({ platform, app }) => app.releases.map((one) => releaseView(platform, app, one)),
    {
      ranges: ['id', 'version'],
    },
  ),
  read('/apps/:app/releases/:release', ({ platform, app, params }) =>
    releaseView(platform, app, releaseOf(app, params['release'])),
  ),
  change('POST', '/apps/:app/releases', postRelease, { status: 201 }),
  read(
    '/streams/:stream',
    ({ platform, params }) =>
      platform.apps
        .flatMap(({ releases, builds }): { id: string; output: string[] | undefined }[] => [
          ...releases,
          ...builds,
        ])
        .find(({ id }) => id === params['stream'])
        ?.output?.map((line) => `${line}\n`)
        .join('') ?? '',
    { dialect: 'open' },
  ),
];

/** By id or version (`12` or `v12`). */
export function releaseOf(app: App, idOrVersion = ''): Release {
  const release = app.releases.find(
    ({ id, version }) => id === idOrVersion || `v${version}` === `v${idOrVersion.replace(/^v/, '')}`,
  );
  if (!release) throw notFound('release');
  return release;
}

/** `{slug}` releases a slug; `{release}` rolls back to an earlier release, its slug and its config vars. */
function postRelease(call: Call): unknown {
  const { platform, app } = call;
  const body = bodyOf(
    call,
    z.object({
      slug: z.string().optional(),
      release: z.string().optional(),
      description: z.string().nullish(),
    }),
  );
  if (body.release !== undefined) {
    const earlier = releaseOf(app, body.release);
    if (!isEligible(earlier)) throw invalid(`Cannot roll back to v${earlier.version}: it never ran.`);
    app.config = { ...earlier.config };
    const release = createRelease(platform, app, {
      description: `Rollback to v${earlier.version}`,
      slug: earlier.slug,
    });
    return releaseView(platform, app, release);
  }
  // Any slug that the token may see: that is how the pipeline's promotion works, too.
  const visible = platform.played.otherwise.includes('own-slugs-only')
    ? []
    : platform.apps.filter(({ name }) => call.token.apps?.includes(name) ?? true);
  const slug = [...slugsIn(app), ...visible.flatMap(({ slugs }) => slugs)].find(({ id }) => id === body.slug);
  if (!slug) throw notFound('slug');
  if (slug.size === null)
    throw invalid('The archive of this slug was never uploaded: PUT it to blob.url first.');
  const description = body.description ?? `Deploy ${slug.commit?.slice(0, 8) ?? slug.id.slice(0, 8)}`;
  return releaseView(platform, app, createRelease(platform, app, { description, slug }));
}

function isEligible(release: Release): boolean {
  return release.status === 'succeeded' && release.slug !== undefined;
}

function releaseView(platform: Platform, app: App, release: Release): unknown {
  return {
    addon_plan_names: release.addOnPlans,
    artifacts: release.slug ? [{ type: 'slug', id: release.slug.id }] : [],
    app: appIdentity(app),
    ...times(release),
    description: release.description,
    id: release.id,
    oci_image: null,
    slug: release.slug ? { id: release.slug.id } : null,
    status: release.status,
    user: { id: platform.account.id, email: platform.account.email },
    version: release.version,
    current: release === currentRelease(app),
    output_stream_url: release.output ? `${platform.baseUrl}/streams/${release.id}` : null,
    eligible_for_rollback: isEligible(release),
  };
}
