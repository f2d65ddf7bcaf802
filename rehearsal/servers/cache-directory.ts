import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { reachableByServerUser, serverUser } from './server-user.ts';

const folder = 'heroku-to-digitalocean';

/**
 * Where downloaded programs and prepared files stay between runs. Root's home is closed to the account that servers
 * run under, so that root's cache is the machine's.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const own = join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), folder);
  const directory = serverUser() ? join('/var/cache', folder) : own;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (!reachableByServerUser(directory)) {
    throw new Error(
      `${directory} cannot be entered by the account that servers run under: make it and what is above it readable (chmod o+x).`,
    );
  }
  return directory;
}
