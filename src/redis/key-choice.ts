import type { Redis } from 'ioredis';

/** Keys under this prefix are the migration's own: never carried, compared or deleted with the application's. */
export const OUR_PREFIX = 'heroku-to-digitalocean:';

/** Decides whether a key is carried from the old side to the new one. */
export type KeyChoice = (key: Buffer) => boolean;

/**
 * All keys but ours, those that match a `skip` pattern (Redis' own globs) and the heartbeats of Sidekiq processes on
 * either side, which would show workers on the new side that run on the old one.
 */
export async function chooseKeys(sides: Redis[], skip: string[]): Promise<KeyChoice> {
  const patterns = skip.map(globToRegExp);
  const heartbeats = new Set(['processes']);
  for (const redis of sides)
    for (const identity of await sidekiqIdentities(redis))
      for (const suffix of ['', ':work', ':workers', '-signals']) heartbeats.add(`${identity}${suffix}`);
  return (key) => {
    // Byte for byte, so that keys that are no text match too.
    const name = key.toString('latin1');
    return (
      !name.startsWith(OUR_PREFIX) && !heartbeats.has(name) && !patterns.some((pattern) => pattern.test(name))
    );
  };
}

async function sidekiqIdentities(redis: Redis): Promise<string[]> {
  if ((await redis.type('processes')) !== 'set') return [];
  const identities = await redis.smembersBuffer('processes');
  return identities.map((identity) => identity.toString('latin1'));
}

/** A glob as in Redis' KEYS: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and `\` in front of a character taken literally. */
export function globToRegExp(glob: string): RegExp {
  const text = Buffer.from(glob, 'utf8').toString('latin1');
  const source = text.replaceAll(
    /\\([\s\S])|\[(\^?)((?:\\[\s\S]|[^\]])*)\]|\*|\?|[\s\S]/g,
    (token: string, escaped: string | undefined, not: string | undefined, set: string | undefined) => {
      if (escaped !== undefined) return literal(escaped);
      if (set !== undefined) return `[${not ?? ''}${set.replaceAll(/[[\]]/g, '\\$&')}]`;
      if (token === '*') return '[\\s\\S]*';
      if (token === '?') return '[\\s\\S]';
      return literal(token);
    },
  );
  return new RegExp(`^${source}$`);
}

function literal(character: string): string {
  return character.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
