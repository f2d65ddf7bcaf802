/** Whose settings a check looks at; in this order they are told, and mended. */
export const areas = [
  'migration.yml',
  'Heroku',
  'Migration key',
  'DigitalOcean',
  'DNS',
  'GitHub',
  'Runner',
] as const;
export type Area = (typeof areas)[number];

/** `unknown`: it could not be seen. That is never taken for a yes. */
export type State = 'ok' | 'missing' | 'unknown';

/** One thing that a migration needs, as it was found. It holds no secret. */
export interface Check {
  area: Area;
  what: string;
  state: State;
  /** What was seen, or why nothing was. */
  seen: string;
  /** The command or the settings page that mends it; empty when there is nothing to mend. */
  mend: string;
  /**
   * Whether a phase would refuse for want of it. A want of what no phase insists on is told and fails nothing, and so is
   * what only the doctor cannot see: the phase that needs it has another token.
   */
  required: boolean;
}

export function ok(area: Area, what: string, seen: string): Check {
  return { area, what, state: 'ok', seen, mend: '', required: true };
}

/** A phase would refuse. */
export function missing(area: Area, what: string, seen: string, mend: string): Check {
  return { area, what, state: 'missing', seen, mend, required: true };
}

/** It could be better, and no phase insists on it. */
export function wanting(area: Area, what: string, seen: string, mend: string): Check {
  return { area, what, state: 'missing', seen, mend, required: false };
}

/** It could not be seen, and that alone makes no phase refuse. */
export function unknown(area: Area, what: string, seen: string, mend: string): Check {
  return { area, what, state: 'unknown', seen, mend, required: false };
}

/** It could not be seen, and a phase that asks the same with the same token would refuse. */
export function unanswered(area: Area, what: string, seen: string, mend: string): Check {
  return { area, what, state: 'unknown', seen, mend, required: true };
}

/** What a phase would refuse for, in the order in which it is best mended. */
export function problemsIn(checks: readonly Check[]): Check[] {
  return inOrder(checks).filter(({ state, required }) => required && state !== 'ok');
}

/** Area by area; within one as they were made. */
export function inOrder(checks: readonly Check[]): Check[] {
  return areas.flatMap((area) => checks.filter((check) => check.area === area));
}
