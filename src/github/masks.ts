import { encodedForms } from './encoded-forms.ts';

// Below this a mask would blank out words that are no secret (GitHub masks every line that holds the value).
const SHORTEST_MASK = 4;
const SHORTEST_LINE = 8;
/** Who cuts a long text leaves the beginning of what stood in it: of so long a secret, so much of it is one, too. */
const LONG = 200;
const TELLING_PART = 32;

/** The secrets of this process, and the text without them. */
export interface Masks {
  /** Remembers the value and tells it to `onMask`, line by line when it has several. */
  add(value: string): void;
  /** A connection string, and the password in it as written and decoded. */
  addUrl(url: string): void;
  /** Without any of them, as they are or encoded (see encoded-forms.ts), nor the beginning of a long one that was cut. */
  redact(text: string): string;
}

/** `onMask` hands a value on to the runner. */
export function createMasks(onMask: (value: string) => void): Masks {
  const known = new Set<string>();
  /** What is to be found in a text, by its first characters. */
  const wanted = new Map<string, string[]>();

  function want(form: string): void {
    const beginning = form.slice(0, SHORTEST_MASK);
    const alike = wanted.get(beginning);
    if (alike === undefined) wanted.set(beginning, [form]);
    else alike.push(form);
  }

  function add(value: string): void {
    const lines = value.split(/\r?\n|\r/).map((line) => line.trim());
    // A key of many lines: its first and last line, and short ones, are no secret and stand in many texts.
    const secrets = lines.length === 1 ? lines : lines.filter((line) => line.length >= SHORTEST_LINE);
    for (const secret of secrets) {
      if (secret.length < SHORTEST_MASK || known.has(secret) || secret.startsWith('-----')) continue;
      known.add(secret);
      for (const form of [secret, ...encodedForms(secret)]) want(form);
      onMask(secret);
    }
  }

  /** How much of the text from there on is secret. */
  function secretAt(text: string, at: number): number {
    let longest = 0;
    for (const form of wanted.get(text.slice(at, at + SHORTEST_MASK)) ?? []) {
      if (form.length > longest) longest = Math.max(longest, sharedWith(text, at, form));
    }
    return longest;
  }

  function withoutKnown(text: string): string {
    let redacted = '';
    let shown = 0;
    for (let at = 0; at + SHORTEST_MASK <= text.length; at += 1) {
      let end = at + secretAt(text, at);
      if (end === at) continue;
      // One secret may begin inside of another.
      for (let next = at + 1; next < end; next += 1) end = Math.max(end, next + secretAt(text, next));
      redacted += `${text.slice(shown, at)}***`;
      shown = end;
      at = end - 1;
    }
    return redacted + text.slice(shown);
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
    redact: (text) =>
      // Without the colon, with which it would look like a secret again to whoever looks for the shape of one.
      withoutKnown(text).replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/:@]*:[^\s/@]+@/gi, '$1***@'),
  };
}

/** The length of the form where the text holds it there, whole or cut; 0 where it does not. */
function sharedWith(text: string, at: number, form: string): number {
  if (text.startsWith(form, at)) return form.length;
  if (form.length < LONG || !text.startsWith(form.slice(0, TELLING_PART), at)) return 0;
  let shared = TELLING_PART;
  while (shared < form.length && text[at + shared] === form[shared]) shared += 1;
  return shared;
}
