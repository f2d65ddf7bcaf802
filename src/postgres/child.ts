import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresAddress } from './connect.ts';

/** What one run of pg_dump, pg_restore or psql printed. */
export interface ToolOutput {
  stdout: string;
}

export interface ToolOptions {
  /** From `toolEnvironment`. */
  env: Record<string, string>;
  signal?: AbortSignal;
  /** Each line of its standard error, as it comes: progress. */
  onLine?: (line: string) => void;
  /** Lines of standard error that are progress and no part of an error's text. */
  isProgress?: (line: string) => boolean;
}

/** Lines of standard error that an error quotes. */
const QUOTED_LINES = 20;

/**
 * Runs one of PostgreSQL's own programs and answers when it has ended well. Any other exit code is an error that
 * quotes the end of its standard error. Aborting the signal kills it with its workers.
 */
export async function runTool(program: string, args: string[], options: ToolOptions): Promise<ToolOutput> {
  options.signal?.throwIfAborted();
  // A process group of its own, because pg_dump and pg_restore with --jobs have workers that must go with them.
  const child = spawn(program, args, {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const stop = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  const stdout: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    options.onLine?.(line);
    if (options.isProgress?.(line) === true) return;
    errors.push(line);
    if (errors.length > QUOTED_LINES) errors.shift();
  });
  try {
    const ended = await new Promise<string | undefined>((resolve, reject) => {
      child.once('error', (error) => reject(new Error(`Could not start ${program}: ${error.message}`)));
      child.once('close', (code, signal) => {
        resolve(code === 0 ? undefined : signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
      });
    });
    options.signal?.throwIfAborted();
    if (ended !== undefined)
      throw new Error(
        `${nameOf(program)} failed (${ended}): ${redact(errors.join('\n'), options.env) || 'it said nothing'}`,
      );
    return { stdout: Buffer.concat(stdout).toString('utf8') };
  } finally {
    options.signal?.removeEventListener('abort', stop);
    stop();
  }
}

function nameOf(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}

/** Nothing that PostgreSQL's programs print holds the password; this makes sure of it. */
function redact(text: string, env: Record<string, string>): string {
  const password = env['PGPASSWORD'] ?? '';
  return password === '' ? text : text.replaceAll(password, '***');
}

/**
 * Runs `body` with a directory that only this user can enter and that is gone afterwards: the dump holds the
 * application's data.
 */
export async function withPrivateDirectory<T>(
  parent: string,
  body: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(parent, 'copy-'));
  try {
    return await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * The environment in which libpq's programs connect to `address`. Everything travels here rather than in arguments,
 * which any user of the machine can list; nothing else of our own environment is passed on.
 */
export async function toolEnvironment(
  address: PostgresAddress,
  options: { applicationName: string; directory: string },
): Promise<Record<string, string>> {
  return {
    ...inherited(),
    HOME: options.directory,
    TMPDIR: options.directory,
    // Messages are matched and quoted in English.
    LC_ALL: 'C.UTF-8',
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGPASSFILE: '/dev/null',
    PGAPPNAME: options.applicationName,
    PGCONNECT_TIMEOUT: '15',
    PGCLIENTENCODING: 'UTF8',
    PGGSSENCMODE: 'disable',
    ...(await tlsEnvironment(address, options.directory)),
  };
}

/** libpq's own words: `require` encrypts and verifies nothing, which is all that Heroku's certificates allow. */
async function tlsEnvironment(address: PostgresAddress, directory: string): Promise<Record<string, string>> {
  switch (address.tls.mode) {
    case 'off':
      return { PGSSLMODE: 'disable' };
    case 'unverified':
      return { PGSSLMODE: 'require' };
    case 'verify': {
      const file = join(directory, `${address.host.replaceAll(/[^\w.-]/g, '_')}-${address.port}.pem`);
      await writeFile(file, address.tls.ca, { mode: 0o600 });
      return { PGSSLMODE: 'verify-full', PGSSLROOTCERT: file };
    }
  }
}

/** What a program of PostgreSQL needs of our environment to start at all. */
export function inherited(): Record<string, string> {
  const names = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A database name as a connection string that pg_restore and pg_dump take literally, even with `=` in it. */
export function databaseArgument(address: PostgresAddress): string {
  const quoted = address.database.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return `--dbname=dbname='${quoted}'`;
}
