import { formatCount } from '../report/format.ts';
import type { RedisAssessFacts } from '../redis/assess-facts.ts';
import { globToRegExp } from '../redis/key-choice.ts';
import type { KeyGroup, KeySample } from '../redis/key-sample.ts';
import type { RedisTarget } from './redis-target.ts';

export interface RedisItemOptions {
  target: RedisTarget;
  /** What migration.yml leaves behind under `redis.skip`. */
  skip?: readonly string[];
  /** The application's language, to tell its clients from others. */
  language?: 'node' | 'ruby' | 'python' | null;
}

/** What is known of a Redis and of where it goes. */
export interface RedisAbout {
  facts: RedisAssessFacts;
  options: RedisItemOptions;
  /** Groups of keys that a pattern of migration.yml leaves behind whole. */
  skipped: KeyGroup[];
}

export function skippedIn(sample: KeySample | null, skip: readonly string[]): KeyGroup[] {
  const patterns = skip.map(globToRegExp);
  // A group's own glob matches whatever leaves the whole of it behind.
  return (sample?.prefixes ?? []).filter(({ pattern }) => patterns.some((one) => one.test(pattern)));
}

/** Of all data: by bytes where they are known, else by keys. null: nothing was looked at. */
export function shareOf(group: Pick<KeyGroup, 'keys' | 'bytes'>, sample: KeySample | null): number | null {
  if (sample === null || sample.looked === 0) return null;
  if (group.bytes !== null && sample.bytes !== null && sample.bytes > 0) return group.bytes / sample.bytes;
  return group.keys / sample.looked;
}

/** What was looked at, and by what right it speaks for the rest. */
export function sampleInWords(sample: KeySample): string {
  const { keys, looked, types } = sample;
  const list = Object.entries(types)
    .sort(([, a], [, b]) => b.keys - a.keys)
    .map(([type, { keys: count }]) => `${formatCount(count)} ${type}`);
  const which =
    looked >= keys
      ? `all ${formatCount(looked)} keys`
      : `${formatCount(looked)} of ${formatCount(keys)} keys by chance`;
  return `${which} were looked at${list.length === 0 ? '' : `: ${list.join(', ')}`}`;
}

export function inWords(group: KeyGroup, sample: KeySample): string {
  const keys = `${percent(group.keys / Math.max(1, sample.looked))} of keys`;
  if (group.bytes === null || sample.bytes === null) return `${group.pattern} (${keys})`;
  return `${group.pattern} (${keys}, ${percent(group.bytes / Math.max(1, sample.bytes))} of bytes)`;
}

export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 1) return '< 1 %';
  if (value > 99 && value < 100) return '> 99 %';
  return `${Math.round(value)} %`;
}
