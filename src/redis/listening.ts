import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { FeedKind } from './changes.ts';
import { connectRedis, disconnect, type RedisAddress } from './connect.ts';
import { OUR_PREFIX } from './key-choice.ts';

/** Called with the name of a key that changed, or null when any may have. */
export type Told = (name: Buffer | null) => void;

/** A way to hear from a server what changes on it. */
export interface Listening {
  kind: Exclude<FeedKind, 'none'>;
  /** How often it tells at least a key that was made, given an expiry in the same transaction, and deleted. */
  timesPerProof: number;
  /** Has the server tell on this connection; it is then good for nothing else but PING. */
  listen(redis: Redis, told: Told): Promise<void>;
}

/** The server let us listen and did not tell what we then wrote. */
export class NotTold extends Error {}

/** Nothing of a run that was killed in the middle of the proof stays. */
const PROOF_EXPIRES_MS = 60_000;
/** Writers may be held for a while by CLIENT PAUSE. */
const PROOF_LIMIT_MS = 120_000;

/**
 * Opens a connection on which the server tells what changes, and proves it by writing a key of each type under our own
 * prefix.
 *
 * @throws NotTold when it does not tell them
 * @throws ReplyError when it refuses
 * @throws as `connectRedis`
 */
export async function openListening(
  address: RedisAddress,
  way: Listening,
  told: Told,
  options: { signal: AbortSignal; patienceMs: number },
): Promise<Redis> {
  const redis = await connectRedis(address, { signal: options.signal });
  try {
    const heard = new Map<string, number>();
    await way.listen(redis, (name) => {
      const text = name?.toString('latin1');
      if (text?.startsWith(OUR_PREFIX) === true) heard.set(text, (heard.get(text) ?? 0) + 1);
      else told(name);
    });
    const written = await writeOneOfEachType(address, options.signal);
    await untilAllTold(redis, options.patienceMs);
    const missed = written.filter((name) => (heard.get(name) ?? 0) < way.timesPerProof);
    if (missed.length > 0)
      throw new NotTold(`of ${written.length} keys written, ${missed.length} were not told`);
    return redis;
  } catch (thrown) {
    disconnect(redis);
    throw thrown;
  }
}

/**
 * Afterwards all has been told that the server changed before the call.
 *
 * @throws Error when the connection is lost, or the server leaves a PING unanswered for `patienceMs`
 */
export async function untilAllTold(redis: Redis, patienceMs: number): Promise<void> {
  // Tracked changes are sent at the end of a turn of the server's event loop, after the answers to that turn's
  // commands: one PING may overtake the last of them, a second one belongs to a later turn.
  for (let turn = 0; turn < 2; turn++) {
    const timer = setTimeout(() => disconnect(redis), patienceMs);
    try {
      await redis.ping();
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A transaction for each type: each has notifications of its own that may be off. Returns the names, deleted again. */
async function writeOneOfEachType(address: RedisAddress, signal: AbortSignal): Promise<string[]> {
  const limit = AbortSignal.timeout(PROOF_LIMIT_MS);
  const redis = await connectRedis(address, { signal: AbortSignal.any([signal, limit]) });
  try {
    const begin = `${OUR_PREFIX}heard:${randomBytes(8).toString('hex')}`;
    const commands: [name: string, verb: string, ...parameters: string[]][] = [
      [`${begin}:string`, 'SET', '1'],
      [`${begin}:list`, 'RPUSH', '1'],
      [`${begin}:set`, 'SADD', '1'],
      [`${begin}:hash`, 'HSET', '1', '1'],
      [`${begin}:zset`, 'ZADD', '1', '1'],
      [`${begin}:stream`, 'XADD', '*', '1', '1'],
    ];
    const transaction = redis.multi();
    for (const [name, verb, ...parameters] of commands) {
      transaction.call(verb, name, ...parameters);
      transaction.pexpire(name, PROOF_EXPIRES_MS);
    }
    const answers = await transaction.exec();
    const refused = answers?.find(([error]) => error !== null)?.[0];
    if (refused) throw refused;
    const names = commands.map(([name]) => name);
    await redis.del(names);
    return names;
  } finally {
    disconnect(redis);
  }
}
