import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { runTool } from './child.ts';

export interface InstallOptions {
  log: Log;
  /** Whether we are root and need no sudo; default: as this process runs. */
  root?: boolean;
  /** PGDG's own script that adds its repository; default: where postgresql-common has it, as on GitHub's runners. */
  pgdgScript?: string;
}

const PGDG_SCRIPT = '/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh';

/** apt waits for another apt (a runner's own updates) and does not hang on a silent mirror. */
const APT_OPTIONS = [
  ...['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'],
  ...['-o', 'Acquire::http::Timeout=30', '-o', 'Acquire::https::Timeout=30'],
];

/** Runs a program of the system as root and answers with what it printed. */
type AsRoot = (program: string, ...words: string[]) => Promise<string>;

/**
 * Installs PostgreSQL's client programs of `major` with apt-get, as root or by a sudo that asks for no password: from
 * the distribution; if it lacks them, from PostgreSQL's own repository by the script that postgresql-common brings; and
 * if that cannot be, the distribution's newer ones. Programs are looked for in `path`, which is all that they see of our
 * environment.
 *
 * @returns why it could not be done, in words that follow "Installing them failed:"; undefined when it was done
 */
export async function installPostgresTools(
  major: number,
  path: string,
  options: InstallOptions,
): Promise<string | undefined> {
  const apt = await programIn(path, 'apt-get');
  if (apt === undefined) return 'this runner has no apt-get';
  const asRoot = await rootRights(path, options);
  if (asRoot === undefined) return 'this needs root or a sudo that asks for no password';
  try {
    await install(apt, asRoot, major, options);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function install(apt: string, asRoot: AsRoot, major: number, options: InstallOptions): Promise<void> {
  const { log } = options;
  const fetch = async (name: string): Promise<void> => {
    await asRoot(apt, ...APT_OPTIONS, '-qq', '-y', '--no-install-recommends', 'install', name);
  };
  const wanted = `postgresql-client-${major}`;
  log.info(`Installing ${wanted} with apt-get.`);
  const first = await failureOf(fetch(wanted));
  if (first === undefined) return;
  log.debug(first.message);

  // A machine's package lists may be empty (containers) or so old that what they name is gone.
  log.info('Updating the package lists first.');
  const update = await failureOf(asRoot(apt, ...APT_OPTIONS, '-qq', 'update'));
  // One broken source among several fails the whole update, while the lists that we need may well have come.
  if (update !== undefined) log.debug(update.message);
  const lacking = await failureOf(fetch(wanted));
  if (lacking === undefined) return;
  if (!/Unable to locate package|has no installation candidate/.test(lacking.message)) throw lacking;

  const script = options.pgdgScript ?? PGDG_SCRIPT;
  if (await isProgram(script)) {
    log.info(`The distribution has no ${wanted}: adding PostgreSQL's own repository with ${script}.`);
    const refused = await failureOf(asRoot(script, '-y').then(() => fetch(wanted)));
    if (refused === undefined) return;
    log.warning(`${wanted} could not be had from PostgreSQL's own repository: ${refused.message}`);
  }

  // The package without a number stands for the distribution's own version.
  const plan = await asRoot(apt, '--simulate', 'install', 'postgresql-client');
  const newer = /^Inst (postgresql-client-(\d+)) /m.exec(plan);
  if (newer?.[1] === undefined || Number(newer[2]) < major) throw lacking;
  log.info(`The distribution has no ${wanted}: installing its ${newer[1]}, which reads older servers too.`);
  await fetch(newer[1]);
}

async function failureOf(work: Promise<unknown>): Promise<Error | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

async function rootRights(path: string, options: InstallOptions): Promise<AsRoot | undefined> {
  const settings = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const run = async (program: string, words: string[]): Promise<string> =>
    (await runTool(program, words, { env: { PATH: path, ...settings } })).stdout;
  if (options.root ?? process.getuid?.() === 0) return (program, ...words) => run(program, words);
  const sudo = await programIn(path, 'sudo');
  if (sudo === undefined) return undefined;
  const permitted = await run(sudo, ['-n', 'true']).then(
    () => true,
    () => false,
  );
  if (!permitted) return undefined;
  // sudo passes no environment on.
  const env = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return (program, ...words) => run(sudo, ['-n', 'env', ...env, program, ...words]);
}

async function programIn(path: string, name: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter).filter((part) => part !== '')) {
    const program = join(directory, name);
    if (await isProgram(program)) return program;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
