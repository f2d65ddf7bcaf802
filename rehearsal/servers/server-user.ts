import { lchownSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The account that servers run under when we are root: PostgreSQL refuses to run as root. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/**
 * The unprivileged account for servers, or undefined when we are not root and servers simply run as we do.
 * It must be one that the machine knows by name, since `initdb` looks itself up.
 */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const wanted of ['nobody', 'daemon']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${wanted}:`))?.split(':') ?? [];
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'Running as root needs an account that servers can run under: neither nobody nor daemon is in /etc/passwd.',
  );
}

/** Whether the server user can reach a path: every directory above it may be entered by everybody. */
export function reachableByServerUser(path: string): boolean {
  if (!serverUser()) return true;
  for (let directory = resolve(path); ; directory = dirname(directory)) {
    if ((statSync(directory).mode & 0o001) === 0) return false;
    if (directory === dirname(directory)) return true;
  }
}

/** Gives a file or a whole directory to the server user; as an ordinary user there is nothing to give away. */
export function giveToServerUser(path: string): void {
  const user = serverUser();
  if (!user) return;
  lchownSync(path, user.uid, user.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    lchownSync(join(entry.parentPath, entry.name), user.uid, user.gid);
  }
}

/** The directory for temporary files, or /tmp when root's own is closed to the server user. */
export function temporaryRoot(): string {
  return reachableByServerUser(tmpdir()) ? tmpdir() : '/tmp';
}
