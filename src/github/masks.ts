// Below this a mask would blank out words that are no secret (GitHub masks every line that holds the value).
const SHORTEST_MASK = 4;
const SHORTEST_LINE = 8;

/** The secrets of this process, and the text without them. */
export interface Masks {
  /** Remembers the value and tells it to `onMask`, line by line when it has several. */
  add(value: string): void;
  /** A connection string, and the password in it as written and decoded. */
  addUrl(url: string): void;
  redact(text: string): string;
}

/** `onMask` hands a value on to the runner. */
export function createMasks(onMask: (value: string) => void): Masks {
  const known = new Set<string>();
  let longestFirst: string[] = [];

  function add(value: string): void {
    const lines = value.split(/\r?\n/).map((line) => line.trim());
    // A key of many lines: its first and last line, and short ones, are no secret and stand in many texts.
    const secrets = lines.length === 1 ? lines : lines.filter((line) => line.length >= SHORTEST_LINE);
    for (const secret of secrets) {
      if (secret.length < SHORTEST_MASK || known.has(secret) || secret.startsWith('-----')) continue;
      known.add(secret);
      longestFirst = [...known].sort((a, b) => b.length - a.length);
      onMask(secret);
    }
  }

  return {
    add,
    addUrl(url) {
      add(url);
      const password = URL.parse(url)?.password ?? '';
      add(password);
      try {
        add(decodeURIComponent(password));
      } catch {
        // Not percent-encoded after all: what is written was masked above.
      }
    },
    redact(text) {
      let redacted = text;
      for (const secret of longestFirst) redacted = redacted.replaceAll(secret, '***');
      return redacted.replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, '$1***@');
    },
  };
}
