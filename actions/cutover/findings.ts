import { ConfigurationError } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';

/** What was looked at before anything is touched, and how it was found. */
export interface Finding {
  what: string;
  found: string;
  /** What to do about it, before anything may begin; absent when nothing stands in the way. */
  remedy?: string;
  /** What to do about it although it stands in nobody's way: told as a warning. */
  advice?: string;
}

/** Tells all of them, and throws one ConfigurationError that lists those which are not well. */
export function refuseUnlessWell(
  findings: readonly Finding[],
  log: Log,
  subject = 'The cutover',
): { what: string; found: string }[] {
  for (const { what, found, remedy, advice } of findings) {
    if (remedy === undefined && advice !== undefined) log.warning(`${what}: ${found}. ${advice}`);
    else log.info(`${remedy === undefined ? 'ok' : 'NOT OK'}  ${what}: ${found}`);
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
