import type { PostgresAddress } from './connect.ts';

export function closeWrites(
  owner: PostgresAddress,
  options: { applicationName?: string } = {},
): Promise<void> {
  void owner;
  void options;
  return Promise.reject(new Error('not yet'));
}

export function openWrites(
  owner: PostgresAddress,
  options: { applicationName?: string } = {},
): Promise<void> {
  void owner;
  void options;
  return Promise.reject(new Error('not yet'));
}

export function writesAre(
  owner: PostgresAddress,
  options: { applicationName?: string } = {},
): Promise<'open' | 'closed'> {
  void owner;
  void options;
  return Promise.reject(new Error('not yet'));
}
