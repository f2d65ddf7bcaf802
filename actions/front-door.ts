import { frontDoorSource, sourceArchive } from '../src/front-door/source.ts';
import { buildSlug, findBuiltSlug, sourceVersion } from '../src/heroku/build.ts';
import type { HerokuClient } from '../src/heroku/client.ts';
import { readFrontDoor, removeFrontDoor } from '../src/front-door/state.ts';
import { readFormation, waitUntilOldDynosEnded } from '../src/heroku/formation.ts';
import { isParked, readCurrentSlug, releaseFrontDoor } from '../src/heroku/release.ts';
import {
  createThrowAwayApp,
  deleteThrowAwayApp,
  hasThrowAwayApp,
  throwAwayApp,
  type ThrowAwayApp,
} from '../src/heroku/throw-away-app.ts';
import { targetNames } from '../src/migration/names.ts';
import type { PostgresAddress } from '../src/postgres/connect.ts';
import type { Subject } from './subject.ts';

/** Whoever uses the forwarder's slug: provision builds it long before the window, the cutover releases it by its id. */
export interface FrontDoorParty {
  heroku: HerokuClient;
  subject: Pick<Subject, 'config' | 'environment'>;
  /** Of `frontDoorSecret`; masked. */
  secret: string;
  /** Where the forwarder leads: App Platform's own name of the new app. */
  targetHost: string;
  /** `always` needs no row in the old database and never holds: for what stays after `finalize`. Default `row`. */
  forwards?: 'row' | 'always';
}

/** Requests wait at most so long in the forwarder, below the router's 30 s (H12): then they get an answer, and not nothing. */
const HOLD_LIMIT_MS = 25_000;
/** As in the cutover: old web dynos are killed after 30 s; one-off dynos may need longer. */
const DYNO_END_LIMIT_MS = 90_000;

/**
 * The forwarder's source for this very app: it names the app's other process types, so that their formation is not lost
 * with it, and the new side's host. Another app, host or key gives another source, and with it another slug.
 */
async function sourceOf({
  heroku,
  subject,
  secret,
  targetHost,
  forwards = 'row',
}: FrontDoorParty): Promise<Buffer> {
  const { herokuApp, migrationId } = subject.environment;
  const [slug, formation] = await Promise.all([
    readCurrentSlug(heroku, herokuApp),
    readFormation(heroku, herokuApp),
  ]);
  const types = new Set([...Object.keys(slug?.process_types ?? {}), ...formation.map(({ type }) => type)]);
  const { files } = frontDoorSource({
    ...{ targetHost, migrationId, secret, forwards, holdLimitMs: HOLD_LIMIT_MS },
    otherProcesses: [...types].sort(),
  });
  return sourceArchive(files);
}

/** The migration's throw-away app on Heroku, whether it is there or not. */
export function builderOf({
  heroku,
  subject,
}: Pick<FrontDoorParty, 'heroku' | 'subject'>): Promise<ThrowAwayApp> {
  const { config, environment } = subject;
  return throwAwayApp(heroku, {
    app: environment.herokuApp,
    migrationId: environment.migrationId,
    mark: targetNames(environment.migrationId, config.application).tag,
  });
}

/** The slug of the forwarder as it must be now; `undefined` while it was not built. Reads only. */
export async function findForwarder(party: FrontDoorParty): Promise<string | undefined> {
  const builder = await builderOf(party);
  if (!(await hasThrowAwayApp(party.heroku, builder))) return undefined;
  return findBuiltSlug(party.heroku, builder.name, sourceVersion(await sourceOf(party)));
}

/** Builds the forwarder on the throw-away app, which it makes first; nothing happens where both were done before. */
export async function buildForwarder(party: FrontDoorParty): Promise<{ slug: string; app: string }> {
  const builder = await builderOf(party);
  await createThrowAwayApp(party.heroku, party.subject.environment.herokuApp, builder);
  return { app: builder.name, slug: await buildSlug(party.heroku, builder.name, await sourceOf(party)) };
}

/**
 * For `finalize`, once there is no way back: the forwarder that still leads late visitors is replaced by one that needs no
 * row in the old database, so that the row goes, and with the throw-away app everything else that was made for it. What
 * leads stays until the Heroku app is deleted. Does nothing where no front door is left; repeating it is harmless.
 */
export async function finalizeFrontDoor(
  party: FrontDoorParty & { database: PostgresAddress },
): Promise<{ leads: boolean; appDeleted: boolean }> {
  const { heroku, subject, database } = party;
  const { herokuApp, migrationId } = subject.environment;
  const leads =
    (await readFrontDoor(database, migrationId)) !== undefined && (await isParked(heroku, herokuApp));
  if (leads) {
    const { slug } = await buildForwarder({ ...party, forwards: 'always' });
    const { version } = await releaseFrontDoor(heroku, herokuApp, slug);
    await waitUntilOldDynosEnded(heroku, herokuApp, { version, limitMs: DYNO_END_LIMIT_MS });
  }
  await removeFrontDoor(database, migrationId);
  return { leads, appDeleted: await deleteForwarder(party) };
}

/** For `finalize` and `destroy`: what released the forwarder's slug goes on running it. Returns whether there was one. */
export async function deleteForwarder(party: Pick<FrontDoorParty, 'heroku' | 'subject'>): Promise<boolean> {
  return deleteThrowAwayApp(party.heroku, await builderOf(party));
}
