import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Log } from '../../../src/log.ts';
import { postgresExtensions } from '../catalogue.ts';
import type { PostgresBinaries } from '../../servers/binaries.ts';
import { temporaryDirectory } from '../../servers/process.ts';
import { giveToServerUser } from '../../servers/server-user.ts';

/** A PostgreSQL whose extensions are DigitalOcean's. */
export interface ManagedBinaries {
  binaries: PostgresBinaries;
  /** Values for postgresql.conf. */
  settings: Record<string, string>;
}

/**
 * On DigitalOcean `doadmin` is no superuser and may still create every extension on the allow-list, also those that
 * PostgreSQL does not trust, such as pg_stat_statements (the module extwlist runs their scripts as a superuser).
 * PostgreSQL's own means to the same end is `trusted = true` in an extension's control file. The machine's files are
 * not ours to edit, so the server runs from a tree of our own: a copy of the program, links to everything else, and
 * control files of the allowed extensions only, each trusted. PostgreSQL looks for its share directory relative to its
 * program, so the tree keeps their places relative to each other.
 */
export function manageExtensions(binaries: PostgresBinaries, log: Log): ManagedBinaries {
  const bin = realpathSync(dirname(realpathSync(join(binaries.bin, 'postgres'))));
  const share = findShare(bin, binaries.major);
  if (share === undefined) {
    log.warning(
      `No directory of extensions was found beside ${bin}: on the played clusters doadmin can create trusted extensions only.`,
    );
    return { binaries, settings: {} };
  }
  const root = commonRoot(bin, share);
  const tree = temporaryDirectory('managed-pg');
  linkTree(bin, share, root, tree);
  const ownBin = join(tree, relative(root, bin));
  giveToServerUser(tree);
  return { binaries: { ...binaries, bin: ownBin }, settings: preloaded(share) };
}

function findShare(bin: string, major: number): string | undefined {
  const candidates = [
    join(bin, '../../../../share/postgresql', String(major)),
    join(bin, '../share/postgresql'),
    join(bin, `../share/postgresql@${major}`),
    join(bin, '../share'),
  ];
  return candidates.find((candidate) => existsSync(join(candidate, 'extension/plpgsql.control')));
}

function commonRoot(one: string, other: string): string {
  const [a, b] = [one.split(sep), other.split(sep)];
  const length = a.findIndex((part, index) => part !== b[index]);
  return a.slice(0, length).join(sep) || sep;
}

function linkTree(bin: string, share: string, root: string, tree: string): void {
  const ownBin = join(tree, relative(root, bin));
  mkdirSync(ownBin, { recursive: true });
  for (const program of readdirSync(bin)) {
    if (program === 'postgres') copyFileSync(join(bin, program), join(ownBin, program));
    else symlinkSync(join(bin, program), join(ownBin, program));
  }
  const libraries = join(dirname(bin), 'lib');
  if (existsSync(libraries)) symlinkSync(libraries, join(dirname(ownBin), 'lib'));

  const ownShare = join(tree, relative(root, share));
  mkdirSync(join(ownShare, 'extension'), { recursive: true });
  for (const entry of readdirSync(share)) {
    if (entry !== 'extension') symlinkSync(join(share, entry), join(ownShare, entry));
  }
  for (const file of readdirSync(join(share, 'extension'))) {
    const [from, to] = [join(share, 'extension', file), join(ownShare, 'extension', file)];
    if (!file.endsWith('.control')) symlinkSync(from, to);
    else if (postgresExtensions.has(basename(file, '.control').split('--')[0] ?? '')) {
      writeFileSync(to, trusting(readFileSync(from, 'utf8')));
    }
  }
}

function trusting(control: string): string {
  return `${control.replace(/^\s*(trusted|superuser)\s*=.*$/gm, '')}\nsuperuser = true\ntrusted = true\n`;
}

/** pg_stat_statements only counts when it is loaded from the start, as it is on DigitalOcean. */
function preloaded(share: string): Record<string, string> {
  const there = existsSync(join(share, 'extension/pg_stat_statements.control'));
  return there ? { shared_preload_libraries: 'pg_stat_statements' } : {};
}
