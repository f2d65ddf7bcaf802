import { z } from 'zod';
import type { HerokuClient } from './client.ts';

const process = z.object({
  type: z.string(),
  quantity: z.number(),
  size: z.string(),
  command: z.string(),
});

/** One process type of an app's formation. `size` in Heroku's spelling, for example `Standard-1X`. */
export type FormationProcess = z.infer<typeof process>;

export interface FormationUpdate {
  type: string;
  quantity: number;
  size?: string;
}

const dyno = z.object({
  name: z.string(),
  type: z.string(),
  state: z.string(),
  command: z.string().default(''),
  release: z.object({ version: z.number() }),
});
export type Dyno = z.infer<typeof dyno>;

/** The formation with every process type, those scaled to zero included (`/dynos` would not show them). */
export function readFormation(client: HerokuClient, app: string): Promise<FormationProcess[]> {
  return client.list(`/apps/${encodeURIComponent(app)}/formation`, process);
}

/** Scales process types in one request; those that are not named stay as they are. */
export async function scale(client: HerokuClient, app: string, updates: FormationUpdate[]): Promise<void> {
  if (updates.length === 0) return;
  const wanted = updates.map(({ size, ...update }) => ({
    ...update,
    ...(size === undefined ? {} : { dyno_size: { name: size } }),
  }));
  await client.patch(`/apps/${encodeURIComponent(app)}/formation`, { updates: wanted }, process.array());
}

export function listDynos(client: HerokuClient, app: string): Promise<Dyno[]> {
  return client.list(`/apps/${encodeURIComponent(app)}/dynos`, dyno);
}

/** Restarts the dynos of the process types that `wanted` accepts, as `heroku ps:restart` does. One-off dynos are left alone. */
export async function restartDynos(
  client: HerokuClient,
  app: string,
  wanted: (type: string) => boolean,
): Promise<void> {
  const dynos = await listDynos(client, app);
  for (const { name, type } of dynos) {
    if (!ONE_OFF_TYPES.has(type) && wanted(type)) {
      await client.delete(`/apps/${encodeURIComponent(app)}/dynos/${encodeURIComponent(name)}`);
    }
  }
}

/**
 * Waits until no dyno of a release before `version` is left, one-off dynos included. Heroku sends the formation's SIGTERM,
 * and SIGKILL 30 s later, by itself when something new is released. Throws when some are left after `limitMs`, naming them.
 */
export async function waitUntilOldDynosEnded(
  client: HerokuClient,
  app: string,
  { version, limitMs }: { version: number; limitMs: number },
): Promise<void> {
  const isOld = (one: Dyno): boolean => one.release.version < version;
  await waitUntilGone(client, app, { counts: isOld, limitMs, pollMs: VISITORS_WAIT_POLL_MS });
}

/** Waits until no one-off dyno (`run`, `scheduler`, `release`) is left; nothing stops them. */
export async function waitUntilNoOneOffDynos(
  client: HerokuClient,
  app: string,
  limitMs: number,
): Promise<void> {
  await waitUntilGone(client, app, { counts: isOneOff, limitMs, pollMs: POLL_MS });
}

export interface NoDynosOptions {
  /** Only dynos of these process types; absent: all of the formation. */
  types?: string[];
  /** Also one-off dynos (`run`, `scheduler`, `release`), which no formation change stops. */
  oneOff?: boolean;
  limitMs: number;
}

/** What no formation tells of: started by a person, by Scheduler, or for a release phase. */
export const ONE_OFF_TYPES: ReadonlySet<string> = new Set(['run', 'scheduler', 'release']);
const POLL_MS = 1000;
/** Four a second for half a minute at most: what Heroku's limit refills in less than two minutes. */
const VISITORS_WAIT_POLL_MS = 250;

function isOneOff({ type }: Dyno): boolean {
  return ONE_OFF_TYPES.has(type);
}

/**
 * Waits until Heroku runs no such dyno any more. After scaling to zero dynos get SIGTERM and up to 30 s to finish.
 * Throws when dynos are left after `limitMs`, naming them; nothing else is changed.
 */
export async function waitUntilNoDynos(
  client: HerokuClient,
  app: string,
  options: NoDynosOptions,
): Promise<void> {
  const counts = (one: Dyno): boolean =>
    isOneOff(one) ? options.oneOff === true : options.types === undefined || options.types.includes(one.type);
  await waitUntilGone(client, app, { counts, limitMs: options.limitMs, pollMs: POLL_MS });
}

async function waitUntilGone(
  client: HerokuClient,
  app: string,
  options: { counts: (one: Dyno) => boolean; limitMs: number; pollMs: number },
): Promise<void> {
  const started = client.clock.now().getTime();
  for (let told = ''; ;) {
    const left = (await listDynos(client, app))
      .filter(options.counts)
      .map(({ name, state }) => `${name} (${state})`);
    if (left.length === 0) return;
    const names = left.join(', ');
    const waited = client.clock.now().getTime() - started;
    if (waited >= options.limitMs) {
      throw new Error(
        `Heroku still runs ${names} of ${app} after ${Math.round(waited / 1000)} s. ` +
          `Stop them (\`heroku ps:stop -a ${app} <dyno>\`) or wait until they are done, then run this again.`,
      );
    }
    if (names !== told) client.log.info(`Waiting for dynos of ${app} to end: ${names}`);
    told = names;
    await client.clock.sleep(Math.min(options.pollMs, options.limitMs - waited), client.signal);
  }
}
