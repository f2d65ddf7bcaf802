import { SERVER } from './program-text.ts';

export { sourceArchive } from './source-archive.ts';

export interface FrontDoorOptions {
  /** Host name under which App Platform serves the app, whatever its domains; `host:port` where it is not 443. */
  targetHost: string;
  migrationId: string;
  /** Of `frontDoorSecret`; masked. */
  secret: string;
  /** How long a request may wait; default 25,000, which leaves time to answer before the router's own 30 s (H12). */
  holdLimitMs?: number;
  /**
   * The app's process types beside `web`, without `release`: a slug that does not name them would lose their formation.
   * Whatever runs of them only sleeps.
   */
  otherProcesses?: readonly string[];
  /**
   * `row` (the default): the row of state.ts says whether to hold. `always`: it forwards and needs no database, for late
   * visitors after `finalize`, when the row is gone and the old database may go.
   */
  forwards?: 'row' | 'always';
}

/** The app's own options for Node, of which some name files that are not in this slug, would keep it from starting. */
const WEB = 'env -u NODE_OPTIONS node server.js';

/** The config var that holds the old database's address, as in migration/source.ts. */
const DATABASE_VARIABLE = 'DATABASE_URL';

/**
 * The forwarder as Heroku's Node.js buildpack builds it: one file without any dependency, and its settings. `files` holds
 * the secret: never log it. It is stored at Heroku as the app's own code is, readable by those who may deploy the app.
 */
export function frontDoorSource(options: FrontDoorOptions): { files: Record<string, string> } {
  const { targetHost, migrationId, secret } = options;
  const settings = {
    targetHost,
    migrationId,
    secret,
    holdLimitMs: options.holdLimitMs ?? 25_000,
    forwards: options.forwards ?? 'row',
    databaseVariable: DATABASE_VARIABLE,
  };
  const manifest = {
    name: 'front-door',
    version: '1.0.0',
    private: true,
    type: 'module',
    engines: { node: '24.x' },
  };
  // The buildpack wants a lock file even where there is nothing to lock.
  const lock = {
    name: manifest.name,
    version: manifest.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': { name: manifest.name, version: manifest.version, engines: manifest.engines } },
  };
  const processes = [`web: ${WEB}`, ...idle(options.otherProcesses ?? [])];
  return {
    files: {
      'server.js': SERVER,
      'front-door.json': json(settings),
      'package.json': json(manifest),
      'package-lock.json': json(lock),
      Procfile: `${processes.join('\n')}\n`,
    },
  };
}

function idle(types: readonly string[]): string[] {
  return types
    .filter((type) => type !== 'web' && type !== 'release')
    .map((type) => `${type}: sleep infinity`);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
