/**
 * Something that the user can mend: a wrong input, a missing scope, a refused password. It is shown without a stack
 * and never retried. The message says what was being done, what came back, what state things are in and what to do.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** What this version cannot do yet, said before anything is changed. */
export class NotSupportedError extends ConfigurationError {}

/** The message of anything thrown, never the object itself: client errors carry tokens in their fields. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

const LONGEST_QUOTE = 2_000;

/** What somebody else said, as it may stand in a message of ours: an answer of a megabyte tells no more than its beginning. */
export function quoted(text: string): string {
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE).toWellFormed()}…`;
}

/** A cause as a sentence of a longer message: with one full stop, whether it came with one or not. */
export function asSentence(text: string): string {
  return /[.!?…]$/.test(text.trimEnd()) ? text.trimEnd() : `${text.trimEnd()}.`;
}
