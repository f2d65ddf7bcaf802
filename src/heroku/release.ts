import { z } from 'zod';
import { ConfigurationError, NotSupportedError } from '../errors.ts';
import type { HerokuClient } from './client.ts';
import { readFormation } from './formation.ts';
import { emptySlugArchive } from './empty-slug.ts';

export const releaseSchema = z.object({
  id: z.string(),
  version: z.number(),
  status: z.string(),
  current: z.boolean(),
  description: z.string().nullable().default(''),
  slug: z.object({ id: z.string() }).nullable().optional(),
});

const release = releaseSchema;
export type Release = z.infer<typeof release>;

const slug = z.object({
  id: z.string(),
  process_types: z.record(z.string(), z.string()).default({}),
  commit: z.string().nullable().optional(),
  stack: z.object({ name: z.string() }).nullable().optional(),
});
export type Slug = z.infer<typeof slug>;

const newSlug = z.object({ id: z.string(), blob: z.object({ method: z.string(), url: z.string() }) });

const PARKED = 'heroku-to-digitalocean: parked, no application code';
const FRONT_DOOR = 'heroku-to-digitalocean: the front door, no application code';
const PLACEHOLDERS: readonly string[] = [PARKED, FRONT_DOOR];
const NEWEST_FIRST = 'version ..; order=desc, max=50';
const RELEASE_LIMIT_MS = 30 * 60_000;
const POLL_MS = 1000;

/** The app's newest releases, newest first (at most 50). */
function readReleases(client: HerokuClient, app: string): Promise<Release[]> {
  return client.list(`/apps/${encodeURIComponent(app)}/releases`, release, NEWEST_FIRST);
}

/** The release that runs now; `undefined` for an app that was never released. */
export async function currentRelease(client: HerokuClient, app: string): Promise<Release | undefined> {
  return (await readReleases(client, app)).find(({ current }) => current);
}

/**
 * The running slug: the Procfile as deployed. An app with a placeholder answers with what ran before, not with the placeholder.
 * `undefined` for images (container stack) and empty apps.
 */
export async function readCurrentSlug(client: HerokuClient, app: string): Promise<Slug | undefined> {
  const releases = await readReleases(client, app);
  const current = releases.find((one) => one.current);
  const isEmpty = emptyAmong(releases);
  const working =
    current !== undefined && isEmpty(current)
      ? releases.find((one) => !isEmpty(one) && one.status === 'succeeded' && hasSlug(one))
      : current;
  const id = working?.slug?.id;
  return id === undefined ? undefined : client.find(`/apps/${encodeURIComponent(app)}/slugs/${id}`, slug);
}

/** Whether a placeholder is what runs: `parkApp` or `releaseFrontDoor` has been done and not undone. */
export async function isParked(client: HerokuClient, app: string): Promise<boolean> {
  const releases = await readReleases(client, app);
  const current = releases.find((one) => one.current);
  return current !== undefined && emptyAmong(releases)(current);
}

/**
 * Tells releases of our placeholders (the empty slug, the forwarder) by the slug: a config var that is set, or a database
 * address that Heroku rotates, meanwhile makes a release with a description of its own, and there is no application code
 * in it all the same.
 */
export function emptyAmong(releases: readonly Release[]): (one: Release) => boolean {
  const empty = new Set(
    releases
      .filter(({ description }) => PLACEHOLDERS.includes(description ?? ''))
      .map(({ slug: itsSlug }) => itsSlug?.id ?? ''),
  );
  return ({ description, slug: itsSlug }) =>
    PLACEHOLDERS.includes(description ?? '') || (itsSlug != null && empty.has(itsSlug.id));
}

/**
 * Releases an empty slug, so that Scheduler jobs and one-off dynos that start from now on find no application code.
 * Returns the id of the release before it, for `rollBackRelease`. Scale everything to zero first: a process type that
 * still runs would be restarted on the placeholder, which does nothing but wait.
 *
 * Repeating it is harmless: an app that is parked already stays so, and the release from before the parking is returned.
 * `beforeRelease` is the last look before the release is made: when it throws, nothing was released.
 */
export async function parkApp(
  client: HerokuClient,
  app: string,
  options: { beforeRelease?: () => Promise<void> } = {},
): Promise<string> {
  const path = `/apps/${encodeURIComponent(app)}`;
  const releases = await readReleases(client, app);
  const isEmpty = emptyAmong(releases);
  const working = releases.find((one) => !isEmpty(one) && one.status === 'succeeded' && hasSlug(one));
  if (working === undefined) {
    throw new NotSupportedError(
      `${app} runs no slug (a container image, or nothing was ever deployed), so it cannot be parked on an empty one.`,
    );
  }
  const current = releases.find((one) => one.current);
  if (current !== undefined && isEmpty(current)) return working.id;

  const running = await client.get(`${path}/slugs/${working.slug?.id ?? ''}`, slug);
  const types = new Set([
    ...Object.keys(running.process_types),
    ...(await readFormation(client, app)).map(({ type }) => type),
  ]);
  // Without a `release` process the parking runs no release phase. The others stay known, or their formation is lost.
  types.delete('release');
  const created = await client.post(
    `${path}/slugs`,
    {
      process_types: Object.fromEntries([...types].map((type) => [type, 'sleep infinity'])),
      ...(running.stack ? { stack: running.stack.name } : {}),
      commit: 'parked',
    },
    newSlug,
  );
  await uploadSlug(client, created.blob.url);
  await options.beforeRelease?.();
  const parked = await client.post(`${path}/releases`, { slug: created.id, description: PARKED }, release);
  await waitUntilReleased(client, app, parked.id);
  return working.id;
}

