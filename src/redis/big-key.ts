import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Abilities } from './abilities.ts';
import { messageOf, NotSupportedError } from '../errors.ts';
import { hashPages, knowsFieldExpiry, listPages, setPages, sortedSetPages } from './big-key-elements.ts';
import { packedPages } from './big-key-packed.ts';
import { ValueReplaced, type Page, type Reading } from './big-key-page.ts';
import { streamPages } from './big-key-stream.ts';
import { stringPages } from './big-key-string.ts';
import { OUR_PREFIX } from './our-keys.ts';
import type { Lane } from './lanes.ts';
import { printable } from './printable.ts';
import { scanKeys } from './scan.ts';

/** Above this much memory a key goes element by element: a DUMP or RESTORE of more would block a server too long. */
export const BIG_KEY_BYTES = 1_000_000;

/** Begins the names under which keys are built; no reader of the target knows them. */
const PART_PREFIX = `${OUR_PREFIX}part:`;
/** How often a key may become another one while it is read before that is an error. */
const ATTEMPTS = 5;

export interface StreamedKey {
  /** `gone`: the source no longer has it, and now the target has none either. */
  outcome: 'carried' | 'gone';
  /** What went over the wire, about. */
  bytes: number;
}

export interface StreamKeyOptions {
  /** Its name on the target; the same unless given. */
  as?: Buffer;
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** How the source runs scripts where the target does, too; `none` (default): elements go one by one. */
  scripts?: Abilities['scripts'];
  signal?: AbortSignal;
  /** Told the bytes of each page once it is on its way to the target. */
  onBytes?: (bytes: number) => void;
}

/**
 * Carries one key of the selected database element by element: pages of bounded size, built under a temporary name,
 * which takes the key's place in one step, with its expiry (`clockOffsetMs` added). No command blocks a server for
 * longer than a page takes, and two pages at most are in memory. A key that changes meanwhile arrives with some of its
 * changes: the change feed tells it, and it is carried again. Several keys may go over one lane at the same time.
 *
 * What no command can set is not carried: when a stream's consumer was last seen, and how often or how long ago a key
 * was used.
 *
 * @throws NotSupportedError for a type that only a module knows, naming it
 */
export async function streamKey(lane: Lane, key: Buffer, options: StreamKeyOptions): Promise<StreamedKey> {
  let bytes = 0;
  const onBytes = (more: number): void => {
    bytes += more;
    options.onBytes?.(more);
  };
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    const part = Buffer.from(`${PART_PREFIX}${randomBytes(8).toString('hex')}`);
    try {
      const outcome = await carry(lane, key, part, { ...options, onBytes });
      return { outcome, bytes };
    } catch (thrown) {
      // Where that fails too, `deleteParts` finds it.
      await lane.to.unlink(part).catch(() => undefined);
      if (!isReplacement(thrown) || attempt === ATTEMPTS) throw thrown;
    }
  }
}

/** Whether it is the temporary name of a key that is being built. */
export function isPart(key: Buffer): boolean {
  return key.toString('latin1').startsWith(PART_PREFIX);
}

/** Deletes what killed runs left half built in the selected database of the target. Returns how many keys that were. */
export async function deleteParts(lane: Pick<Lane, 'to'>): Promise<number> {
  let deleted = 0;
  for await (const keys of scanKeys(lane.to)) {
    const parts = keys.filter(isPart);
    if (parts.length > 0) deleted += await lane.to.unlink(...parts);
  }
  return deleted;
}

