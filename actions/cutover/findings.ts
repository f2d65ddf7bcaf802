import { ConfigurationError } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';

/** What was looked at before anything is touched, and how it was found. */
export interface Finding {
  what: string;
  found: string;
  /** What to do about it; absent when all is well. */
  remedy?: string;
}

/** Tells all of them, and throws one ConfigurationError that lists those which are not well. */
export function refuseUnlessWell(
  findings: readonly Finding[],
  log: Log,
  subject = 'The cutover',
): { what: string; found: string }[] {
  for (const { what, found, remedy } of findings) {
    log.info(`${remedy === undefined ? 'ok' : 'NOT OK'}  ${what}: ${found}`);
  }
  const missing = findings.filter(({ remedy }) => remedy !== undefined);
  if (missing.length > 0) {
    throw new ConfigurationError(
      [
        `${subject} cannot begin; nothing was touched:`,
        ...missing.map(({ what, found, remedy }) => `  ${what}: ${found}. ${remedy ?? ''}`),
      ].join('\n'),
    );
  }
  return findings.map(({ what, found }) => ({ what, found }));
}