/** The forwarder in place of an app's code. */
export interface FrontDoorRelease {
  /** Id of the release whose code ran before, for `rollBackRelease`. */
  replaced: string;
  /** Dynos of releases before this version run the application's code. */
  version: number;
}

/**
 * Releases a slug that was built on another app (the forwarder) in place of the code; the formation stays as it is. Heroku
 * then ends the old web dynos and starts those of the new slug at once, and its router lets requests wait for them.
 *
 * Repeating it is harmless: where that slug runs already, nothing is released. `beforeRelease` is the last look before the
 * release is made: when it throws, nothing was released.
 */
export async function releaseFrontDoor(
  client: HerokuClient,
  app: string,
  slugId: string,
  options: { beforeRelease?: () => Promise<void> } = {},
): Promise<FrontDoorRelease> {
  const releases = await readReleases(client, app);
  const isOurs = emptyAmong(releases);
  const working = releases.find((one) => !isOurs(one) && one.status === 'succeeded' && hasSlug(one));
  if (working === undefined)
    throw new NotSupportedError(
      `${app} runs no slug (a container image, or nothing was ever deployed), so no other can take its place.`,
    );
  const current = releases.find((one) => one.current);
  if (current !== undefined && isOurs(current) && current.slug?.id === slugId) {
    // A config var that was set meanwhile made a later one with the same slug.
    const first = releases
      .filter(({ version, slug: its }) => version > working.version && its?.id === slugId)
      .at(-1);
    return { replaced: working.id, version: first?.version ?? current.version };
  }
  await options.beforeRelease?.();
  const made = await client.post(
    `/apps/${encodeURIComponent(app)}/releases`,
    { slug: slugId, description: FRONT_DOOR },
    release,
  );
  // Visitors wait from here on: the answer tells already that it is released, as it has no release phase.
  if (made.status !== 'succeeded') await waitUntilReleased(client, app, made.id);
  return { replaced: working.id, version: made.version };
}

/**
 * Releases the slug of an earlier release again and waits until Heroku has released it. This runs the app's release
 * phase, as every release does. Throws when the release phase fails.
 *
 * It is no roll-back in Heroku's sense: that would bring back the config vars of then, too, and with them the address
 * of a database that Heroku has rotated since.
 */
export async function rollBackRelease(client: HerokuClient, app: string, releaseId: string): Promise<void> {
  const path = `/apps/${encodeURIComponent(app)}`;
  const [earlier, releases] = await Promise.all([
    client.get(`${path}/releases/${releaseId}`, release),
    readReleases(client, app),
  ]);
  const now = releases.find(({ current }) => current);
  // A roll-back makes a new release with the same slug, so a repeated one is seen by the slug, not by the id.
  if (now !== undefined && now.status === 'succeeded' && now.slug?.id === earlier.slug?.id) return;
  if (earlier.slug == null)
    throw new Error(`Release v${earlier.version} of ${app} has no slug to go back to.`);
  const slugId = earlier.slug.id;
  // Of a run that gave up waiting: a second release would run the release phase twice at a time.
  const underWay = releases.find(({ status, slug: its }) => status === 'pending' && its?.id === slugId);
  if (underWay !== undefined) client.log.info(`Release v${underWay.version} of ${app} is under way already.`);
  const made =
    underWay ??
    (await client.post(
      `${path}/releases`,
      { slug: slugId, description: `heroku-to-digitalocean: the code of v${earlier.version} again` },
      release,
    ));
  await waitUntilReleased(client, app, made.id);
}

function hasSlug(one: Release): boolean {
  return one.slug !== null && one.slug !== undefined;
}

/** Heroku hands out a signed address at its object store: no token goes there. */
async function uploadSlug(client: HerokuClient, url: string): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    redirect: 'error',
    headers: { 'content-type': '' },
    body: new Uint8Array(emptySlugArchive()),
    ...(client.signal === undefined ? {} : { signal: client.signal }),
  }).catch(() => undefined);
  if (response?.ok !== true) {
    throw new Error(
      `The empty slug could not be stored at Heroku (${response === undefined ? 'no answer' : `HTTP ${response.status}`}). Nothing was released; run this again.`,
    );
  }
}

const TOLD_EVERY_MS = 15_000;

async function waitUntilReleased(client: HerokuClient, app: string, id: string): Promise<void> {
  const started = client.clock.now().getTime();
  for (let toldMs = 0; ;) {
    const { status, version } = await client.get(`/apps/${encodeURIComponent(app)}/releases/${id}`, release);
    if (status === 'succeeded') return;
    if (status === 'failed' || status === 'expired') {
      throw new ConfigurationError(
        `Release v${version} of ${app} ended as ${status}: its release phase did not succeed, and the release before it ` +
          `stays. \`heroku releases:output v${version} -a ${app}\` shows why. Mend that and run this again: it releases the ` +
          'same code once more. Or deploy code whose release phase succeeds, and run this again: it goes on with that.',
      );
    }
    const waitedMs = client.clock.now().getTime() - started;
    if (waitedMs > RELEASE_LIMIT_MS) {
      throw new ConfigurationError(
        `Release v${version} of ${app} is still ${status} after ${RELEASE_LIMIT_MS / 60_000} minutes: its release phase runs on. ` +
          `Wait until it has ended (\`heroku releases -a ${app}\`) or stop it (\`heroku ps:stop release -a ${app}\`), then run ` +
          'this again: it waits for the same release and makes no second one.',
      );
    }
    if (waitedMs - toldMs >= TOLD_EVERY_MS) {
      toldMs = waitedMs;
      client.log.info(
        `The release phase of v${version} of ${app} has run for ${Math.round(waitedMs / 1000)} s.`,
      );
    }
    await client.clock.sleep(POLL_MS, client.signal);
  }
}
