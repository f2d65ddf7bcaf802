import type pg from 'pg';

/** One session as Postgres shows it at one moment, without what it runs. */
export interface SeenSession {
  pid: number;
  user: string;
  application: string;
  /** Null: over the server's own socket, or not shown to us. */
  address: string | null;
  /** `client backend`, `walsender` … */
  kind: string;
  state: string;
  /** How long its transaction has been open, milliseconds; null: none is. */
  transactionMs: number | null;
  /** The role may not see address and state of other roles' sessions. */
  hidden: boolean;
}

/** All sessions of one user under one application name, over all looks. */
export interface Client {
  user: string;
  /** Without numbers and counters, which change from look to look; empty when the client names none. */
  application: string;
  /** The role that we are connected as: the application's own credential. */
  isOwner: boolean;
  kind: string;
  /** Most sessions at one look. */
  sessions: number;
  /** At how many of the looks it was seen. */
  looks: number;
  /** The first ten, and how many there were. */
  addresses: string[];
  addressCount: number;
  hidden: boolean;
}

/** What was seen of sessions over the sampling time. */
export interface Sessions {
  looks: number;
  clients: Client[];
  /** Most sessions in this database at one look, ours not counted; and those of the role that we are connected as. */
  connections: { all: number; owner: number };
  /** Most at one look. */
  idleInTransaction: number;
  /** The transaction that was open the longest; null: none was. */
  longestTransaction: { milliseconds: number; user: string; application: string; state: string } | null;
  /** Sessions of these roles are not shown in full. */
  hiddenUsers: string[];
}

/** Every session but this one that works in this database, or sends its changes elsewhere. One statement, no locks. */
export async function lookAtSessions(client: pg.Client): Promise<SeenSession[]> {
  const { rows } = await client.query<{
    pid: number;
    user: string | null;
    application: string | null;
    address: string | null;
    kind: string | null;
    state: string | null;
    transaction_ms: number | null;
    hidden: boolean;
  }>(`
    SELECT a.pid, a.usename AS user, a.application_name AS application, pg_catalog.host(a.client_addr) AS address,
           a.backend_type AS kind, a.state,
           (EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) * 1000)::float8 AS transaction_ms,
           a.backend_type IS NULL AND a.query = '<insufficient privilege>' AS hidden
      FROM pg_catalog.pg_stat_activity a
     WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL
       AND (a.datname = pg_catalog.current_database() OR a.backend_type = 'walsender')
       AND COALESCE(a.backend_type, '') NOT LIKE 'parallel %' AND COALESCE(a.backend_type, '') NOT LIKE 'autovacuum %'`);
  return rows.map((row) => ({
    pid: row.pid,
    user: row.user ?? 'unknown',
    application: row.application ?? '',
    address: row.address,
    kind: row.kind ?? 'client backend',
    state: row.state ?? '',
    transactionMs: row.transaction_ms,
    hidden: row.hidden,
  }));
}

const MOST_ADDRESSES = 10;

/**
 * Puts several looks together. Sessions of ours (`h2d …`) are left out.
 *
 * @param owner the role that we are connected as
 */
export function summarizeSessions(looks: readonly (readonly SeenSession[])[], owner: string): Sessions {
  const theirs = looks.map((look) => look.filter(({ application }) => !application.startsWith('h2d ')));
  const groups = new Map<string, { seen: SeenSession[]; perLook: Map<number, number> }>();
  for (const [index, look] of theirs.entries())
    for (const session of look) {
      const key = JSON.stringify([session.user, nameOf(session.application), session.kind]);
      const group = groups.get(key) ?? { seen: [], perLook: new Map<number, number>() };
      groups.set(key, group);
      group.seen.push(session);
      group.perLook.set(index, (group.perLook.get(index) ?? 0) + 1);
    }
  const clients = [...groups.values()].flatMap(({ seen, perLook }): Client[] => {
    const [first] = seen;
    if (first === undefined) return [];
    const addresses = [...new Set(seen.flatMap(({ address }) => address ?? []))].sort();
    return [
      {
        user: first.user,
        application: nameOf(first.application),
        isOwner: first.user === owner,
        kind: first.kind,
        sessions: Math.max(...perLook.values()),
        looks: perLook.size,
        addresses: addresses.slice(0, MOST_ADDRESSES),
        addressCount: addresses.length,
        hidden: seen.some(({ hidden }) => hidden),
      },
    ];
  });
  const open = theirs.flat().filter(({ transactionMs }) => transactionMs !== null);
  const longest = open.reduce<SeenSession | undefined>(
    (one, other) => ((one?.transactionMs ?? -1) >= (other.transactionMs ?? 0) ? one : other),
    undefined,
  );
  const most = (of: (session: SeenSession) => boolean): number =>
    Math.max(0, ...theirs.map((look) => look.filter(of).length));
  return {
    looks: looks.length,
    clients: clients.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)),
    connections: { all: most(() => true), owner: most(({ user }) => user === owner) },
    idleInTransaction: most(({ state }) => state.startsWith('idle in transaction')),
    longestTransaction:
      longest === undefined
        ? null
        : {
            milliseconds: Math.round(longest.transactionMs ?? 0),
            user: longest.user,
            application: nameOf(longest.application),
            state: longest.state,
          },
    hiddenUsers: [...new Set(theirs.flat().flatMap(({ hidden, user }) => (hidden ? user : [])))].sort(),
  };
}

function sortKey({ user, application, kind }: Client): string {
  return JSON.stringify([user, application, kind]);
}

/** `puma: cluster worker 3: 41 [shop]` and `sidekiq 7.3.0 shop [4 of 10 busy]` are one client each, whatever they do. */
function nameOf(application: string): string {
  return application
    .replaceAll(/\[[^\]]*\]?/g, '')
    .replaceAll(/[\d.]*\d+/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\s:,-]+$/g, '')
    .trim();
}
