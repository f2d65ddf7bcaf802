import type { Redis } from 'ioredis';

/** The name that connections of one migration's epoch carry in CLIENT LIST; Redis takes no spaces in it. */
export function connectionName(migrationId: string, epoch: number): string {
  return `h2d:${migrationId}:${epoch}`;
}

/**
 * Names this connection after its epoch and ends those that older epochs of the migration left: a run that was asleep
 * while another took over must not write older values over newer ones when it wakes. Returns how many there were.
 */
export async function endStaleConnections(
  redis: Redis,
  { migrationId, epoch }: { migrationId: string; epoch: number },
): Promise<number> {
  await redis.call('CLIENT', 'SETNAME', connectionName(migrationId, epoch));
  const prefix = connectionName(migrationId, 0).slice(0, -1);
  const stale = String(await redis.call('CLIENT', 'LIST'))
    .split('\n')
    .map((line) => ({ id: /^id=(\d+) /.exec(line)?.[1], name: / name=(\S*) /.exec(line)?.[1] ?? '' }))
    .filter(({ name }) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .filter(({ name }) => Number(name.slice(prefix.length)) < epoch);
  for (const { id } of stale) if (id !== undefined) await redis.call('CLIENT', 'KILL', 'ID', id);
  return stale.length;
}
