import { getExecOutput } from '@actions/exec';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import { inherited } from './child.ts';
import { installPostgresTools, type InstallOptions } from './tools-install.ts';

/** Absolute paths of PostgreSQL's client programs, all of one major version. */
export interface PostgresTools {
  pgDump: string;
  pgRestore: string;
  psql: string;
  major: number;
}

/** Where Debian's, Ubuntu's and PGDG's packages put each major version's own programs. */
const DEBIAN_ROOT = '/usr/lib/postgresql';

export interface FindToolsOptions {
  /** Default: PATH. */
  environmentPath?: string;
  /** Install them when none fits; without it, nothing on this machine is changed. */
  install?: InstallOptions;
}

/**
 * Finds pg_dump, pg_restore and psql of one major version that is at least `minimumMajor`: pg_dump refuses servers
 * newer than itself. The lowest that fits is taken: what pg_dump writes is only promised to be read by servers of its own
 * version and newer. Looks at `environmentPath` and at Debian's own directories. With `install`, what is missing is
 * installed from the distribution's or PostgreSQL's own packages where apt-get and root's rights are there.
 *
 * @throws ConfigurationError naming the package to install
 */
export async function findPostgresTools(
  minimumMajor: number,
  options: FindToolsOptions = {},
): Promise<PostgresTools> {
  const path = options.environmentPath ?? process.env['PATH'] ?? '';
  const found = await allTools(path);
  const fitting = lowestFrom(minimumMajor, found);
  if (fitting !== undefined) return fitting;
  const majors = new Set(found.map((tools) => tools.major));
  const seen = majors.size === 0 ? 'none was found' : `found: ${[...majors].join(', ')}`;
  const { install } = options;
  if (install === undefined) throw missingTools(minimumMajor, seen);

  install.log.info(
    `Copying needs PostgreSQL's client programs of version ${minimumMajor} or newer (${seen}).`,
  );
  const failure = await installPostgresTools(minimumMajor, path, install);
  if (failure !== undefined) throw missingTools(minimumMajor, seen, failure);
  const installed = lowestFrom(minimumMajor, await allTools(path));
  if (installed === undefined)
    throw missingTools(minimumMajor, seen, 'apt-get ended well, but no such programs are there');
  install.log.info(`Installed ${installed.pgDump} with pg_restore and psql.`);
  return installed;
}

function lowestFrom(minimumMajor: number, found: PostgresTools[]): PostgresTools | undefined {
  return found
    .filter((tools) => tools.major >= minimumMajor)
    .sort((one, other) => one.major - other.major)[0];
}

function missingTools(minimumMajor: number, seen: string, failure?: string): ConfigurationError {
  return new ConfigurationError(
    `Copying needs pg_dump, pg_restore and psql of PostgreSQL ${minimumMajor} or newer on this runner (${seen}). ` +
      (failure === undefined ? '' : `Installing them failed: ${failure.replace(/\.?\s*$/, '.')} `) +
      `Install them before this step: sudo apt-get install -y postgresql-client-${minimumMajor} ` +
      `(from https://apt.postgresql.org when the distribution has no such package).`,
  );
}

async function allTools(path: string): Promise<PostgresTools[]> {
  // Debian's own directories first: what stands in /usr/bin there is a wrapper that guesses a version.
  const directories = [
    ...(await debianDirectories()),
    ...path.split(delimiter).filter((part) => part !== ''),
  ];
  const found: PostgresTools[] = [];
  for (const directory of new Set(directories)) {
    const tools = await toolsIn(directory);
    if (tools !== undefined) found.push(tools);
  }
  return found;
}

async function debianDirectories(): Promise<string[]> {
  const majors = await readdir(DEBIAN_ROOT).catch(() => []);
  return majors.filter((name) => /^\d+$/.test(name)).map((name) => join(DEBIAN_ROOT, name, 'bin'));
}

async function toolsIn(directory: string): Promise<PostgresTools | undefined> {
  const [pgDump, pgRestore, psql] = ['pg_dump', 'pg_restore', 'psql'].map((name) => join(directory, name));
  if (pgDump === undefined || pgRestore === undefined || psql === undefined) return undefined;
  const majors = await Promise.all([pgDump, pgRestore, psql].map(majorOf));
  const major = majors[0];
  // Debian's wrappers in /usr/bin choose a version by a cluster's configuration; all three must agree.
  if (major === undefined || majors.some((other) => other !== major)) return undefined;
  return { pgDump, pgRestore, psql, major };
}

async function majorOf(program: string): Promise<number | undefined> {
  try {
    await access(program, constants.X_OK);
    // Whatever stands in PATH under this name gets none of our secrets, which are inputs in the environment.
    const { stdout } = await getExecOutput(`"${program}"`, ['--version'], { silent: true, env: inherited() });
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}
