import type { Redis } from 'ioredis';
import { printable } from './printable.ts';

/** Clients that look alike. Addresses are counted and not told. */
export interface ClientGroup {
  /** As `printable`; empty: they give none. */
  name: string;
  /** `default` where there are no others. */
  user: string;
  /** How the client library names itself (since Redis 7.2); empty: it does not. */
  library: string;
  kind: 'client' | 'subscriber' | 'replica' | 'monitor';
  /** At most, at one look. */
  connections: number;
  addresses: number;
  /** The names of commands they were last seen with. */
  commands: string[];
  /** In how many looks they were seen. */
  looks: number;
}

export interface SeenClients {
  looks: number;
  /** The user that we are ourselves. */
  ownUser: string;
  groups: ClientGroup[];
}

/** As CLIENT LIST tells it: what is needed of it. */
interface SeenClient {
  name: string;
  user: string;
  library: string;
  kind: ClientGroup['kind'];
  address: string;
  command: string;
}

export interface Look {
  ownUser: string;
  clients: SeenClient[];
}

/** Names of clients may hold a number of a process or a host: such are one group. */
const PROCESS = /[-_.:#@ ]?(?:pid[-_]?)?\d+$/i;

/** @throws what a server answers that does not let CLIENT LIST be called */
export async function lookAtClients(redis: Redis): Promise<Look> {
  const own = String(await redis.client('ID'));
  const text = String(await redis.client('LIST'));
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map(fieldsOf);
  return {
    ownUser: rows.find((row) => row.get('id') === own)?.get('user') ?? 'default',
    clients: rows
      // One that has not sent a command yet tells nothing of itself.
      .filter((row) => row.get('id') !== own && row.get('cmd') !== 'NULL')
      .map((row) => ({
        name: nameOf(row.get('name') ?? ''),
        user: row.get('user') ?? 'default',
        library: libraryOf(row.get('lib-name') ?? ''),
        kind: kindOf(row),
        // Without the port.
        address: (row.get('addr') ?? '').replace(/:\d+$/, ''),
        command: (row.get('cmd') ?? '').split('|')[0] ?? '',
      })),
  };
}

/** Groups what was seen at several looks. */
export function groupClients(looks: readonly Look[]): SeenClients {
  const groups = new Map<
    string,
    { first: SeenClient; counts: number[]; addresses: Set<string>; commands: Set<string> }
  >();
  for (const [index, { clients }] of looks.entries())
    for (const client of clients) {
      const { name, user, library, kind } = client;
      const key = JSON.stringify([name, user, library, kind]);
      const group = groups.get(key) ?? {
        first: client,
        counts: looks.map(() => 0),
        addresses: new Set(),
        commands: new Set(),
      };
      groups.set(key, group);
      group.counts[index] = (group.counts[index] ?? 0) + 1;
      group.addresses.add(client.address);
      group.commands.add(client.command);
    }
  return {
    looks: looks.length,
    ownUser: looks[0]?.ownUser ?? 'default',
    groups: [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([
          ,
          {
            first: { name, user, library, kind },
            counts,
            addresses,
            commands,
          },
        ]) => ({
          ...{ name, user, library, kind },
          connections: Math.max(...counts),
          addresses: addresses.size,
          commands: [...commands].sort().slice(0, 8),
          looks: counts.filter((count) => count > 0).length,
        }),
      ),
  };
}

/** `id=3 addr=127.0.0.1:4000 name= …`; a name has no spaces. */
function fieldsOf(line: string): Map<string, string> {
  return new Map(
    line
      .trim()
      .split(' ')
      .map((field) => {
        const at = field.indexOf('=');
        return [field.slice(0, at), field.slice(at + 1)] as const;
      }),
  );
}

function nameOf(name: string): string {
  const shared = name.replace(PROCESS, '');
  return shared === '' ? '' : printable(Buffer.from(shared)).slice(1, -1);
}

/** `redis-py(…)`, `redis-client(redis-rb_v5)`: the library, and what wraps it. */
function libraryOf(library: string): string {
  return library.slice(0, 60);
}

function kindOf(row: ReadonlyMap<string, string>): ClientGroup['kind'] {
  const flags = row.get('flags') ?? '';
  if (/[SM]/.test(flags)) return 'replica';
  if (flags.includes('O')) return 'monitor';
  const subscriptions = ['sub', 'psub', 'ssub'].reduce((sum, name) => sum + Number(row.get(name) ?? 0), 0);
  return subscriptions > 0 ? 'subscriber' : 'client';
}
