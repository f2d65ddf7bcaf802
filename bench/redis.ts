import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { createAuthority } from '../rehearsal/servers/certificates.ts';
import { startRedis } from '../rehearsal/servers/redis.ts';
import { systemClock } from '../src/clock.ts';
import { silentLog, type Log } from '../src/log.ts';
import { withRedis, type RedisAddress } from '../src/redis/connect.ts';
import { copyRedis } from '../src/redis/copy.ts';
import { compareRedis } from '../src/redis/parity.ts';
import { scanKeys } from '../src/redis/scan.ts';
import { measure, type Measurement, type Variant } from './measure.ts';
import type { BenchOptions } from './options.ts';

export interface RedisResult {
  keys: number;
  sampleKeys: number;
  keysPerSecond: number;
  keysPerSecondTls: number;
  oneByOneKeysPerSecond: number;
  oneByOneKeysPerSecondTls: number;
  /** How many times as many keys a second as one DUMP and one RESTORE after the other; above 1 is faster. */
  vsOneByOne: number;
  vsOneByOneTls: number;
  milliseconds: Record<'plain' | 'tls', Measurement['milliseconds']>;
}

const DEFAULT_BYTES = 100e6;
const BYTES_PER_KEY = 1000;
/** One by one is slow and even: a part of the keys tells its rate. */
const SAMPLE = 2000;
const BATCH = 500;
const FIELDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

interface Sides {
  source: RedisAddress;
  target: RedisAddress;
}

/** `copyRedis` against DUMP and RESTORE one key after the other, without and with TLS, between two servers here. */
export async function benchRedis(options: BenchOptions, log: Log): Promise<RedisResult> {
  const keys = Math.round((options.sizeBytes ?? DEFAULT_BYTES) / BYTES_PER_KEY);
  const authority = await createAuthority('bench');
  const certificate = await authority.issue(['127.0.0.1']);
  const plain = await startSides(undefined);
  const tls = await startSides({ certificate, ca: authority.pem });
  log.info(`Redis: ${keys} keys of about ${BYTES_PER_KEY} bytes: strings, hashes, lists, sets, sorted sets`);
  for (const { source } of [plain, tls]) await fill(source, keys);

  const measured = await measure(
    [
      copyVariant('copyRedis', plain),
      oneByOneVariant('one by one', plain),
      copyVariant('copyRedis, TLS', tls),
      oneByOneVariant('one by one, TLS', tls),
    ],
    { rounds: options.rounds, tell: (line) => log.info(line) },
  );
  const [ours, theirs, oursTls, theirsTls] = measured;
  if (ours === undefined || theirs === undefined || oursTls === undefined || theirsTls === undefined)
    throw new Error('Nothing was measured.');
  for (const sides of [plain, tls]) await proveEqual(sides);

  return {
    keys: ours.amount,
    sampleKeys: theirs.amount,
    keysPerSecond: ours.perSecond,
    keysPerSecondTls: oursTls.perSecond,
    oneByOneKeysPerSecond: theirs.perSecond,
    oneByOneKeysPerSecondTls: theirsTls.perSecond,
    vsOneByOne: ours.perSecond / theirs.perSecond,
    vsOneByOneTls: oursTls.perSecond / theirsTls.perSecond,
    milliseconds: { plain: ours.milliseconds, tls: oursTls.milliseconds },
  };
}

async function startSides(
  tls: { certificate: { certificate: string; key: string }; ca: string } | undefined,
): Promise<Sides> {
  const start = async (name: string, configuration: string[], verify: boolean): Promise<RedisAddress> => {
    const certificate = tls === undefined ? {} : { tls: tls.certificate };
    const { host, port } = await startRedis({ name: `bench-${name}`, configuration, ...certificate });
    if (tls === undefined) return { host, port, tls: { mode: 'off' } };
    return { host, port, tls: verify ? { mode: 'verify', ca: tls.ca } : { mode: 'unverified' } };
  };
  return {
    // CONFIG is refused and the certificate cannot be verified, as on Heroku.
    source: await start('source', ['rename-command CONFIG ""'], false),
    target: await start('target', ['maxmemory-policy noeviction'], true),
  };
}

/** The kinds of values that Rails and Sidekiq keep, a third of them with an expiry. */
async function fill(address: RedisAddress, keys: number): Promise<void> {
  const filler = randomBytes(BYTES_PER_KEY).toString('base64');
  await withRedis(address, {}, async (redis) => {
    for (let start = 0; start < keys; start += BATCH) {
      const pipeline = redis.pipeline();
      for (let index = start; index < Math.min(start + BATCH, keys); index += 1) {
        const key = `bench:${index}`;
        const text = filler.slice(index % 300);
        const part = text.slice(0, 100);
        if (index % 5 === 0) pipeline.set(key, text);
        if (index % 5 === 1) pipeline.hset(key, Object.fromEntries(FIELDS.map((name) => [name, part])));
        if (index % 5 === 2) pipeline.rpush(key, part, part, text.slice(0, 700));
        if (index % 5 === 3) pipeline.sadd(key, ...FIELDS.map((name) => `${name}${part}`));
        if (index % 5 === 4) pipeline.zadd(key, ...FIELDS.flatMap((name, at) => [at, `${name}${part}`]));
        if (index % 3 === 0) pipeline.pexpire(key, 3_600_000);
      }
      await pipeline.exec();
    }
  });
}

function copyVariant(name: string, { source, target }: Sides): Variant {
  return {
    name,
    prepare: () => empty(target),
    run: async () => (await copyRedis({ source, target, skip: [], log: silentLog, clock: systemClock })).keys,
  };
}

function oneByOneVariant(name: string, { source, target }: Sides): Variant {
  return {
    name,
    prepare: () => empty(target),
    run: () => withRedis(source, {}, (from) => withRedis(target, {}, (to) => copyOneByOne(from, to))),
  };
}

async function copyOneByOne(from: Redis, to: Redis): Promise<number> {
  let copied = 0;
  for await (const keys of scanKeys(from)) {
    for (const key of keys) {
      if (copied >= SAMPLE) return copied;
      const ttl = await from.pttl(key);
      const payload = await from.dumpBuffer(key);
      await to.restore(key, Math.max(ttl, 0), payload, 'REPLACE');
      copied += 1;
    }
  }
  return copied;
}

async function empty(target: RedisAddress): Promise<void> {
  await withRedis(target, {}, (redis) => redis.flushall());
}

/** A copy that is not equal is no result. */
async function proveEqual({ source, target }: Sides): Promise<void> {
  await copyRedis({ source, target, skip: [], log: silentLog, clock: systemClock });
  const { equal } = await compareRedis({ source, target, skip: [] });
  if (!equal) throw new Error('The copy is not equal to its source, so its rate means nothing.');
}
