import type { RedisAddress } from './connect.ts';

/** Workers wait in front of their command until this key is `1`; a closed user may read it. */
export const OPEN_KEY = 'heroku-to-digitalocean:open';

export function closeRedis(admin: RedisAddress, user: string): Promise<void> {
  void admin;
  void user;
  return Promise.reject(new Error('not yet'));
}

export function openRedis(admin: RedisAddress, user: string): Promise<void> {
  void admin;
  void user;
  return Promise.reject(new Error('not yet'));
}

/** `half-open`: the user may write and the key is missing, or the other way round; opening or closing again mends it. */
export function redisIs(admin: RedisAddress, user: string): Promise<'open' | 'closed' | 'half-open'> {
  void admin;
  void user;
  return Promise.reject(new Error('not yet'));
}
