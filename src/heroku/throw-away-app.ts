import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConfigurationError } from '../errors.ts';
import type { HerokuClient } from './client.ts';
import { HerokuError } from './refusal.ts';

/** On which a slug is built that another app shall run. It never serves anybody. */
export interface ThrowAwayApp {
  name: string;
  /** In a config var of it: the proof that it is ours. */
  mark: string;
}

/** Tells our app from somebody else's of the same name. */
export const MARK_VARIABLE = 'H2D_MIGRATION';

const LONGEST_NAME = 30;

const place = z.object({
  id: z.string(),
  name: z.string(),
  region: z.object({ name: z.string() }),
  stack: z.object({ name: z.string() }),
  team: z.object({ name: z.string() }).nullish(),
  space: z.object({ name: z.string() }).nullish(),
});
const configVars = z.record(z.string(), z.string());
const releases = z.object({ slug: z.object({ id: z.string() }).nullish() });

/**
 * The name of the migration's throw-away app: found again by every run, and nobody else's, as names are unique on the
 * whole of Heroku and it ends in a digest of what it is for. At most 30 characters, Heroku's limit.
 */
export async function throwAwayApp(
  client: HerokuClient,
  { app, migrationId, mark }: { app: string; migrationId: string; mark: string },
): Promise<ThrowAwayApp> {
  const { id } = await client.get(`/apps/${encodeURIComponent(app)}`, place);
  const digest = createHash('sha256').update(`${migrationId}\0${id}`).digest('hex').slice(0, 8);
  const readable = migrationId.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const start = `h2d-${readable}`.slice(0, LONGEST_NAME - digest.length - 1).replace(/-+$/, '');
  return { name: `${start}-${digest}`, mark };
}

/** Whether it is there. Throws a ConfigurationError when an app of that name is there that is not ours. */
export async function hasThrowAwayApp(client: HerokuClient, wanted: ThrowAwayApp): Promise<boolean> {
  return (await lookAtIt(client, wanted)) !== 'absent';
}

/**
 * Makes it where the app lies (region, stack, team), unless it is there. It has no dyno and no add-on, so it costs nothing.
 *
 * @throws ConfigurationError when an app of that name is there that is not ours, or the app lies in a private space
 */
export async function createThrowAwayApp(
  client: HerokuClient,
  like: string,
  wanted: ThrowAwayApp,
): Promise<void> {
  const state = await lookAtIt(client, wanted);
  if (state === 'ours') return;
  if (state === 'absent') {
    const { region, stack, team, space } = await client.get(`/apps/${encodeURIComponent(like)}`, place);
    if (space != null)
      throw new ConfigurationError(
        `${like} lies in the private space ${space.name}: no app outside of it can build for it.`,
      );
    const order = { name: wanted.name, region: region.name, stack: stack.name };
    if (team == null) await client.post('/apps', order, z.unknown());
    else await client.post('/teams/apps', { ...order, team: team.name }, z.unknown());
    client.log.info(`${wanted.name}: made on Heroku, with no dyno; it costs nothing`);
  }
  await client.patch(
    `/apps/${encodeURIComponent(wanted.name)}/config-vars`,
    { [MARK_VARIABLE]: wanted.mark },
    z.unknown(),
  );
}

/** Deletes it; returns whether there was one. One that is not ours is left alone with a ConfigurationError. */
export async function deleteThrowAwayApp(client: HerokuClient, wanted: ThrowAwayApp): Promise<boolean> {
  if ((await lookAtIt(client, wanted)) === 'absent') return false;
  try {
    await client.delete(`/apps/${encodeURIComponent(wanted.name)}`);
  } catch (error) {
    // An answer that got lost, repeated.
    if (!(error instanceof HerokuError && error.status === 404)) throw error;
  }
  return true;
}

/** `unmarked`: a run died right after it had made it, so nothing was ever deployed there. */
async function lookAtIt(
  client: HerokuClient,
  { name, mark }: ThrowAwayApp,
): Promise<'absent' | 'unmarked' | 'ours'> {
  const path = `/apps/${encodeURIComponent(name)}`;
  if ((await client.find(path, z.unknown())) === undefined) return 'absent';
  const vars = await client.get(`${path}/config-vars`, configVars);
  if (vars[MARK_VARIABLE] === mark) return 'ours';
  const deployed = (await client.list(`${path}/releases`, releases)).some(({ slug }) => slug != null);
  if (Object.keys(vars).length === 0 && !deployed) return 'unmarked';
  throw new ConfigurationError(
    `There is an app ${name} on Heroku, and it does not carry the mark of this migration (${MARK_VARIABLE}=${mark}): it was left alone. ` +
      'Rename or delete it if it is not in use, then run this again.',
  );
}
