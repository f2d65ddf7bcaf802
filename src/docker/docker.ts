import { getExecOutput } from '@actions/exec';
import { ConfigurationError, messageOf } from '../errors.ts';
import { lastLines } from './last-lines.ts';

/** The `docker` program of this machine. */
export interface Docker {
  /**
   * Runs one command and answers with its standard output. Arguments are seen by every user of the machine: no secret
   * may be among them.
   *
   * @throws with the end of what Docker said, without secrets, when it ends with another code than 0
   */
  (args: readonly string[], options?: DockerCall): Promise<string>;
}

export interface DockerCall {
  /** Variables of the program beside those that it needs to run. */
  env?: Readonly<Record<string, string>>;
  /** Standard error is part of the answer: what a container printed. */
  both?: boolean;
}

export interface DockerOptions {
  /** Takes secrets out of what Docker says, before it becomes an error. */
  redact: (text: string) => string;
  /** Ends the waiting; what the program has begun is cleared away by its mark. */
  signal?: AbortSignal;
  /** Where logins to registries are kept; default: the user's own. */
  configDirectory?: string;
}

/** What the program needs of our environment, which holds secrets: to be found, to find its server and its logins. */
const INHERITED = [
  'PATH',
  'HOME',
  'DOCKER_HOST',
  'DOCKER_CONTEXT',
  'DOCKER_CONFIG',
  'DOCKER_CERT_PATH',
  'DOCKER_TLS_VERIFY',
  'XDG_RUNTIME_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];

const QUOTED_LINES = 20;

export function createDocker({ redact, signal, configDirectory }: DockerOptions): Docker {
  return async (args, { env = {}, both = false } = {}) => {
    signal?.throwIfAborted();
    const running = getExecOutput('docker', [...args], {
      silent: true,
      ignoreReturnCode: true,
      env: {
        ...inherited(),
        ...(configDirectory === undefined ? {} : { DOCKER_CONFIG: configDirectory }),
        ...env,
      },
    });
    const { exitCode, stdout, stderr } = await (signal === undefined ? running : orAborted(running, signal));
    if (exitCode === 0) return both ? stdout + stderr : stdout;
    const said = lastLines(redact(stderr.trim() === '' ? stdout : stderr), QUOTED_LINES);
    throw new Error(`docker ${args[0] ?? ''} ended with code ${exitCode}: ${said || 'it said nothing'}`);
  };
}

/** Docker's server answers, or a ConfigurationError that says what is missing and what to do instead. */
export async function requireDocker(docker: Docker): Promise<void> {
  try {
    await docker(['version', '--format', '{{.Server.Version}}']);
  } catch (error) {
    const missing = messageOf(error).includes('Unable to locate executable file');
    throw new ConfigurationError(
      `${missing ? 'This runner has no Docker' : `Docker does not answer on this runner (${messageOf(error)})`}: run this step ` +
        'on a runner that has it, such as ubuntu-24.04 of GitHub. Nothing was changed.',
      { cause: error },
    );
  }
}

/** The program itself cannot be stopped by us; it ends with the job at the latest. */
function orAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([running, aborted.promise]).finally(() => {
    signal.removeEventListener('abort', abort);
    running.catch(() => undefined);
  });
}

function inherited(): Record<string, string> {
  const wanted = [
    ...INHERITED,
    ...INHERITED.filter((name) => name.endsWith('_PROXY')).map((name) => name.toLowerCase()),
  ];
  return Object.fromEntries(
    wanted.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
