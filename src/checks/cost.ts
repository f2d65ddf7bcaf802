import type { Cost } from '../migration/cost.ts';
import type { Check } from './result.ts';

/** What Heroku bills for at this moment. */
export interface StillPaid {
  what: string;
  /** US dollars a month; null: Heroku names no price. */
  usd: number | null;
  /** The command that ends it. */
  remove: string;
}

/** What both sides cost, and what is still being paid for. Money is told: nobody but a person can judge it. */
export function costChecks(
  planned: { before: Cost; after: Cost } | undefined,
  stillPaid: readonly StillPaid[],
  moved: boolean,
): Check[] {
  return [
    ...(planned === undefined
      ? []
      : [
          {
            id: 'cost/both-sides',
            area: 'cost',
            what: 'What both sides cost a month',
            found: `${money(planned.before)} on Heroku before, ${money(planned.after)} with DigitalOcean by the plan`,
            state: 'told',
          } as const,
        ]),
    ...(moved ? [paidFor(stillPaid)] : []),
  ];
}

function paidFor(stillPaid: readonly StillPaid[]): Check {
  const sum = stillPaid.reduce((total, { usd }) => total + (usd ?? 0), 0);
  const unknown = stillPaid.some(({ usd }) => usd === null);
  const lines = stillPaid.map(
    ({ what, usd }) => `${what} (${usd === null ? 'no price named' : `$${usd.toFixed(2)}`})`,
  );
  const base = { id: 'cost/still-paid', area: 'cost', what: 'What is still paid for at Heroku' } as const;
  if (stillPaid.length === 0) return { ...base, found: 'nothing any more', state: 'passed' };
  return {
    ...base,
    found: `${unknown ? 'at least ' : ''}$${sum.toFixed(2)} a month: ${lines.join(', ')}`,
    state: 'told',
    remedy: `It keeps the way back open. When that is not needed any more: ${stillPaid.map(({ remove }) => `\`${remove}\``).join(', ')}.`,
  };
}

function money({ usdPerMonth, complete }: Pick<Cost, 'usdPerMonth' | 'complete'>): string {
  return `${complete ? '' : 'at least '}$${usdPerMonth.toFixed(2)}`;
}
