import type { Listening } from './listening.ts';

/** Where a connection of the older protocol hears of changes. */
export const INVALIDATIONS = '__redis__:invalidate';

/**
 * The server tells the name of every key whose value or expiry changes (client-side caching in broadcasting mode, since
 * Redis 6), and null when a database is flushed. It needs no right to CONFIG.
 *
 * The connection redirects to itself, as a subscriber of the older protocol: the client does not pass on what the newer
 * one pushes. One connection cannot lose its other half, and as a subscriber its backlog is bounded by the server.
 * https://redis.io/docs/latest/develop/reference/client-side-caching/
 */
export const tracking: Listening = {
  kind: 'tracking',
  // A transaction that changes a key twice tells it once.
  timesPerProof: 1,
  listen: async (redis, told) => {
    const id = String(await redis.client('ID'));
    // Several names at once come as a list, which the client's own types do not know of.
    redis.on('messageBuffer', (_channel: Buffer, names: unknown) => {
      const readable = Array.isArray(names) && names.every((name) => Buffer.isBuffer(name));
      for (const name of readable ? names : [null]) told(name);
    });
    await redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST');
    await redis.subscribe(INVALIDATIONS);
  },
};
