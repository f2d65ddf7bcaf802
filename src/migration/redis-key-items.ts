import { formatBytes, formatCount } from '../report/format.ts';
import { automatic, decide, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';
import { inWords, percent, sampleInWords, type RedisAbout } from './redis-about.ts';

/** From here on a key that changes in the window is worth a question: it is carried anew each time. */
const HUGE_BYTES = 100_000_000;

/** What becomes of expiry, big keys and streams. */
export function keyItems({ facts: { sample, commands } }: RedisAbout): Item[] {
  if (sample === null) return [];
  const items: Item[] = [];
  const { looked, withExpiry, biggest, big, bytes, streams } = sample;
  if (looked > 0)
    items.push(
      automatic({
        id: 'redis/expiry',
        area: 'redis',
        what: `${percent(withExpiry / looked)} of keys expire`,
        becomes: 'the same points in time, with the difference of both clocks added',
        why: sampleInWords(sample),
      }),
    );
  if (looked > 0 && bytes === null)
    items.push(
      told({
        id: 'redis/sizes',
        area: 'redis',
        what: 'how large single keys are is not known',
        becomes: 'sizes are guessed from lengths; big keys travel element by element all the same',
        why: 'MEMORY USAGE is refused',
        remedy: 'Let the practice copy of staging show how long it takes.',
      }),
    );
  const huge = biggest.filter((key) => key.bytes >= HUGE_BYTES);
  const named = (keys: typeof biggest): string =>
    namesOf(keys.map((key) => `${key.name} (${key.type}, ${formatBytes(key.bytes)})`));
  if (huge.length > 0)
    items.push(
      decide({
        id: 'redis/huge-keys',
        area: 'redis',
        what: `huge keys: ${named(huge)}`,
        question: 'May they change in the window? Each that does is carried anew, for as long as that takes.',
        options: ['carry'],
        why: `above ${formatBytes(HUGE_BYTES)} by MEMORY USAGE, among ${sampleInWords(sample)}`,
        remedy: 'Split or clear them, or list them under `redis.skip`, when they are not needed.',
      }),
    );
  if (big > huge.length)
    items.push(
      told({
        id: 'redis/big-keys',
        area: 'redis',
        what: `big keys: ${formatCount(big)} above a megabyte, the largest ${named(biggest.slice(0, 3))}`,
        becomes: 'they travel element by element, and take their place in one step',
        why: `a DUMP of them would stop the server; ${sampleInWords(sample)}`,
        remedy: 'Look whether they grow for ever: such a key is the usual reason of a full Redis.',
      }),
    );
  if (streams.length > 0 || (commands?.streams ?? 0) > 0) {
    const groups = streams.reduce((sum, stream) => sum + stream.groups, 0);
    items.push(
      automatic({
        id: 'redis/streams',
        area: 'redis',
        what:
          streams.length === 0
            ? 'streams, none of them among the keys that were looked at'
            : `${formatCount(streams.length)} streams with ${formatCount(groups)} consumer groups`,
        becomes:
          'the same entries, groups, consumers and pending entries; when a consumer was last seen begins anew',
        why:
          commands === null
            ? sampleInWords(sample)
            : `${formatCount(commands.streams)} calls of stream commands since the server started`,
      }),
    );
  }
  return items;
}

/** What caches call themselves. Sessions, carts and locks are no caches, whatever they expire. */
const CACHE = /cache|^views?[:/]|fragment|rack.?attack|throttl|rate.?limit|memo|tmp|temp/i;
const PRECIOUS = /sess|cart|basket|token|lock|auth|user|order|job|queue|uniq/i;
/** Less than this share is not worth a question. */
const WORTH = 0.05;

/** Caches that may be left behind, and those that are. */
export function cacheItems({ facts: { sample, server }, skipped }: RedisAbout): Item[] {
  if (sample === null) return [];
  const items: Item[] = [];
  if (skipped.length > 0)
    items.push(
      automatic({
        id: 'redis/skipped',
        area: 'redis',
        what: `keys that migration.yml leaves behind: ${namesOf(skipped.map((group) => inWords(group, sample)))}`,
        becomes: 'left behind; the application fills them anew',
        why: '`redis.skip` in migration.yml',
      }),
    );
  const caches = sample.prefixes.filter(
    (group) => !skipped.includes(group) && CACHE.test(group.pattern) && !PRECIOUS.test(group.pattern),
  );
  const large = caches.filter(
    ({ keys, bytes }) =>
      keys / sample.looked >= WORTH || (bytes !== null && bytes / Math.max(1, sample.bytes ?? 0) >= WORTH),
  );
  const volatile = large.filter(({ keys, withExpiry }) => withExpiry >= keys * 0.9);
  if (volatile.length > 0)
    items.push(
      decide({
        id: 'redis/caches',
        area: 'redis',
        what: `what looks like caches: ${namesOf(volatile.map((group) => inWords(group, sample)))}`,
        question:
          'Carry them, or leave them behind? Without them the copy is quicker, and the first pages are slower.',
        options: ['carry'],
        why: `by their names, and since their keys expire; ${sampleInWords(sample)}`,
        remedy: `To leave them behind: \`redis: { skip: [${volatile
          .map(({ pattern }) => `'${pattern}'`)
          .join(', ')}] }\` in migration.yml.`,
      }),
    );
  const growing = caches.filter(({ keys, withExpiry }) => withExpiry < keys * 0.5);
  if (growing.length > 0)
    items.push(
      decide({
        id: 'redis/growing',
        area: 'redis',
        what: `caches whose keys never expire: ${namesOf(growing.map((group) => inWords(group, sample)))}`,
        question:
          'Who keeps them small? Where nothing is evicted they fill the memory, and then jobs are refused, too.',
        options: ['carry'],
        why: `most of these keys have no expiry, and the policy is ${server.policy ?? 'not told'} today; ${sampleInWords(sample)}`,
        remedy: `Give them an expiry (\`expires_in\`), or leave them behind: \`redis: { skip: [${growing
          .map(({ pattern }) => `'${pattern}'`)
          .join(', ')}] }\`.`,
      }),
    );
  return items;
}
