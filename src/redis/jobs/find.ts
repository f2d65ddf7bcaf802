import type { Redis } from 'ioredis';
import { OUR_PREFIX } from '../our-keys.ts';
import { pipelined, scanKeys } from '../scan.ts';
import { queueOfTaken } from './in-progress.ts';
import type { Place } from './job-system.ts';
import { recognise } from './recognise.ts';

/** Keys looked at in one round trip. */
const BATCH = 1_000;
/** Names for each SCAN: few round trips to a server far away, and none that takes it longer than some ms. */
const SCAN_COUNT = 5_000;

/** Names that may belong to a job system; everything else is passed over with this one look. */
const TELLING =
  /(?:^|:)(?:queues$|cron_jobs(?:$|:)|queue:sq\||working:queue:|uniquejobs:working:)|:meta$|^bull:.*:id$/s;

/**
 * Looks at the names of all keys in the selected database, about a second for a million, and finds the job systems:
 * Sidekiq and Resque without a namespace or with one (redis-namespace: `<namespace>:queues`), Resque's own `resque:`,
 * and each queue of BullMQ by its `meta`, whatever its prefix, or of Bull under `bull:`. A namespaced Sidekiq that has
 * never had a job in a queue is not found.
 */
export async function findPlaces(redis: Redis): Promise<Place[]> {
  const names: string[] = [];
  for await (const keys of scanKeys(redis, { count: SCAN_COUNT }))
    for (const key of keys) {
      const name = key.toString();
      if (isTelling(name)) names.push(name);
    }
  return placesAmong(redis, names);
}

/** Whether the name of a key may tell of a job system. */
export function isTelling(name: string): boolean {
  return TELLING.test(name) && !name.startsWith(OUR_PREFIX);
}

/** For somebody who has looked at the names of keys already: the job systems that these, the telling ones, belong to. */
export async function placesAmong(redis: Redis, names: readonly string[]): Promise<Place[]> {
  // SCAN gives some keys twice.
  const telling = [...new Set(names)].sort();
  const prefixes = telling
    .filter((name) => name.endsWith(':queues'))
    .map((name) => name.slice(0, -'queues'.length));
  const found: Place[] = [];
  for (const prefix of new Set(['', 'resque:', ...prefixes])) {
    const place = await placeAt(redis, prefix, telling);
    if (place !== null) found.push(place);
  }
  return [...found, ...(await bullPlaces(redis, telling))];
}

/** What needs no look at all names: Sidekiq without a namespace and Resque under its own. */
export async function findUsualPlaces(redis: Redis): Promise<Place[]> {
  const usual = ['cron_jobs', 'cron_jobs:default'];
  const found = [await placeAt(redis, '', usual), await placeAt(redis, 'resque:', [])];
  return found.filter((place) => place !== null);
}

async function placeAt(redis: Redis, prefix: string, telling: string[]): Promise<Place | null> {
  const system = await recognise(redis, prefix);
  if (system === null) return null;
  if (system === 'resque') return { system, prefix };
  const inside = telling.filter((name) => name.startsWith(prefix));
  const cronSets = inside.filter((name) => /^cron_jobs(?::[^:]*)?$/.test(name.slice(prefix.length)));
  const taken = inside.filter((name) => queueOfTaken(name.slice(prefix.length)) !== undefined);
  return {
    system,
    prefix,
    cronSets: await ofType(redis, cronSets, 'set'),
    taken: await ofType(redis, taken, 'list'),
  };
}

async function bullPlaces(redis: Redis, telling: string[]): Promise<Place[]> {
  const metas = await ofType(
    redis,
    telling.filter((name) => name.endsWith(':meta')),
    'hash',
  );
  const found = new Map<string, Place>();
  for (let from = 0; from < metas.length; from += BATCH) {
    const batch = metas.slice(from, from + BATCH);
    const fields = await pipelined(redis, batch, (pipeline, meta) =>
      pipeline.hmget(meta, 'version', 'opts.maxLenEvents'),
    );
    for (const [index, meta] of batch.entries()) {
      const [version, events] = fields[index] as (string | null)[];
      if ((version ?? events ?? null) === null) continue;
      const prefix = meta.slice(0, -'meta'.length);
      const major = /^bullmq:([0-9]+)\./.exec(version ?? '')?.[1];
      found.set(prefix, { system: 'bullmq', prefix, major: major === undefined ? null : Number(major) });
    }
  }
  // Bull has no `meta`, but the same lists.
  for (const name of telling) {
    const prefix = name.slice(0, -'id'.length);
    if (!/^bull:.*:id$/s.test(name) || found.has(prefix)) continue;
    const lists = ['wait', 'paused', 'active'].map((list) => `${prefix}${list}`);
    const sets = ['delayed', 'completed', 'failed', 'repeat'].map((set) => `${prefix}${set}`);
    const seen = [...(await ofType(redis, lists, 'list')), ...(await ofType(redis, sets, 'zset'))];
    if (seen.length > 0) found.set(prefix, { system: 'bullmq', prefix, major: null });
  }
  return [...found.values()];
}

async function ofType(redis: Redis, names: string[], type: string): Promise<string[]> {
  const right: string[] = [];
  for (let from = 0; from < names.length; from += BATCH) {
    const batch = names.slice(from, from + BATCH);
    const types = await pipelined(redis, batch, (pipeline, name) => pipeline.type(name));
    right.push(...batch.filter((_name, index) => types[index] === type));
  }
  return right;
}
