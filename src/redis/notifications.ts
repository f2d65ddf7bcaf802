import type { Listening } from './listening.ts';

// Of every kind of event, in every logical database: the server is told to send them by `notify-keyspace-events`, for
// example AKE, of which K and E stand for these two. https://redis.io/docs/latest/develop/use/keyspace-notifications/
const BY_EVENT = '__keyevent@*__:*';
const BY_KEY = '__keyspace@*__:*';

/** Keyspace notifications that name the event in the channel and the key in the message. */
export const notificationsByEvent: Listening = {
  kind: 'notifications',
  // For its own kind of event (`l` for a list …), and for its expiry and its end (`g`).
  timesPerProof: 3,
  listen: async (redis, told) => {
    redis.on('pmessageBuffer', (_pattern, _channel, key) => {
      told(key);
    });
    await redis.psubscribe(BY_EVENT);
  },
};

/** Keyspace notifications that name the key in the channel and the event in the message. */
export const notificationsByKey: Listening = {
  kind: 'notifications',
  timesPerProof: 3,
  listen: async (redis, told) => {
    redis.on('pmessageBuffer', (_pattern, channel) => {
      told(channel.subarray(channel.indexOf('__:') + '__:'.length));
    });
    await redis.psubscribe(BY_KEY);
  },
};
