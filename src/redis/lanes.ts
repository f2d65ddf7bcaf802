import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import { connectRedis, disconnect, type RedisAddress, type RedisOptions } from './connect.ts';
import { isFar } from './round-trip.ts';

/** Two connections, one to each side, that one batch after the other goes through. */
export interface Lane {
  from: Redis;
  to: Redis;
}

/** Both servers of a move and the connections to them; all are on the same logical database at any time. */
export interface Sides {
  /** Finds the keys, and asks what the servers say about themselves. */
  scanner: Lane;
  /** Carry them: one for each batch that is under way; where a server is far away, several share their connections. */
  lanes: readonly Lane[];
  abilities: { from: Abilities; to: Abilities };
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** The target reads the source's payloads; otherwise every key goes element by element. */
  payloadsFit: boolean;
}

/** One batch is read while another is written, and a big key holds up nobody else. */
const LANES = 3;
/** Batches under way on each pair of connections: more connections would be taken from the app, whose plan counts them. */
const BATCHES = { near: 1, far: 4 };
/** Heroku cuts a connection after 300 s without a command. */
const KEEP_ALIVE_MS = 60_000;

/** Connections that belong together: opened, kept alive and closed as one. */
export class Lanes {
  readonly #all: readonly Lane[];
  readonly #timer: NodeJS.Timeout;
  /** Under way on each pair of connections. */
  readonly #batches: number;

  private constructor(lanes: readonly Lane[], batches: number) {
    this.#all = lanes;
    this.#batches = batches;
    this.#timer = setInterval(() => {
      // A connection that is gone is noticed where it is needed.
      for (const { from, to } of lanes) for (const side of [from, to]) side.ping().catch(() => undefined);
    }, KEEP_ALIVE_MS).unref();
  }

  /** @throws as `connectRedis`; what was opened until then is closed */
  static async open(source: RedisAddress, target: RedisAddress, options: RedisOptions): Promise<Lanes> {
    const opened: Redis[] = [];
    const open = async (address: RedisAddress): Promise<Redis> => {
      const redis = await connectRedis({ ...address, database: 0 }, options);
      opened.push(redis);
      return redis;
    };
    const asked = await Promise.allSettled(
      Array.from({ length: LANES + 1 }, async () => ({ from: await open(source), to: await open(target) })),
    );
    try {
      const lanes = asked.map((lane) => {
        if (lane.status === 'rejected') throw lane.reason;
        return lane.value;
      });
      const far = await Promise.all(lanes.slice(0, 1).flatMap(({ from, to }) => [isFar(from), isFar(to)]));
      return new Lanes(lanes, BATCHES[far.includes(true) ? 'far' : 'near']);
    } catch (thrown) {
      for (const redis of opened) disconnect(redis);
      throw thrown;
    }
  }

  get scanner(): Lane {
    const [first] = this.#all;
    if (first === undefined) throw new Error('There is no connection.');
    return first;
  }

  get carriers(): readonly Lane[] {
    const carriers = this.#all.slice(1);
    return Array.from({ length: this.#batches }, () => carriers).flat();
  }

  get areReady(): boolean {
    return this.#all.every(({ from, to }) => from.status === 'ready' && to.status === 'ready');
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { from, to } of this.#all) for (const side of [from, to]) disconnect(side);
  }
}

/** Puts all connections on one logical database. */
export async function selectDatabase({ scanner, lanes }: Sides, database: number): Promise<void> {
  await Promise.all(
    [scanner, ...lanes].flatMap(({ from, to }) => [from.select(database), to.select(database)]),
  );
}
