import type { Clock } from '../clock.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { lookAtSessions, type SeenSession } from './sessions.ts';

/** What became of sessions that are nobody's of this migration. */
export interface Strays {
  /** Ended, in words: name, user, address, state. */
  ended: string[];
  /** Still there: a superuser's, which may not be ended. */
  left: string[];
}

const PAUSE_MS = 50;

/**
 * Ends every session of the database that is not ours and waits until they are gone, at most `limitMs`. What connects
 * anew meanwhile is not fought: the fence holds its writes. Replication goes on.
 */
export async function endStrays(
  address: PostgresAddress,
  options: { clock: Clock; limitMs?: number; signal?: AbortSignal },
): Promise<Strays> {
  const { clock, limitMs = 10_000, signal } = options;
  const session = { applicationName: 'h2d strays', ...(signal === undefined ? {} : { signal }) };
  return withConnection(address, session, async (client) => {
    const found = (await lookAtSessions(client)).filter(isStray);
    const refused = new Set<number>();
    for (const { pid } of found) {
      await client
        .query('SELECT pg_catalog.pg_terminate_backend($1)', [pid])
        .catch(() => void refused.add(pid));
    }
    const asked = new Set(found.map(({ pid }) => pid).filter((pid) => !refused.has(pid)));
    const begun = clock.now().getTime();
    for (;;) {
      const there = (await lookAtSessions(client)).filter(({ pid }) => asked.has(pid));
      if (there.length === 0 || clock.now().getTime() - begun >= limitMs) {
        const still = new Set([...refused, ...there.map(({ pid }) => pid)]);
        return {
          ended: found.filter(({ pid }) => !still.has(pid)).map(inWords),
          left: found.filter(({ pid }) => still.has(pid)).map(inWords),
        };
      }
      await clock.sleep(PAUSE_MS, signal);
    }
  });
}

function isStray({ application, kind }: SeenSession): boolean {
  return kind === 'client backend' && !application.startsWith('h2d ');
}

/** Without what it runs, which may hold data. */
export function inWords({ application, user, address, state }: SeenSession): string {
  const from = address === null ? '' : ` from ${address}`;
  return `${application === '' ? 'a session without a name' : application} (${user}${from}${state === '' ? '' : `, ${state}`})`;
}

/** Between two looks; a report that connects once a minute may be missed, one that stays connected is not. */
const LOOK_EVERY_MS = 1_000;

/**
 * Who else is connected to a database, over several looks, in words and each once. Superusers' sessions are the
 * server's own keeper's; they are left out.
 */
export async function readOutsiders(
  address: PostgresAddress,
  options: { clock: Clock; looks?: number; signal?: AbortSignal },
): Promise<string[]> {
  const { clock, looks = 5, signal } = options;
  const session = { applicationName: 'h2d outsiders', ...(signal === undefined ? {} : { signal }) };
  return withConnection(address, session, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT rolname AS name FROM pg_catalog.pg_roles WHERE rolsuper',
    );
    const keepers = new Set(rows.map(({ name }) => name));
    const seen = new Set<string>();
    for (let look = 0; look < looks; look += 1) {
      if (look > 0) await clock.sleep(LOOK_EVERY_MS, signal);
      for (const one of await lookAtSessions(client))
        if (!one.application.startsWith('h2d ') && !keepers.has(one.user))
          seen.add(inWords({ ...one, state: one.kind === 'client backend' ? '' : one.kind }));
    }
    return [...seen].sort();
  });
}
