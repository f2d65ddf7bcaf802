import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { z } from 'zod';

export interface WrittenFile {
  path: string;
  content: string;
  /** Octal, for example `0644`, cloud-init's default. */
  permissions: string;
  /** `root:root` unless said otherwise. */
  owner: string;
}

/** What a `#cloud-config` asks the machine to do. */
export interface CloudInit {
  files: WrittenFile[];
  /** Each as one shell line. */
  commands: string[];
  packages: string[];
}

const schema = z.looseObject({
  write_files: z
    .array(
      z.looseObject({
        path: z.string(),
        content: z.string().default(''),
        permissions: z.union([z.string(), z.number()]).optional(),
        owner: z.string().optional(),
        encoding: z.string().optional(),
      }),
    )
    .nullish(),
  runcmd: z.array(z.union([z.string(), z.array(z.union([z.string(), z.number()]))])).nullish(),
  packages: z.array(z.union([z.string(), z.array(z.string())])).nullish(),
});

/**
 * Reads user data as cloud-init does. Undefined when it is no cloud-config: then the machine boots and does nothing.
 *
 * @throws when it calls itself a cloud-config and is none
 */
export function parseCloudInit(userData: string): CloudInit | undefined {
  if (!/^#cloud-config\s*$/m.test(userData.split('\n', 1)[0] ?? '')) return undefined;
  const document = schema.parse(parse(userData) ?? {});
  return {
    files: (document.write_files ?? []).map((file) => ({
      path: file.path,
      content: decode(file.content, file.encoding),
      permissions: permissionsOf(file.permissions),
      owner: file.owner ?? 'root:root',
    })),
    commands: (document.runcmd ?? []).map((command) =>
      typeof command === 'string' ? command : command.map((word) => quoted(String(word))).join(' '),
    ),
    packages: (document.packages ?? []).map((entry) =>
      typeof entry === 'string' ? entry : (entry[0] ?? ''),
    ),
  };
}

function decode(content: string, encoding: string | undefined): string {
  const base64 = encoding !== undefined && /b64|base64/.test(encoding);
  const bytes = base64 ? Buffer.from(content, 'base64') : Buffer.from(content);
  const zipped = encoding !== undefined && /gz/.test(encoding);
  return (zipped ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** YAML 1.1 reads an unquoted 0644 as octal, so a number is one that was already read. */
function permissionsOf(permissions: string | number | undefined): string {
  if (permissions === undefined) return '0644';
  return typeof permissions === 'number' ? `0${permissions}` : permissions;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
