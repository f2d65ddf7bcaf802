import type { Json } from './json.ts';

/** Shapes that only a secret has; names, sizes and digests never look like these. */
const SHAPES: readonly { shape: RegExp; name: string }[] = [
  // Bounded: looked for at every letter of a long word, an unbounded scheme takes time in the square of its length.
  {
    shape: /[a-z][a-z0-9+.-]{0,40}:\/\/[^\s/:@]{0,500}:[^\s/@]+@/i,
    name: 'a connection string with a password',
  },
  { shape: /-----BEGIN [A-Z ]*PRIVATE KEY-----/, name: 'a private key' },
  { shape: /\bdop_v1_[0-9a-f]{64}\b/, name: "DigitalOcean's token" },
  { shape: /\bHRKU-[0-9A-Za-z_-]{16,}/, name: "Heroku's token" },
  { shape: /\b(gh[pousr]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,})/, name: "GitHub's token" },
];

/** Whether a name from outside (of a Redis key, of a client) has such a shape: then it is left out of what many may read. */
export function looksSecret(text: string): boolean {
  return SHAPES.some(({ shape }) => shape.test(text));
}

/** The text with each such shape replaced, and nothing else: for what people write and everybody may read. */
export function withoutSecrets(text: string): string {
  return SHAPES.reduce(
    (left, { shape }) =>
      left.replaceAll(new RegExp(shape, `${shape.flags}g`), (found) => {
        const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(found)?.[0];
        // With a colon it would look like a secret again.
        return scheme === undefined ? '***' : `${scheme}***@`;
      }),
    text,
  );
}

/**
 * The last line of defence before the journal and the record, which many may read: throws when a value looks like a
 * secret. The message tells where it stood and never the value.
 */
export function refuseSecrets(value: Json | undefined, where: string): void {
  if (typeof value === 'string') {
    const found = SHAPES.find(({ shape }) => shape.test(value));
    if (found)
      throw new Error(
        `${where} would hold ${found.name}; it was not written. This is a bug: please report it.`,
      );
  } else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) refuseSecrets(item, `${where}.${key}`);
  }
}
