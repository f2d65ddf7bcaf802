/** Secrets of this process: told to the runner, and kept out of our own texts as well. */
export interface Masker {
  mask(value: string): void;
  maskUrl(url: string): void;
  redact(text: string): string;
}

/** A shorter text would hide ordinary words and digits everywhere. */
const SHORTEST = 4;

/** `tell` is the runner's `::add-mask::`, which takes no value of several lines. */
export function createMasker(tell: (value: string) => void): Masker {
  const known = new Set<string>();
  const mask = (value: string): void => {
    for (const line of [value, ...value.split(/\r?\n/)].map((text) => text.trim())) {
      if (line.length < SHORTEST || known.has(line)) continue;
      // The parts of a PEM that every key has would make all others unreadable.
      if (line.startsWith('-----')) continue;
      known.add(line);
      if (!/[\r\n]/.test(line)) tell(line);
    }
  };
  return {
    mask,
    maskUrl: (url) => {
      mask(url);
      const password = URL.parse(url)?.password ?? '';
      mask(password);
      mask(decode(password));
    },
    redact: (text) => {
      let clean = text;
      // The longest first: a secret may be part of another.
      for (const value of [...known].sort((a, b) => b.length - a.length)) clean = clean.replaceAll(value, '***');
      return clean;
    },
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
