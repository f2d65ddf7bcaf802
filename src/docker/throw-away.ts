import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { Docker } from './docker.ts';

/** What carries this label, with the mark of one trial, is ours and may be removed. */
const LABEL = 'heroku-to-digitalocean.trial';

/** Containers in a network of their own, which are gone afterwards: found again by their mark alone. */
export interface Trial {
  docker: Docker;
  /** Name of the network, beginning of all names, value of the label. */
  mark: string;
  /** Only this user can enter it; holds the containers' variables for the moment in which they start. */
  directory: string;
}

/**
 * A directory for secrets and a name for everything else. Nothing is made in Docker yet: the caller notes both for its
 * post step before it goes on.
 */
export async function openTrial(docker: Docker, mark: string, parent: string): Promise<Trial> {
  return { docker, mark, directory: await mkdtemp(join(parent, `${mark}-`)) };
}

/**
 * A network of its own. `closed`: its containers reach one another and this machine, and nothing else.
 * (The machine reaches containers of an internal network by their addresses: Docker's documentation of `--internal`.)
 */
export async function createNetwork({ docker, mark }: Trial, closed: boolean): Promise<void> {
  await docker(['network', 'create', ...(closed ? ['--internal'] : []), '--label', `${LABEL}=${mark}`, mark]);
}

export interface ContainerOrder {
  /** Other containers find it under this name; it is also the end of the container's own. */
  name: string;
  image: string;
  /** Runs in `sh` of the image, in the place of what the image would start by itself. */
  script: string;
  variables: Readonly<Record<string, string>>;
}

/** A container that was started, whether it still runs or not. */
export interface Container {
  /** Of the container in Docker. */
  name: string;
}

/** Starts a container. Its variables stand in no argument, and in a file only until it has started. */
export async function startContainer(trial: Trial, order: ContainerOrder): Promise<Container> {
  const { docker, mark, directory } = trial;
  const name = `${mark}-${order.name}`;
  const file = join(directory, `${order.name}.env`);
  // A file of variables has one line for each; what has several goes through the program's own environment.
  const entries = Object.entries(order.variables);
  const single = entries.filter(([, value]) => !/[\r\n]/.test(value));
  const multiple = entries.filter(([, value]) => /[\r\n]/.test(value));
  await writeFile(file, single.map(([key, value]) => `${key}=${value}\n`).join(''), {
    mode: 0o600,
    flag: 'wx',
  });
  try {
    await docker(
      [
        ...['run', '--detach', '--name', name, '--label', `${LABEL}=${mark}`],
        ...['--network', mark, '--network-alias', order.name],
        ...['--env-file', file, ...multiple.flatMap(([key]) => ['--env', key])],
        ...['--entrypoint', 'sh', order.image, '-c', order.script],
      ],
      { env: Object.fromEntries(multiple) },
    );
  } finally {
    await rm(file, { force: true });
  }
  return { name };
}

/** A container that never runs: to look at the files of an image without starting anything of it. */
export async function createStill({ docker, mark }: Trial, image: string): Promise<Container> {
  const name = `${mark}-files`;
  const own = ['--name', name, '--label', `${LABEL}=${mark}`, '--network', 'none'];
  await docker(['create', ...own, '--entrypoint', 'sh', image]);
  return { name };
}

/** A file of a container, or `undefined` when it is not there. */
export async function readFileOf(
  { docker, directory }: Trial,
  { name }: Container,
  path: string,
): Promise<string | undefined> {
  const copy = join(directory, 'copied');
  try {
    await docker(['cp', `${name}:${path}`, copy]);
    return await readFile(copy, 'utf8');
  } catch (error) {
    // Docker's own words; anything else is no answer to whether it is there.
    if (/Could not find the file|no such file or directory/i.test(messageOf(error))) return undefined;
    throw error;
  } finally {
    await rm(copy, { force: true, recursive: true });
  }
}

const inspectionSchema = z.object({
  state: z.object({ Running: z.boolean(), ExitCode: z.number(), OOMKilled: z.boolean().default(false) }),
  networks: z.record(z.string(), z.object({ IPAddress: z.string() })),
});

export interface ContainerState {
  running: boolean;
  exitCode: number;
  outOfMemory: boolean;
  /** In the trial's network; empty when it does not run. */
  address: string;
}

/** Nothing of its variables is asked for. */
const INSPECTED = '{"state":{{json .State}},"networks":{{json .NetworkSettings.Networks}}}';

export async function readContainer({ docker, mark }: Trial, { name }: Container): Promise<ContainerState> {
  const text = await docker(['inspect', '--type', 'container', '--format', INSPECTED, name]);
  const { state, networks } = inspectionSchema.parse(JSON.parse(text));
  return {
    running: state.Running,
    exitCode: state.ExitCode,
    outOfMemory: state.OOMKilled,
    address: networks[mark]?.IPAddress ?? '',
  };
}

/** The end of what a container has printed, on both of its outputs. */
export function readLog({ docker }: Trial, { name }: Container, lines: number): Promise<string> {
  return docker(['logs', '--tail', String(lines), name], { both: true });
}

/** Removes everything that carries the mark, whoever started it; may be repeated. */
export async function clearTrial(docker: Docker, mark: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  const filter = ['--filter', `label=${LABEL}=${mark}`];
  const containers = words(await docker(['ps', '--all', '--quiet', '--no-trunc', ...filter]));
  if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers]);
  for (const network of words(await docker(['network', 'ls', '--quiet', '--no-trunc', ...filter])))
    await docker(['network', 'rm', network]);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
