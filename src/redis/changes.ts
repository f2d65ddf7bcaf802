import { ReplyError, type Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import { ChangedKeys } from './changed-keys.ts';
import { describeRedis, disconnect, type RedisAddress } from './connect.ts';
import { redisError } from './errors.ts';
import { NotTold, openListening, untilAllTold, type Listening } from './listening.ts';
import { notificationsByEvent, notificationsByKey } from './notifications.ts';
import { tracking } from './tracking.ts';

export type FeedKind = 'tracking' | 'notifications' | 'none';

/** What changed since the last `take`. */
export interface Changes {
  /** Anything may have changed: the server was flushed, the feed was cut, or there is none. No keys are named then. */
  everything: boolean;
  /** Names of keys, in whatever logical database; ours are left out. */
  keys: Buffer[];
}

/** Follows what changes on a server. It never tells less than what changed; in doubt it says `everything`. */
export interface ChangeFeed {
  kind: FeedKind;
  /** How many keys are waiting to be taken; Infinity for everything. */
  readonly waiting: number;
  /** What was told so far; taken once. */
  take(): Changes;
  /** Afterwards every change that the server made before the call has been told, if only as `everything`. Never throws. */
  barrier(): Promise<void>;
  close(): void;
}

export interface FeedOptions {
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** How often the connection is used when nothing else does. Default 60,000; Heroku cuts one that is idle for 300 s. */
  keepAliveMs?: number;
  /** How long the server may leave a PING unanswered before the connection counts as lost. Default 20,000. */
  patienceMs?: number;
}

/** After a lost connection, doubled with each attempt that fails. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

/**
 * Opens the best feed that the server allows and that then really tells a change. A feed that is cut says `everything`
 * until it is open again, and once more then; it opens itself again.
 *
 * @throws as `connectRedis`
 */
export async function followChanges(
  address: RedisAddress,
  abilities: Abilities,
  options: FeedOptions,
): Promise<ChangeFeed> {
  for (const way of [tracking, notificationsByEvent, notificationsByKey]) {
    if (!abilities[way.kind]) continue;
    try {
      return await OpenFeed.open(address, way, options);
    } catch (thrown) {
      options.signal?.throwIfAborted();
      if (!isRefusal(thrown))
        throw redisError(thrown, `Could not follow the changes of ${describeRedis(address)}`);
      options.log.info(
        `${describeRedis(address)}: changes cannot be followed by ${way.kind}: ${messageOf(thrown)}`,
      );
    }
  }
  return noFeed;
}

/** Nobody tells, so anything may have changed at any time. */
const noFeed: ChangeFeed = {
  kind: 'none',
  waiting: Infinity,
  take: () => ({ everything: true, keys: [] }),
  barrier: () => Promise.resolve(),
  close: () => undefined,
};

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof NotTold || thrown instanceof ReplyError;
}

class OpenFeed implements ChangeFeed {
  readonly kind: FeedKind;
  readonly #address: RedisAddress;
  readonly #way: Listening;
  readonly #options: FeedOptions;
  readonly #patienceMs: number;
  readonly #changed = new ChangedKeys();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #keepAlive: NodeJS.Timeout;
  /** undefined while nothing is told. */
  #connection: Redis | undefined;

  private constructor(address: RedisAddress, way: Listening, options: FeedOptions) {
    this.kind = way.kind;
    this.#address = address;
    this.#way = way;
    this.#options = options;
    const { signal, keepAliveMs = 60_000, patienceMs = 20_000 } = options;
    this.#patienceMs = patienceMs;
    this.#signal = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    this.#keepAlive = setInterval(() => void this.barrier(), keepAliveMs).unref();
  }

  static async open(address: RedisAddress, way: Listening, options: FeedOptions): Promise<ChangeFeed> {
    const feed = new OpenFeed(address, way, options);
    try {
      feed.#use(await feed.#listen());
      return feed;
    } catch (thrown) {
      feed.close();
      throw thrown;
    }
  }

  get waiting(): number {
    return this.#connection === undefined ? Infinity : this.#changed.waiting;
  }

  take(): Changes {
    if (this.#connection === undefined) this.#changed.addEverything();
    return this.#changed.take();
  }

  async barrier(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    try {
      await untilAllTold(connection, this.#patienceMs);
    } catch (thrown) {
      this.#lost(connection, messageOf(thrown));
    }
  }

  close(): void {
    clearInterval(this.#keepAlive);
    this.#stop.abort();
    if (this.#connection !== undefined) disconnect(this.#connection);
    this.#connection = undefined;
  }

  #listen(): Promise<Redis> {
    const told = (name: Buffer | null): void => {
      if (name === null) this.#changed.addEverything();
      else this.#changed.add(name);
    };
    const [signal, patienceMs] = [this.#signal, this.#patienceMs];
    return openListening(this.#address, this.#way, told, { signal, patienceMs });
  }

  #use(connection: Redis): void {
    this.#connection = connection;
    const onEnd = (): void => this.#lost(connection, 'the connection was cut');
    connection.once('end', onEnd);
    if (connection.status !== 'ready') onEnd();
  }

  #lost(connection: Redis, why: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    disconnect(connection);
    if (this.#signal.aborted) return;
    this.#options.log.warning(
      `${describeRedis(this.#address)}: lost the ${this.kind} of changes (${why}); all keys will be looked at again.`,
    );
    void this.#listenAgain();
  }

  async #listenAgain(): Promise<void> {
    const { clock, log } = this.#options;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      try {
        await clock.sleep(wait, this.#signal);
        const connection = await this.#listen();
        if (this.#signal.aborted) {
          disconnect(connection);
          return;
        }
        // What happened in between was told to nobody, also when it was taken for everything meanwhile.
        this.#changed.addEverything();
        log.info(`${describeRedis(this.#address)}: changes are followed by ${this.kind} again.`);
        this.#use(connection);
        return;
      } catch (thrown) {
        if (this.#signal.aborted) return;
        log.debug(`${describeRedis(this.#address)}: ${messageOf(thrown)}`);
      }
    }
  }
}
