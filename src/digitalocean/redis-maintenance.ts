import { connect } from 'node:tls';
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { withRedis, type RedisAddress } from '../redis/connect.ts';
import {
  CERTIFICATE_ORDER,
  CERTIFICATE_PROBLEM,
  IMAGE_ORDER,
  IMAGE_PROBLEM,
  IMAGE_RUNS,
  certificateOrder,
  imageOrder,
} from './redis-order.ts';

// What is done to the Redis droplet later on: an order is left in Redis, the droplet's keeper looks every minute, and
// what it did is seen from outside before this returns.

export interface Waiting {
  clock: Clock;
  log: Log;
  signal?: AbortSignal;
  /** How long the keeper may take; default: five minutes for a certificate, fifteen for an image. */
  limitMs?: number;
}

const CERTIFICATE_LIMIT_MS = 5 * 60_000;
const IMAGE_LIMIT_MS = 15 * 60_000;
const PAUSE_MS = 1_000;
const HANDSHAKE_LIMIT_MS = 10_000;

/**
 * Until when the certificate is valid that the server shows now.
 *
 * @throws when it does not answer, or shows one that the address's authority has not signed for its name
 */
export function certificateEnd(address: RedisAddress): Promise<Date> {
  const { host, port, tls } = address;
  if (tls.mode !== 'verify') throw new Error('Only a server whose certificate is verified has an end of it.');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ca: tls.ca,
      servername: tls.serverName,
      timeout: HANDSHAKE_LIMIT_MS,
    });
    socket.once('secureConnect', () => {
      resolve(new Date(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error('no TLS handshake within 10 s')));
    socket.once('error', reject);
  });
}

/**
 * Gives the server another certificate of the same authority and for the same key, without a restart: connections stay,
 * and clients that trust the older certificate of the authority go on until that one ends.
 *
 * @throws ConfigurationError when the droplet refuses it or does not take it in time
 */
export async function renewCertificate(
  admin: RedisAddress,
  fresh: { certificate: string; ca: string; end: Date },
  waiting: Waiting,
): Promise<void> {
  await withRedis({ ...admin, database: 0 }, waiting, async (redis) => {
    await redis.del(CERTIFICATE_PROBLEM);
    await redis.set(CERTIFICATE_ORDER, certificateOrder(waiting.clock.now().getTime(), fresh));
  });
  await until(waiting, CERTIFICATE_LIMIT_MS, 'to take its new certificate', async () => {
    if ((await certificateEnd(admin)).getTime() === fresh.end.getTime()) return true;
    const problem = await asked(admin, (redis) => redis.get(CERTIFICATE_PROBLEM));
    if (problem) throw new ConfigurationError(`The Redis droplet refuses its new certificate: ${problem}`);
    return false;
  });
  await asked(admin, (redis) => redis.del(CERTIFICATE_ORDER));
}

/** The image that runs, as the droplet says it; undefined when it has not said it yet. */
export async function runningImage(admin: RedisAddress): Promise<string | undefined> {
  return (await asked(admin, (redis) => redis.get(IMAGE_RUNS))) ?? undefined;
}

/**
 * Lets the droplet run another image, with the same data, users and openness. Redis is away for as long as it takes to
 * write its data down and to load them again. An image that does not answer is taken back by the droplet itself.
 *
 * @throws ConfigurationError with the droplet's words when the image does not run afterwards
 */
export async function runImage(
  admin: RedisAddress,
  wanted: { authoritySeed: Buffer; migrationId: string; image: string },
  waiting: Waiting,
): Promise<void> {
  const { authoritySeed, migrationId, image } = wanted;
  const serial = Math.floor(waiting.clock.now().getTime() / 1000);
  await withRedis({ ...admin, database: 0 }, waiting, async (redis) => {
    await redis.del(IMAGE_PROBLEM);
    await redis.set(IMAGE_ORDER, imageOrder(authoritySeed, migrationId, serial, image));
  });
  await until(waiting, IMAGE_LIMIT_MS, `to run ${image}`, async () => {
    const [runs, problem] = await asked(admin, (redis) => redis.mget(IMAGE_RUNS, IMAGE_PROBLEM));
    if (problem) throw new ConfigurationError(`The Redis droplet did not keep ${image}: ${problem}`);
    return runs === image && problem === '';
  });
  await asked(admin, (redis) => redis.del(IMAGE_ORDER));
}

function asked<T>(admin: RedisAddress, question: (redis: Redis) => Promise<T>): Promise<T> {
  return withRedis({ ...admin, database: 0 }, {}, question);
}

/** Redis may be away meanwhile: only a refusal of the droplet ends the waiting early. */
async function until(
  { clock, log, signal, limitMs }: Waiting,
  usualMs: number,
  what: string,
  look: () => Promise<boolean>,
): Promise<void> {
  const started = clock.now().getTime();
  const limit = limitMs ?? usualMs;
  for (let state = 'no answer yet'; ;) {
    try {
      if (await look()) return;
      state = 'not yet';
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ConfigurationError && error.message.startsWith('The Redis droplet')) throw error;
      state = messageOf(error);
    }
    const elapsed = clock.now().getTime() - started;
    if (elapsed > limit) {
      throw new ConfigurationError(
        `Waited ${Math.round(elapsed / 1000)} s for the Redis droplet ${what} (${state}). Its keeper looks every minute: see ` +
          '`journalctl -u redis-keeper` in the recovery console of the control panel. The order stays: run this again.',
      );
    }
    if (elapsed > 0 && elapsed % 30_000 < PAUSE_MS)
      log.info(`Waiting for the Redis droplet ${what}: ${state}`);
    await clock.sleep(PAUSE_MS, signal);
  }
}
