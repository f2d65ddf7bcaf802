import { z } from 'zod';

import { HOURS_TO_A_MONTHS_PRICE } from '../../src/doctor/rehearsal-cost.ts';
import type { MigrationRecord } from '../../src/migration/record.ts';

/** What a rehearsal itself cost on DigitalOcean, by its price lists of that hour. */
export interface Cost {
  hours: number;
  usdPerMonth: number;
  usd: number;
  /** False: of something nobody knows the price. */
  complete: boolean;
}

const HOUR_MS = 3_600_000;
const price = z.object({ usdPerMonth: z.number().nullable() });
const removed = z.object({ command: z.literal('destroy'), removed: z.array(price) });
const made = z.object({ stage: z.string(), usdPerMonth: z.number(), resources: z.array(price) });

/**
 * Begun hours from the plan, before anything was made, to the removal, times an hour's price; for a target that stays, to
 * the end of the record. `undefined` when nothing was made.
 */
export function costOf({ sections }: MigrationRecord): Cost | undefined {
  const begun = sections.findLast(({ phase }) => phase === 'assess');
  const from = begun === undefined ? -1 : sections.indexOf(begun);
  const after = sections.slice(from + 1);
  const provisioned = after.filter(({ phase }) => phase === 'provision');
  const gone = provisioned.findLast(({ data }) => removed.safeParse(data).data?.removed.length);
  const stages = provisioned.flatMap(({ data }) => made.safeParse(data).data ?? []);
  const end = gone ?? sections.at(-1);
  if (begun === undefined || end === undefined || (gone === undefined && stages.length === 0))
    return undefined;
  const prices =
    gone === undefined ? stages.flatMap(({ resources }) => resources) : removed.parse(gone.data).removed;
  const usdPerMonth = prices.reduce((sum, { usdPerMonth: usd }) => sum + (usd ?? 0), 0);
  const hours = Math.max(1, Math.ceil((Date.parse(end.at) - Date.parse(begun.at)) / HOUR_MS));
  return {
    hours,
    usdPerMonth,
    usd: Math.round(((usdPerMonth * hours) / HOURS_TO_A_MONTHS_PRICE) * 100) / 100,
    complete:
      prices.length > 0 && (gone === undefined || prices.every(({ usdPerMonth: usd }) => usd !== null)),
  };
}