async function carry(
  { from, to }: Lane,
  key: Buffer,
  part: Buffer,
  options: StreamKeyOptions,
): Promise<StreamedKey['outcome']> {
  const { type, memoryBytes } = await readBeginning(from, key);
  const { clockOffsetMs, as = key } = options;
  const reading: Reading = { from, to, key, part, clockOffsetMs, memoryBytes };
  // The next page is read while the one before is written.
  let writing: Promise<void> = Promise.resolve();
  let pages = 0;
  for await (const page of await pagesOf(type, reading, options.scripts ?? 'none')) {
    await writing;
    options.signal?.throwIfAborted();
    writing = page.write();
    // Awaited above or below, unless reading fails first.
    writing.catch(() => undefined);
    pages += 1;
    options.onBytes?.(page.bytes);
  }
  const [end] = await Promise.all([readEnd(from, key), writing]);
  if (end.type === 'none') {
    await to.unlink(part, as);
    return 'gone';
  }
  // Without a page it was gone while it was read, and is there again.
  if (end.type !== type || pages === 0) throw new ValueReplaced();
  await takePlace(to, as, part, end.expiresAt === null ? null : Math.round(end.expiresAt + clockOffsetMs));
  return 'carried';
}

async function pagesOf(
  type: string,
  reading: Reading,
  scripts: Abilities['scripts'],
): Promise<AsyncIterable<Page> | Iterable<Page>> {
  // Times of single fields are none of a pack's.
  const mayPack = scripts !== 'none' && !(type === 'hash' && (await knowsFieldExpiry(reading)));
  const packed = mayPack ? packedPages(type, reading, scripts) : undefined;
  return packed ?? elementPages(type, reading);
}

function elementPages(type: string, reading: Reading): AsyncIterable<Page> | Iterable<Page> {
  switch (type) {
    case 'string':
      return stringPages(reading);
    case 'list':
      return listPages(reading);
    case 'set':
      return setPages(reading);
    case 'hash':
      return hashPages(reading);
    case 'zset':
      return sortedSetPages(reading);
    case 'stream':
      return streamPages(reading);
    case 'none':
      return [];
    default:
      throw new NotSupportedError(
        `Keys like ${printable(reading.key)} are of the type ${type}, which a module of the source gives and which cannot be carried element by element. The target keeps what it had under this name. Leave such keys behind with \`skip\`, or use a target with the same version and module.`,
      );
  }
}

/** The type, and about how large the value is: null where the server does not tell. */
async function readBeginning(
  from: Redis,
  key: Buffer,
): Promise<{ type: string; memoryBytes: number | null }> {
  const [type, memory] = await Promise.all([
    from.type(key),
    from.call('MEMORY', 'USAGE', key).catch(() => null),
  ]);
  return { type, memoryBytes: typeof memory === 'number' ? memory : null };
}

/** What the key is after its last page; `expiresAt` in milliseconds of the source's clock. */
async function readEnd(from: Redis, key: Buffer): Promise<{ type: string; expiresAt: number | null }> {
  const [type, remaining, [seconds, microseconds], exact] = await Promise.all([
    from.type(key),
    from.pttl(key),
    from.time(),
    // Since Redis 7.
    from.pexpiretime(key).catch(() => null),
  ]);
  if (remaining === -1) return { type, expiresAt: null };
  if (remaining < 0) return { type: 'none', expiresAt: null };
  const now = Number(seconds) * 1000 + Number(microseconds) / 1000;
  return { type, expiresAt: exact !== null && exact >= 0 ? exact : now + remaining };
}

/**
 * In one step, so that a reader sees the old value or the new one. The old one is unlinked, not overwritten by RENAME,
 * which would free it in place and block the server.
 */
async function takePlace(to: Redis, key: Buffer, part: Buffer, expiresAt: number | null): Promise<void> {
  const step = to.multi().unlink(key).rename(part, key);
  if (expiresAt !== null) step.pexpireat(key, expiresAt);
  for (const [error] of (await step.exec()) ?? []) if (error !== null) throw error;
}

/** True as well for what a server answers when a key, or one of its groups, is gone or of another type by now. */
function isReplacement(thrown: unknown): boolean {
  return (
    thrown instanceof ValueReplaced ||
    /^(ERR Error running script .*)?(WRONGTYPE|NOGROUP|ERR no such key)/.test(messageOf(thrown))
  );
}
