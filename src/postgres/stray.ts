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

export function isStray({ application, kind }: SeenSession): boolean {
  return kind === 'client backend' && !application.startsWith('h2d ');
}

/** Without what it runs, which may hold data. */
export function inWords({ application, user, address, state }: SeenSession): string {
  const from = address === null ? '' : ` from ${address}`;
  return `${application === '' ? 'a session without a name' : application} (${user}${from}${state === '' ? '' : `, ${state}`})`;
}
