import { messageOf } from '../../src/errors.ts';
import { findNamed } from './catalogue.ts';
import { runToEnd, startDyno } from './dyno.ts';
import { adoptProcessTypes, restart } from './formation.ts';
import { born, currentRelease, type App, type Platform, type Release, type Slug } from './platform.ts';

export interface ReleaseOptions {
  description: string;
  /** Default: the slug that runs. */
  slug?: Slug | undefined;
  /** Default: the config vars as they are now. */
  config?: Record<string, string>;
}

/**
 * Makes a release, as every deployment, roll-back, config change and add-on change does. A slug with a `release`
 * process type runs it first, as a one-off dyno with the new config vars; when that fails the release has failed and
 * what ran before keeps running. Otherwise it becomes the current one and all dynos are replaced.
 *
 * Returns at once; `app.releasing` settles when the work is done.
 */
export function createRelease(platform: Platform, app: App, options: ReleaseOptions): Release {
  const slug = options.slug ?? currentRelease(app)?.slug;
  const command = slug?.processTypes['release'];
  const release: Release = {
    ...born(platform),
    version: (app.releases.at(-1)?.version ?? 0) + 1,
    description: options.description,
    status: 'pending',
    slug,
    config: { ...(options.config ?? app.config) },
    addOnPlans: platform.addOns.filter((one) => one.app === app).map(({ plan }) => plan.name),
    output: command === undefined ? undefined : [],
  };
  app.releases.push(release);
  app.updatedAt = new Date();
  if (command === undefined && app.pendingReleases === 0) {
    takeOver(platform, app, release);
    return release;
  }
  app.pendingReleases += 1;
  app.releasing = app.releasing.then(async () => {
    try {
      const succeeded = command === undefined || (await releasePhase(platform, app, release, command));
      if (platform.stopped) return;
      if (succeeded) takeOver(platform, app, release);
      else settle(app, release, 'failed');
    } catch (error) {
      platform.log.warning(`Release v${release.version} of ${app.name}: ${messageOf(error)}`);
      settle(app, release, 'failed');
    } finally {
      app.pendingReleases -= 1;
    }
  });
  return release;
}

function takeOver(platform: Platform, app: App, release: Release): void {
  settle(app, release, 'succeeded');
  const size = findNamed(platform.catalogue.dynoSizes, 'Standard-1X');
  if (size) adoptProcessTypes(platform, app, release.slug?.processTypes ?? {}, size);
  restart(platform, app);
}

function settle(app: App, release: Release, status: Release['status']): void {
  release.status = status;
  release.updatedAt = new Date();
  app.events.emit('change');
}

async function releasePhase(
  platform: Platform,
  app: App,
  release: Release,
  command: string,
): Promise<boolean> {
  if (app.onPaper) return true;
  const size = app.formation[0]?.size ?? findNamed(platform.catalogue.dynoSizes, 'Standard-1X');
  if (!size) return false;
  const name = `release.${platform.ids.digits(4)}`;
  const listen = (line: string): void => {
    const mark = ` app[${name}]: `;
    const at = line.indexOf(mark);
    if (at >= 0) release.output?.push(line.slice(at + mark.length));
  };
  app.events.on('line', listen);
  try {
    const dyno = startDyno(platform, app, { name, type: 'release', command, size, release, oneOff: true });
    return (await runToEnd(app, dyno)) === 0;
  } finally {
    app.events.off('line', listen);
  }
}
