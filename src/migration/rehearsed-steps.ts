import { formatDuration } from '../report/format.ts';
import type { Allowance, ForecastPhase } from './forecast.ts';

/** What a step of a cutover took, milliseconds. */
export interface RehearsedStep {
  name: string;
  milliseconds: number;
}

/** Steps of a cutover that were really made, and where. */
export interface RehearsedSteps {
  /** For the reader: `the cutover of staging of 2026-11-20`. */
  from: string;
  steps: readonly RehearsedStep[];
}

/**
 * Allowances, and the steps of the cutover that they stand for. Names are left to their allowance: another environment has
 * more or fewer of them.
 */
const STAND_FOR: readonly { allowances: readonly string[]; steps: readonly string[] }[] = [
  { allowances: ['Heroku: maintenance mode'], steps: ['maintenance-mode'] },
  { allowances: ['Heroku: dynos end', 'Heroku: parking release'], steps: ['park'] },
  {
    allowances: ['Heroku: dynos end', 'Heroku: the forwarder is released, and let go'],
    steps: ['front-door', 'front-door-forward'],
  },
  { allowances: ['fence: locks on every table'], steps: ['stray-sessions', 'fence'] },
  {
    allowances: ['point of no return and opening'],
    steps: ['prove-held', 'point-of-no-return', 'prove-closed', 'set-old-jobs-aside', 'open-new-side'],
  },
  { allowances: ['capture on the new side, for the way back'], steps: ['reverse-capture'] },
];

/**
 * The steps that no practice copy has, as they are to be expected since a rehearsal made them. The upper end never comes
 * below the allowance: the application's dynos, transactions and data there are not those here. Where a step of a group
 * was not made, or something else stands in this window, its allowances stay as they are.
 */
export function asRehearsed(
  allowed: readonly Allowance[],
  rehearsed: RehearsedSteps | undefined,
): ForecastPhase[] {
  return allowed.map((allowance): ForecastPhase => {
    const found = rehearsed && shareOf(allowance, allowed, rehearsed.steps);
    if (found === undefined) return { ...allowance, basis: 'allowed' };
    const { share, tookMs, steps } = found;
    const expected = Math.round(allowance.expected * share);
    return {
      name: allowance.name,
      low: Math.min(allowance.low, expected),
      expected,
      high: Math.max(allowance.high, Math.round(expected * 1.5)),
      basis: 'measured',
      reason: `${rehearsed?.from ?? ''} took ${formatDuration(tookMs)} for ${steps.join(', ')}; at most what is allowed in any case: ${allowance.reason}`,
    };
  });
}

/** What the steps took, in parts of what all allowances that stand for them would have. */
function shareOf(
  { name }: Allowance,
  allowed: readonly Allowance[],
  made: readonly RehearsedStep[],
): { share: number; tookMs: number; steps: readonly string[] } | undefined {
  for (const { allowances, steps } of STAND_FOR) {
    const group = allowed.filter((one) => allowances.includes(one.name));
    if (!allowances.includes(name) || group.length < allowances.length) continue;
    const found = steps.flatMap((step) => made.filter((one) => one.name === step));
    if (found.length < steps.length) continue;
    const tookMs = found.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    return { share: tookMs / group.reduce((sum, { expected }) => sum + expected, 0), tookMs, steps };
  }
  return undefined;
}
