import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlayedContainer, type PlayedNetwork } from './container.ts';
import { DockerError, parseOptions, type ParsedOptions } from './options.ts';
import type { DockerWorldOptions, PlayedImage } from './world.ts';

export interface DockerState {
  containers: Map<string, PlayedContainer>;
  networks: Map<string, PlayedNetwork>;
  pulled: Map<string, PlayedImage | undefined>;
  history: PlayedContainer[];
}

interface Answer {
  out: string;
  err: string;
}

type Command = (args: string[], environment: Record<string, string>) => Promise<Answer> | Answer;

/** The commands of the played program, as Docker documents them; what is not here it does not know. */
export function createCommands(
  { images }: DockerWorldOptions,
  home: string,
): { run: (args: string[], environment: Record<string, string>) => Promise<Answer>; state: DockerState } {
  const state: DockerState = { containers: new Map(), networks: new Map(), pulled: new Map(), history: [] };

  const commands: Record<string, Command> = {
    version: (args) => {
      parseOptions(args, { values: ['--format'] });
      return said('28.3.3');
    },
    pull: (args, environment) => {
      const { rest } = parseOptions(args, { switches: ['--quiet'], values: ['--platform'] });
      const [image = ''] = rest;
      pull(image, environment);
      return said(image);
    },
    'network create': (args) => {
      const options = parseOptions(args, { switches: ['--internal'], values: ['--label'] });
      const [name = ''] = options.rest;
      if (state.networks.has(name)) throw new DockerError(`network with name ${name} already exists`);
      state.networks.set(name, {
        name,
        internal: options.switches.has('--internal'),
        labels: labelsOf(options),
      });
      return said(name);
    },
    'network ls': (args) => {
      const options = parseOptions(args, { switches: ['--quiet', '--no-trunc'], values: ['--filter'] });
      return list([...state.networks.values()].filter(fits(options)).map(({ name }) => name));
    },
    'network rm': (args) => {
      for (const name of parseOptions(args, {}).rest) {
        const used = [...state.containers.values()].some(({ settings }) => settings.network?.name === name);
        if (used) throw new DockerError(`error while removing network: network ${name} has active endpoints`);
        if (!state.networks.delete(name)) throw new DockerError(`network ${name} not found`);
      }
      return said('');
    },
    run: async (args, environment) => {
      const options = parseOptions(args, {
        switches: ['--detach'],
        values: [
          ...['--name', '--label', '--network', '--network-alias', '--env-file', '--env'],
          '--entrypoint',
        ],
        stopsAtFirst: true,
      });
      if (!options.switches.has('--detach')) throw new DockerError('only --detach is played', 125);
      const container = create(options, environment);
      await container.start();
      return said(container.id);
    },
    create: (args, environment) => {
      const options = parseOptions(args, {
        values: ['--name', '--label', '--network', '--entrypoint'],
        stopsAtFirst: true,
      });
      return said(create(options, environment).id);
    },
    inspect: (args) => {
      const { rest, values } = parseOptions(args, { values: ['--type', '--format'] });
      const container = find(rest[0] ?? '');
      const wanted = '{"state":{{json .State}},"networks":{{json .NetworkSettings.Networks}}}';
      if (values.get('--format')?.[0] !== wanted) throw new DockerError('this template is not played');
      const { running, exitCode, address, settings } = container;
      const networks =
        settings.network === undefined
          ? {}
          : { [settings.network.name]: { IPAddress: running ? address : '' } };
      return said(
        JSON.stringify({
          state: {
            Status: running ? 'running' : 'exited',
            Running: running,
            ExitCode: exitCode,
            OOMKilled: false,
          },
          networks,
        }),
      );
    },
    'image inspect': (args) => {
      const { rest, values } = parseOptions(args, { values: ['--format'] });
      const [image = ''] = rest;
      if (!state.pulled.has(image)) throw new DockerError(`No such image: ${image}`);
      if (values.get('--format')?.[0] !== '{{.Config.WorkingDir}}')
        throw new DockerError('this template is not played');
      return said(state.pulled.get(image)?.workingDirectory ?? '/app');
    },
    logs: (args) => {
      const { rest, values } = parseOptions(args, { values: ['--tail'] });
      const { lines } = find(rest[0] ?? '');
      return list(lines.slice(-Number(values.get('--tail')?.[0] ?? lines.length)));
    },
    cp: (args) => {
      const [from = '', to = ''] = parseOptions(args, {}).rest;
      const cut = from.indexOf(':');
      const container = find(from.slice(0, cut));
      const path = from.slice(cut + 1);
      const { code } = container.settings;
      const base = code?.workingDirectory ?? '/app';
      const source = path.startsWith(`${base}/`) ? join(code?.code ?? '', path.slice(base.length)) : '';
      if (source === '' || !existsSync(source))
        throw new DockerError(`Could not find the file ${path} in container ${container.settings.name}`);
      copyFileSync(source, to);
      return said('');
    },
    ps: (args) => {
      const options = parseOptions(args, {
        switches: ['--all', '--quiet', '--no-trunc'],
        values: ['--filter'],
      });
      const found = [...state.containers.values()].filter(({ settings }) => fits(options)(settings));
      return list(found.map(({ id }) => id));
    },
    rm: async (args) => {
      const { rest, switches } = parseOptions(args, { switches: ['--force', '--volumes'] });
      for (const name of rest) {
        const container = find(name);
        if (container.running && !switches.has('--force'))
          throw new DockerError(`cannot remove container ${name}: container is running`);
        state.containers.delete(container.settings.name);
        await container.remove();
      }
      return said('');
    },
  };

  function find(name: string): PlayedContainer {
    const found = [...state.containers.values()].find(
      ({ id, settings }) => settings.name === name || id === name,
    );
    if (found === undefined) throw new DockerError(`No such container: ${name}`);
    return found;
  }

  function pull(image: string, environment: Record<string, string>): void {
    if (/^(postgres|redis)[:@]/.test(image)) {
      if (!/@sha256:[0-9a-f]{64}$/.test(image))
        throw new DockerError('this image is not asked for by digest');
      state.pulled.set(image, undefined);
      return;
    }
    const found = images(image);
    if (found === undefined) throw new DockerError(`manifest for ${image} not found: manifest unknown`);
    if (found.login !== undefined && !isLoggedIn(image, found.login, environment['DOCKER_CONFIG']))
      throw new DockerError(
        `pull access denied for ${image}, repository does not exist or may require 'docker login'`,
      );
    state.pulled.set(image, found);
  }

  function create(options: ParsedOptions, environment: Record<string, string>): PlayedContainer {
    const one = (name: string): string => options.values.get(name)?.[0] ?? '';
    const [image = '', ...command] = options.rest;
    if (!state.pulled.has(image)) pull(image, environment);
    const name = one('--name');
    if (state.containers.has(name))
      throw new DockerError(`Conflict. The container name "/${name}" is already in use`, 125);
    if (one('--entrypoint') !== 'sh') throw new DockerError('only `--entrypoint sh` is played', 125);
    const network = state.networks.get(one('--network'));
    if (network === undefined && one('--network') !== 'none')
      throw new DockerError(`network ${one('--network')} not found`, 125);
    const root = join(home, name);
    mkdirSync(root, { recursive: true, mode: 0o755 });
    const alias = one('--network-alias');
    const container = new PlayedContainer({
      name,
      image,
      labels: labelsOf(options),
      network,
      alias,
      variables: variablesOf(options, environment),
      script: command[0] === '-c' ? (command[1] ?? '') : '',
      root,
      code: state.pulled.get(image),
      neighbours: () =>
        Object.fromEntries(
          [...state.containers.values()]
            .filter((other) => other.running && other.settings.network?.name === network?.name)
            .map((other) => [other.settings.alias, other.address]),
        ),
    });
    state.containers.set(name, container);
    state.history.push(container);
    return container;
  }

  return {
    state,
    run: async (args, environment) => {
      const two = args.slice(0, 2).join(' ');
      const known = commands[two] === undefined ? 1 : 2;
      const command = commands[args.slice(0, known).join(' ')];
      if (command === undefined) throw new DockerError(`unknown command: docker ${two}`);
      return command(args.slice(known), environment);
    },
  };
}

