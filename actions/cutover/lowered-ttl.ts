import { z } from 'zod';

import type { StepRow } from '../../src/migration/journal.ts';

/** Where the journal keeps what `provision` did to the records' lifetime. */
export const LOWERING_PHASE = 'provision application';
/** One step a name. */
export const LOWERING_STEP = 'dns-ttl ';

export const ttlSchema = z.object({ ttl: z.number().nullable() });

/**
 * Until when a resolver may still keep the record with its old lifetime; `undefined` when nothing was lowered, so that
 * nobody has it.
 */
export function oldLifetimeEnds(domain: string, rows: readonly StepRow[]): Date | undefined {
  const row = rows.findLast(
    ({ name, status }) => name === `${LOWERING_STEP}${domain}` && (status === 'done' || status === 'intent'),
  );
  if (row === undefined) return undefined;
  const before = ttlSchema.safeParse(row.prior).data?.ttl ?? null;
  const after = ttlSchema.safeParse(row.result).data?.ttl ?? null;
  if (before === null || before === after) return undefined;
  return new Date((row.finishedAt ?? row.begunAt).getTime() + before * 1000);
}
