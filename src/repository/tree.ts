import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

import type { ReadLimits } from './limits.ts';
import { shownPath } from './evidence.ts';

/** A file of the checkout. */
export interface TreeFile {
  /** Relative to the checkout, with slashes. */
  path: string;
  /** What to open: another path than its own only for a link to a file of the same checkout. */
  opens: string;
}

export interface Listing {
  /** Shallow directories first, then by name. */
  files: TreeFile[];
  /** What was not looked into, and why; shown paths. */
  leftOut: { path: string; why: string }[];
  leftOutCount: number;
}

/** Other people's code and what tools leave behind: nothing there is the application's own. */
const IGNORED = new Set([
  '.git',
  '.hg',
  '.svn',
  'node_modules',
  'bower_components',
  'vendor',
  '.bundle',
  '.venv',
  'venv',
  '__pycache__',
  '.tox',
  '.next',
  '.nuxt',
  '.cache',
  '.terraform',
  'coverage',
  'tmp',
  'log',
]);

const LEFT_OUT_KEPT = 20;
const AT_A_TIME = 16;

/**
 * Every file of the checkout below `under`. Directories behind links are not entered, so that there is no way out and
 * no loop; a link to a file inside the checkout counts as a file.
 *
 * @param root an absolute path without links in it.
 * @param under a directory inside, relative, or empty for all of it.
 */
export async function listFiles(
  root: string,
  under: string,
  limits: ReadLimits,
  isLate: () => boolean,
): Promise<Listing> {
  const listing: Listing = { files: [], leftOut: [], leftOutCount: 0 };
  let level = [under];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.depth) {
      leaveOut(listing, level[0] ?? '', `directories deeper than ${limits.depth} levels`);
      break;
    }
    const next: string[] = [];
    for (let at = 0; at < level.length; at += AT_A_TIME) {
      if (isLate()) {
        leaveOut(listing, level[at] ?? '', `more than ${limits.milliseconds / 1000} seconds`);
        return listing;
      }
      const read = await Promise.all(
        level.slice(at, at + AT_A_TIME).map(async (path) => ({ path, entries: await entriesOf(root, path) })),
      );
      for (const { path, entries } of read) {
        if (entries === undefined) leaveOut(listing, path, 'a directory that cannot be read');
        for (const entry of entries ?? []) {
          if (listing.files.length >= limits.files) {
            leaveOut(listing, path, `more than ${limits.files.toLocaleString('en-US')} files`);
            return listing;
          }
          await take(listing, next, root, path, entry);
        }
      }
    }
    level = next;
  }
  return listing;
}

async function take(
  listing: Listing,
  directories: string[],
  root: string,
  parent: string,
  entry: Dirent,
): Promise<void> {
  const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
  if (entry.isDirectory()) {
    if (!IGNORED.has(entry.name) && !/(^|\/)public\/(assets|packs)$/.test(path)) directories.push(path);
  } else if (entry.isFile()) {
    listing.files.push({ path, opens: join(root, path) });
  } else if (entry.isSymbolicLink()) {
    const target = await targetOf(root, path);
    if (typeof target === 'object') listing.files.push({ path, opens: target.file });
    else if (target !== 'not its own') leaveOut(listing, path, target);
  } else {
    leaveOut(listing, path, 'neither a file nor a directory');
  }
}

async function entriesOf(root: string, path: string): Promise<Dirent[] | undefined> {
  try {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return undefined;
  }
}

/** `not its own`: a directory that is looked into under its own path, or one that is ignored. */
type LinkTarget = { file: string } | 'not its own' | 'a link that leads out' | 'a link that leads nowhere';

async function targetOf(root: string, path: string): Promise<LinkTarget> {
  try {
    const real = await realpath(join(root, path));
    if (real === root) return 'not its own';
    if (!real.startsWith(root + sep)) return 'a link that leads out';
    if (
      real
        .slice(root.length)
        .split(sep)
        .some((part) => IGNORED.has(part))
    )
      return 'not its own';
    return (await stat(real)).isFile() ? { file: real } : 'not its own';
  } catch {
    // Gone, or a loop of links.
    return 'a link that leads nowhere';
  }
}

export function leaveOut(
  listing: Pick<Listing, 'leftOut' | 'leftOutCount'>,
  path: string,
  why: string,
): void {
  listing.leftOutCount++;
  if (listing.leftOut.length < LEFT_OUT_KEPT) listing.leftOut.push({ path: shownPath(path) || '.', why });
}