function said(out: string): Answer {
  return { out: `${out}\n`, err: '' };
}

function list(lines: readonly string[]): Answer {
  return { out: lines.map((line) => `${line}\n`).join(''), err: '' };
}

function labelsOf({ values }: ParsedOptions): Record<string, string> {
  return Object.fromEntries((values.get('--label') ?? []).map((label) => splitOnce(label)));
}

/** `--filter label=name=value`, and no other. */
function fits({ values }: ParsedOptions): (one: { labels: Readonly<Record<string, string>> }) => boolean {
  const wanted = (values.get('--filter') ?? []).map((filter) => {
    const [kind, label] = splitOnce(filter);
    if (kind !== 'label') throw new DockerError(`invalid filter '${kind}'`);
    return splitOnce(label);
  });
  return ({ labels }) => wanted.every(([name, value]) => labels[name] === value);
}

/** One line a variable, taken as it is (docs of `--env-file`); `--env NAME` takes the program's own. */
function variablesOf({ values }: ParsedOptions, environment: Record<string, string>): Record<string, string> {
  const lines = (values.get('--env-file') ?? []).flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trimStart())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
  const inherited = (values.get('--env') ?? []).map((word) => {
    if (word.includes('=')) throw new DockerError('a value among the arguments is seen by everybody', 125);
    return [word, environment[word] ?? ''] as const;
  });
  return Object.fromEntries([...lines.map((line) => splitOnce(line)), ...inherited]);
}

function isLoggedIn(
  image: string,
  { user, password }: { user: string; password: string },
  directory: string | undefined,
): boolean {
  const path = join(directory ?? '', 'config.json');
  if (directory === undefined || !existsSync(path)) return false;
  const { auths = {} } = JSON.parse(readFileSync(path, 'utf8')) as {
    auths?: Record<string, { auth?: string }>;
  };
  const auth = auths[image.split('/')[0] ?? '']?.auth;
  return auth === Buffer.from(`${user}:${password}`).toString('base64');
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
