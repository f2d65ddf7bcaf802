import { setTimeout as delay } from 'node:timers/promises';
import { withConnection, type PostgresAddress } from './connect.ts';

/**
 * The name that sessions of one migration's epoch carry in pg_stat_activity.
 *
 * @param shard of a copy that several runners share: which of them, unless it is the one that answers for the whole
 */
export function applicationName(migrationId: string, epoch: number, shard = 1): string {
  return `h2d ${migrationId} ${epoch}${shard === 1 ? '' : `/${shard}`}`;
}

/**
 * Ends the sessions that an older epoch of this migration left on a server (a runner that died with pg_restore still
 * loading), and waits until they are gone. Returns how many there were.
 *
 * @throws Error when one of them is still there after `limitMs` (default 30 s)
 */
export async function terminateStale(address: PostgresAddress, options: SettleOptions): Promise<number> {
  return terminate(address, options, ({ epoch }) => epoch < options.epoch);
}

/**
 * Ends the sessions that the other runners of a shared copy have on a server, and waits until they are gone. Returns how
 * many there were.
 *
 * @throws Error when one of them is still there after `limitMs` (default 30 s)
 */
export async function terminateShards(address: PostgresAddress, options: SettleOptions): Promise<number> {
  return terminate(address, options, ({ epoch, shard }) => epoch === options.epoch && shard !== undefined);
}

interface SettleOptions {
  migrationId: string;
  epoch: number;
  limitMs?: number;
  signal?: AbortSignal;
}

/** What a session's name says of whose it is. */
interface Whose {
  epoch: number;
  shard: number | undefined;
}

async function terminate(
  address: PostgresAddress,
  options: SettleOptions,
  isMeant: (whose: Whose) => boolean,
): Promise<number> {
  const session = {
    applicationName: applicationName(options.migrationId, options.epoch),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  return withConnection(address, session, async (client) => {
    const prefix = `h2d ${options.migrationId} `;
    const meant = async (): Promise<number[]> => {
      const { rows } = await client.query<{ pid: number; name: string }>(
        `SELECT pid, application_name AS name
           FROM pg_catalog.pg_stat_activity
          WHERE pg_catalog.starts_with(application_name, $1) AND pid <> pg_catalog.pg_backend_pid()
            AND usename = current_user`,
        [prefix],
      );
      return rows
        .filter(({ name }) => {
          const [, epoch, , shard] = /^(\d+)(\/(\d+))?$/.exec(name.slice(prefix.length)) ?? [];
          if (epoch === undefined) return false;
          return isMeant({ epoch: Number(epoch), shard: shard === undefined ? undefined : Number(shard) });
        })
        .map(({ pid }) => pid);
    };
    const deadline = Date.now() + (options.limitMs ?? 30_000);
    const stale = await meant();
    for (let left = stale; left.length > 0; left = await meant()) {
      if (Date.now() > deadline)
        throw new Error(
          `${left.length} sessions of another runner are still there although they were ended; wait a minute and run again.`,
        );
      await client.query(
        'SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.unnest($1::integer[]) AS pid',
        [left],
      );
      await delay(50);
    }
    return stale.length;
  });
}
