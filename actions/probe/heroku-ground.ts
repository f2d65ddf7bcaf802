import { readConfigVars } from '../../src/heroku/config-vars.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { buildSlug } from '../../src/heroku/build.ts';
import { scale } from '../../src/heroku/formation.ts';
import { orderAddOn } from '../../src/heroku/order-add-on.ts';
import {
  createThrowAwayApp,
  deleteThrowAwayApp,
  throwAwayApp,
  type ThrowAwayApp,
} from '../../src/heroku/throw-away-app.ts';
import { webHost } from '../../src/heroku/web-host.ts';
import { maskConfigVars } from '../../src/migration/source.ts';
import { once } from './outcome.ts';
import { ELSEWHERE, GENERATION, probeProgram } from './program.ts';

/** What the Heroku side's probes work on, each thing made when the first one needs it. */
export interface HerokuGround {
  client: HerokuClient;
  /** How long anything is waited for at most. */
  patienceMs: number;
  /** The throw-away app on which everything is tried. */
  app: () => Promise<string>;
  /** Its host name at Heroku, once it runs our program in one web dyno. */
  serving: () => Promise<string>;
  /** The id of a slug of another app that answers `ELSEWHERE`. */
  foreignSlug: () => Promise<string>;
  /** Deletes the app that has built it. */
  deleteBuilder: () => Promise<void>;
  /** The app's config vars with that add-on, their values masked. */
  withAddOn: (plan: string) => Promise<Record<string, string>>;
}

export interface HerokuGroundOptions {
  client: HerokuClient;
  patienceMs: number;
  /** The app of migration.yml: the throw-away ones are made where it lies. It is read, and nothing of it is changed. */
  like: string;
  migrationId: string;
  mark: string;
  mask: (value: string) => void;
  maskUrl: (url: string) => void;
}

export const DYNO_SIZE = 'Basic';
const ADD_ON_LIMIT_MS = 15 * 60_000;

/** Two apps: one that serves, and one that only builds for it. Their names are found again by every run. */
export async function probeApps(
  client: HerokuClient,
  { like, migrationId, mark }: Pick<HerokuGroundOptions, 'like' | 'migrationId' | 'mark'>,
): Promise<{ app: ThrowAwayApp; builder: ThrowAwayApp }> {
  const [app, builder] = await Promise.all(
    ['', '-builder'].map((suffix) =>
      throwAwayApp(client, { app: like, migrationId: `${migrationId}${suffix}`, mark }),
    ),
  );
  if (app === undefined || builder === undefined) throw new Error('There are two apps.');
  return { app, builder };
}

export function herokuGround(options: HerokuGroundOptions): HerokuGround {
  const { client, like } = options;
  const apps = once(() => probeApps(client, options));
  const make = async (wanted: ThrowAwayApp): Promise<string> => {
    await createThrowAwayApp(client, like, wanted);
    return wanted.name;
  };
  const app = once(async () => make((await apps()).app));
  const builder = once(async () => make((await apps()).builder));
  const serving = once(async () => {
    const name = await app();
    await buildSlug(client, name, probeProgram({ answers: { configVar: GENERATION } }));
    await scale(client, name, [{ type: 'web', quantity: 1, size: DYNO_SIZE }]);
    return webHost(client, name);
  });
  return {
    client,
    patienceMs: options.patienceMs,
    app,
    serving,
    foreignSlug: once(async () =>
      buildSlug(client, await builder(), probeProgram({ answers: { text: ELSEWHERE } })),
    ),
    deleteBuilder: async () => {
      await deleteThrowAwayApp(client, (await apps()).builder);
    },
    withAddOn: async (plan) => {
      const name = await app();
      await orderAddOn(client, name, plan, Math.min(ADD_ON_LIMIT_MS, options.patienceMs));
      const configVars = await readConfigVars(client, name);
      maskConfigVars(configVars, options);
      return configVars;
    },
  };
}
