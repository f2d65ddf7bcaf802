import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { HerokuClient } from './client.ts';
import { readFormation, scale } from './formation.ts';

const build = z.object({
  id: z.string(),
  status: z.enum(['pending', 'succeeded', 'failed']),
  created_at: z.iso.datetime(),
  source_blob: z.object({ version: z.string().nullish() }),
  slug: z.object({ id: z.string() }).nullish(),
});
type Build = z.infer<typeof build>;

const source = z.object({ source_blob: z.object({ get_url: z.url(), put_url: z.url() }) });

/** Heroku's own, so that what is built does not depend on how it guesses. */
const NODE_BUILDPACK = 'https://github.com/heroku/heroku-buildpack-nodejs';
const BUILD_LIMIT_MS = 15 * 60_000;
const POLL_MS = 1000;

/** What a source archive is called in its build, so that it is found again: nothing is built twice. */
export function sourceVersion(archive: Buffer): string {
  return `sha256:${createHash('sha256').update(archive).digest('hex')}`;
}

/** The slug that was built from this very source on `app`; `undefined` while there is none. Reads only. */
export async function findBuiltSlug(
  client: HerokuClient,
  app: string,
  version: string,
): Promise<string | undefined> {
  const builds = await buildsOf(client, app, version);
  return builds.find(({ status }) => status === 'succeeded')?.slug?.id;
}

/**
 * Builds the source with the Node.js buildpack on `app` and returns the slug's id; nothing is built when it was before.
 * A build that is under way is waited for. Heroku starts one web dyno of an app's first slug, so `app` is scaled to zero.
 *
 * @throws Error when the build fails, naming where its output is
 */
export async function buildSlug(client: HerokuClient, app: string, archive: Buffer): Promise<string> {
  const version = sourceVersion(archive);
  const known = await buildsOf(client, app, version);
  const usable =
    known.find(({ status }) => status === 'succeeded') ?? known.find(({ status }) => status === 'pending');
  const slug = await finished(client, app, usable ?? (await startBuild(client, app, archive, version)));
  const running = (await readFormation(client, app)).filter(({ quantity }) => quantity > 0);
  await scale(
    client,
    app,
    running.map(({ type }) => ({ type, quantity: 0 })),
  );
  return slug;
}

async function buildsOf(client: HerokuClient, app: string, version: string): Promise<Build[]> {
  const builds = await client.list(`/apps/${encodeURIComponent(app)}/builds`, build);
  return builds
    .filter(({ source_blob: one }) => one.version === version)
    .sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
}

async function startBuild(
  client: HerokuClient,
  app: string,
  archive: Buffer,
  version: string,
): Promise<Build> {
  const { source_blob: blob } = await client.post('/sources', {}, source);
  await upload(client, blob.put_url, archive);
  return client.post(
    `/apps/${encodeURIComponent(app)}/builds`,
    {
      buildpacks: [{ url: NODE_BUILDPACK }],
      source_blob: { url: blob.get_url, version, checksum: version.replace(/^sha256/, 'SHA256') },
    },
    build,
  );
}

/** Heroku hands out a signed address at its object store: no token goes there, nor may its address be told. */
async function upload(client: HerokuClient, url: string, archive: Buffer): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    redirect: 'error',
    headers: { 'content-type': '' },
    body: new Uint8Array(archive),
    ...(client.signal === undefined ? {} : { signal: client.signal }),
  }).catch(() => undefined);
  await response?.body?.cancel();
  if (response?.ok === true) return;
  throw new Error(
    `The source could not be stored at Heroku (${response === undefined ? 'no answer' : `HTTP ${response.status}`}). Nothing was built; run this again.`,
  );
}

async function finished(client: HerokuClient, app: string, begun: Build): Promise<string> {
  const started = client.clock.now().getTime();
  for (let now = begun; ;) {
    if (now.status === 'succeeded' && now.slug != null) return now.slug.id;
    if (now.status === 'failed') {
      throw new Error(
        `The build on ${app} failed. Its output is in the dashboard: https://dashboard.heroku.com/apps/${app}/activity/builds/${now.id}. Run this again to build it anew.`,
      );
    }
    if (client.clock.now().getTime() - started > BUILD_LIMIT_MS) {
      throw new Error(
        `The build on ${app} is still ${now.status} after ${BUILD_LIMIT_MS / 60_000} minutes. Run this again: it goes on waiting for it.`,
      );
    }
    await client.clock.sleep(POLL_MS, client.signal);
    now = await client.get(`/apps/${encodeURIComponent(app)}/builds/${now.id}`, build);
  }
}
