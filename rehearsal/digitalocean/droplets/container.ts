import { parse } from 'yaml';
import { z } from 'zod';
import type { CloudInit } from './cloud-init.ts';

/** A path of the machine that a container sees under another one. */
export interface Mount {
  host: string;
  container: string;
}

/** A container that cloud-init starts. */
export interface Container {
  mounts: Mount[];
  /** The words after the image: what runs in it. */
  command: string[];
  /** `--user` or `user:`. */
  user: string | undefined;
  /** Ports of the machine by port of the container; undefined with the host's own network. */
  ports: Map<number, number> | undefined;
}

/**
 * The containers that the commands of a cloud-config really start: by `docker run`, by `docker compose` with a file
 * that it wrote, also in a script or a systemd unit that it wrote and that a command names.
 */
export function containersOf(init: CloudInit): Container[] {
  const lines = effectiveLines(init);
  return [
    ...lines.filter((line) => /\bdocker\s+(container\s+)?run\b/.test(line)).map(dockerRun),
    ...(lines.some((line) => /\bdocker(-|\s+)compose\b[^\n]*\bup\b/.test(line)) ? composed(init, lines) : []),
  ];
}

/** Whether Docker gets onto a plain image, by a package or by a command. */
export function installsDocker(init: CloudInit, image: string): boolean {
  const byPackage = init.packages.some((name) => /^docker(\.io|-ce)?$/.test(name));
  const byCommand = init.commands.some(
    (line) => /get\.docker\.com/.test(line) || /\b(apt|apt-get|snap)\b.*\binstall\b.*\bdocker/.test(line),
  );
  return byPackage || byCommand || image.includes('docker');
}

/** The commands, and the contents of what they run: a script by its path, a systemd unit by its name. */
function effectiveLines(init: CloudInit): string[] {
  const named = (path: string): boolean => {
    const unit = path.startsWith('/etc/systemd/system/') ? path.split('/').at(-1) : undefined;
    const names = [path, ...(unit === undefined ? [] : [unit, unit.replace(/\.service$/, '')])];
    return init.commands.some((line) => names.some((name) => line.includes(name)));
  };
  const scripts = init.files.filter(
    (file) => named(file.path) && (file.content.startsWith('#!') || file.path.startsWith('/etc/systemd/')),
  );
  return [...init.commands, ...scripts.map(({ content }) => content)].flatMap((text) =>
    text.replace(/\\\n\s*/g, ' ').split('\n'),
  );
}

/** Options of `docker run` that take no value; every other one takes one. */
const switches = /^(-[dit]+|--(rm|detach|init|interactive|tty|privileged|read-only|no-healthcheck|quiet))$/;

function dockerRun(line: string): Container {
  const after = line.replace(/^.*?\bdocker\s+(container\s+)?run\b/, '');
  const words = shellWords(after);
  const container: Container = { mounts: [], command: [], user: undefined, ports: new Map() };
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (!word.startsWith('-')) {
      container.command = words.slice(index + 1);
      break;
    }
    if (switches.test(word)) continue;
    const [name, inline]: [string, string | undefined] = word.startsWith('--')
      ? splitOnce(word, '=')
      : [word, undefined];
    if (inline === undefined) index += 1;
    const value = inline ?? words[index] ?? '';
    if (name === '-v' || name === '--volume') container.mounts.push(...volume(value));
    if (name === '--mount') container.mounts.push(...longMount(value));
    if (name === '-u' || name === '--user') container.user = value;
    if (name === '-p' || name === '--publish') publish(container, value);
    if (/^--net(work)?$/.test(name) && value === 'host') container.ports = undefined;
  }
  return container;
}

const composeSchema = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      volumes: z
        .array(z.union([z.string(), z.looseObject({ source: z.string().optional(), target: z.string() })]))
        .optional(),
      command: z.union([z.string(), z.array(z.string())]).optional(),
      user: z.union([z.string(), z.number()]).optional(),
      ports: z.array(z.union([z.string(), z.number()])).optional(),
      network_mode: z.string().optional(),
    }),
  ),
});

function composed(init: CloudInit, lines: readonly string[]): Container[] {
  const files = init.files.filter(({ path }) => {
    const [directory, name] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
    const isDefault = /^(docker-)?compose\.ya?ml$/.test(name);
    return lines.some((line) => line.includes(path) || (isDefault && line.includes(directory)));
  });
  return files
    .filter(({ path }) => /\.ya?ml$/.test(path))
    .flatMap(({ path, content }) => {
      const { services } = composeSchema.parse(parse(content));
      const directory = path.slice(0, path.lastIndexOf('/'));
      return Object.values(services).map((service) =>
        withPorts(service.network_mode, service.ports, {
          mounts: (service.volumes ?? []).flatMap((entry) =>
            typeof entry === 'string'
              ? volume(entry, directory)
              : entry.source === undefined
                ? []
                : [{ host: absolute(entry.source, directory), container: entry.target }],
          ),
          command:
            typeof service.command === 'string' ? shellWords(service.command) : (service.command ?? []),
          user: service.user === undefined ? undefined : String(service.user),
        }),
      );
    });
}

function withPorts(
  network: string | undefined,
  ports: readonly (string | number)[] | undefined,
  rest: Omit<Container, 'ports'>,
): Container {
  const container: Container = { ...rest, ports: network === 'host' ? undefined : new Map() };
  for (const port of ports ?? []) publish(container, String(port));
  return container;
}

/** `[address:]host:container[/tcp]`. */
function publish(container: Container, text: string): void {
  const numbers = text
    .replace(/\/tcp$/, '')
    .split(':')
    .slice(-2)
    .map(Number);
  const [host, inside = host] = numbers;
  if (host !== undefined && inside !== undefined) container.ports?.set(inside, host);
}

/** `host:container[:options]`; a named volume holds nothing that cloud-init wrote. */
function volume(text: string, directory = '/'): Mount[] {
  const [host = '', container] = text.split(':');
  if (container === undefined || !/^[./]/.test(host)) return [];
  return [{ host: absolute(host, directory), container }];
}

function longMount(text: string): Mount[] {
  const fields = new Map(text.split(',').map((field) => splitOnce(field, '=')));
  const host = fields.get('source') ?? fields.get('src');
  const container = fields.get('target') ?? fields.get('destination') ?? fields.get('dst');
  if (fields.get('type') !== 'bind' || host === undefined || container === undefined) return [];
  return [{ host, container }];
}

function absolute(path: string, directory: string): string {
  return path.startsWith('/') ? path : `${directory}/${path.replace(/^\.\/?/, '')}`.replace(/\/$/, '');
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Words of a simple command; it ends at the first operator of the shell. */
function shellWords(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"';|&]|(?<=\S)&(?!&))+|[;|&]+/g) ?? [];
  const end = words.findIndex((word) => /^[;|&]+$/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replaceAll(/["']/g, ''));
}
