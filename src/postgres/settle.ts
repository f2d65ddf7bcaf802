import type { PostgresAddress } from './connect.ts';

/** The name that sessions of one migration's epoch carry in pg_stat_activity. */
export function applicationName(migrationId: string, epoch: number): string {
  return `h2d ${migrationId} ${epoch}`;
}

/** Ends sessions of this migration with an older epoch; returns how many. */
export function terminateStale(
  address: PostgresAddress,
  options: { migrationId: string; epoch: number; limitMs?: number },
): Promise<number> {
  void address;
  void options;
  return Promise.reject(new Error('not yet'));
}
