import { plainLines } from '../report/escape.ts';

/** What some reader of YAML takes for something else than text. */
const WORDS = /^(y|n|yes|no|on|off|true|false|null)$/i;
const PLAIN = /^[a-z][a-z0-9._/-]*$/i;

/** Text as a value or key of YAML in one line, in quotes where it needs them. */
export function yamlText(text: string): string {
  if (PLAIN.test(text) && !WORDS.test(text)) return text;
  // A string of JSON is one of YAML; the characters that break a line for YAML but not for JSON are written by number.
  return JSON.stringify(text.toWellFormed()).replaceAll(
    /[\u0085\u2028\u2029\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Text behind a `#`: whatever it holds, it cannot end the comment. */
export function yamlComment(text: string): string {
  return plainLines(text).replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}
