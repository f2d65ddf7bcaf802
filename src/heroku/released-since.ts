import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import type { HerokuClient } from './client.ts';
import { emptyAmong, releaseSchema } from './release.ts';

/** What became of an app's releases since a moment; a release of ours (parked, and its code again) is none of them. */
export interface ReleasedSince {
  /** The release whose code runs, or is about to: `v12`. While the app is parked, the one from before. */
  running: string;
  /** Other code than at that moment was released; `null`: the releases do not reach back so far, so it is not known. */
  deployed: boolean | null;
  /** Releases since, newest first, that changed config vars by hand: `v13 Set GREETING config vars`. */
  configured: string[];
}

const dated = releaseSchema.extend({ created_at: z.iso.datetime() });
const NEWEST_FIRST = 'version ..; order=desc, max=1000';
// What `heroku config:set`, `config:unset` and the dashboard call their releases. A rotated database address has another.
const CONFIGURED = /^(set|remove|unset)\b.*\bconfig vars?$/i;

/** Compares by the slug, as every change of the config makes a release with the same code. Throws when nothing was ever deployed. */
export async function releasedSince(client: HerokuClient, app: string, since: Date): Promise<ReleasedSince> {
  const releases = await client.list(`/apps/${encodeURIComponent(app)}/releases`, dated, NEWEST_FIRST);
  const isEmpty = emptyAmong(releases);
  const isLater = ({ created_at: at }: { created_at: string }): boolean => Date.parse(at) > since.getTime();
  // One whose release phase runs (`pending`) will be the app's code when it ends well.
  const working = releases.filter(
    (one) => !isEmpty(one) && one.slug != null && !['failed', 'expired'].includes(one.status),
  );
  const running = working[0];
  if (running === undefined) {
    throw new ConfigurationError(
      `${app} has no release with a slug (a container image, or never deployed): this version cannot park such an app.`,
    );
  }
  const then = working.find((one) => !isLater(one));
  return {
    running: `v${running.version}`,
    deployed: then === undefined ? null : then.slug?.id !== running.slug?.id,
    configured: releases
      .filter((one) => isLater(one) && CONFIGURED.test(one.description ?? ''))
      .map(({ version, description }) => `v${version} ${description ?? ''}`),
  };
}

/** When the newest release was made, whatever it changed. Throws for an app without one. */
export async function newestReleaseAt(client: HerokuClient, app: string): Promise<Date> {
  const path = `/apps/${encodeURIComponent(app)}/releases`;
  const [newest] = await client.list(path, dated, 'version ..; order=desc, max=1');
  if (newest === undefined) throw new Error(`${app} was never released.`);
  return new Date(newest.created_at);
}

/** Since when a placeholder has stood in place of the app's code; `undefined` while the code itself is released. */
export async function parkedSince(client: HerokuClient, app: string): Promise<Date | undefined> {
  const releases = await client.list(`/apps/${encodeURIComponent(app)}/releases`, dated, NEWEST_FIRST);
  const isEmpty = emptyAmong(releases);
  const newest = releases.filter(({ status }) => status === 'succeeded');
  const code = newest.findIndex((one) => !isEmpty(one));
  const placeholders = code === -1 ? newest : newest.slice(0, code);
  const [first] = placeholders.slice(-1);
  return first === undefined ? undefined : new Date(first.created_at);
}
