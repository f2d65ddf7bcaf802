import { messageOf } from '../errors.ts';
import { contentDigest } from './content.ts';
import { readDigests, type KeyDigest } from './digest.ts';
import { inLanes } from './scan.ts';
import type { Reader } from './reading.ts';

/** Both sides of a comparison, on the same logical database. */
export interface Compared {
  from: Reader;
  to: Reader;
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** A key's name on the target; the same unless given. */
  as?: (key: Buffer) => Buffer;
}

export interface DifferentKey {
  key: Buffer;
  /** What is different, in words. */
  problem: string;
}

/** A key that lives longer or shorter than this on the target differs. */
const EXPIRY_TOLERANCE_MS = 1_000;
/** Keys that are compared by content at the same time: small ones, and such that have a page of each side in memory. */
const AT_ONCE = { small: 16, big: 2 };

/**
 * Compares keys of the selected database: digests first, and by content what these cannot tell.
 *
 * @returns how many of the keys the source has, and those that differ, in no order
 */
export async function compareKeys(
  sides: Compared,
  keys: readonly Buffer[],
): Promise<{ present: number; different: DifferentKey[] }> {
  const { from, to } = sides;
  const [left, right] = await Promise.all([
    readDigests(from.redis, keys, from.abilities),
    readDigests(
      to.redis,
      keys.map((key) => namedOn(sides, key)),
      to.abilities,
    ),
  ]);
  const different: DifferentKey[] = [];
  const unclear: { key: Buffer; one: KeyDigest; other: KeyDigest }[] = [];
  let present = 0;
  for (const [index, key] of keys.entries()) {
    const [one, other] = [left[index] ?? null, right[index] ?? null];
    if (one !== null) present += 1;
    if (one === null || other === null) {
      const problem = await compareLone(sides, key, one, other);
      if (problem !== undefined) different.push({ key, problem });
    } else if (one.digest === null || one.digest !== other.digest) unclear.push({ key, one, other });
    else {
      const problem = compareExpiry(sides, one, other);
      if (problem !== undefined) different.push({ key, problem });
    }
  }
  for (const size of ['small', 'big'] as const) {
    const such = unclear.filter(({ one, other }) => sizeOf(one, other) === size);
    await inLanes(each(such), AT_ONCE[size], async ({ key, one, other }) => {
      const problem = (await compareContent(sides, key, size)) ?? compareExpiry(sides, one, other);
      if (problem !== undefined) different.push({ key, problem });
    });
  }
  return { present, different };
}

/** Big is what one of the sides did not read in one go. */
function sizeOf(one: KeyDigest, other: KeyDigest): 'small' | 'big' {
  return one.digest === null || other.digest === null ? 'big' : 'small';
}

async function* each<Item>(items: Item[]): AsyncGenerator<Item> {
  await Promise.resolve();
  yield* items;
}

function namedOn({ as }: Compared, key: Buffer): Buffer {
  return as === undefined ? key : as(key);
}

/** A key that one side does not have: it may just be expiring on the other, too. */
async function compareLone(
  sides: Compared,
  key: Buffer,
  one: KeyDigest | null,
  other: KeyDigest | null,
): Promise<string | undefined> {
  const { from, to } = sides;
  const there = one ?? other;
  if (there === null) return undefined;
  if (there.expiresAt !== null) {
    const left = await (one === null ? to.redis.pttl(namedOn(sides, key)) : from.redis.pttl(key));
    if (left !== -1 && left <= EXPIRY_TOLERANCE_MS) return undefined;
  }
  return one === null ? 'only on the target' : 'only on the source';
}

async function compareContent(
  sides: Compared,
  key: Buffer,
  size: 'small' | 'big',
): Promise<string | undefined> {
  const { from, to } = sides;
  const named = namedOn(sides, key);
  const [type, other] = await Promise.all([from.redis.type(key), to.redis.type(named)]);
  if (type !== other) return `a ${type} on the source, a ${other} on the target`;
  let digests: (string | null)[];
  try {
    digests = await Promise.all(
      [
        { ...from, key },
        { ...to, key: named },
      ].map(({ redis, fieldExpiry, key: name }) =>
        contentDigest(redis, name, type, { isSmall: size === 'small', fieldExpiry }),
      ),
    );
  } catch (thrown) {
    if (!/^(WRONGTYPE|NOGROUP|ERR no such key)/.test(messageOf(thrown))) throw thrown;
    return `the ${type} was replaced while it was read`;
  }
  const [left, right] = digests;
  if (left === null) return `the type ${type} cannot be compared`;
  return left === right ? undefined : `the content of the ${type} differs`;
}

function compareExpiry({ clockOffsetMs }: Compared, one: KeyDigest, other: KeyDigest): string | undefined {
  if (one.expiresAt === null && other.expiresAt === null) return undefined;
  if (one.expiresAt === null) return 'expires on the target only';
  if (other.expiresAt === null) return 'expires on the source only';
  const later = other.expiresAt - (one.expiresAt + clockOffsetMs);
  return Math.abs(later) <= EXPIRY_TOLERANCE_MS
    ? undefined
    : `expires ${(Math.abs(later) / 1_000).toFixed(1)} s ${later > 0 ? 'later' : 'earlier'} on the target`;
}
