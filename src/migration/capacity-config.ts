import { z } from 'zod';

import { parseDuration } from './duration.ts';
import { DURATION } from './duration.ts';

/** `capacity` in migration.yml. */
export const capacitySchema = z
  .strictObject({
    factor: z
      .number()
      .min(1, { error: 'must be at least 1: the new side may take as long as the old one' })
      .max(100)
      .default(3)
      .describe('How many times as long as on Heroku an expensive read may take on the new side.'),
    statements: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe('How many of the most expensive reads are compared; 0 for none.'),
    'time-limit': z
      .string({ error: 'must be a duration in quotes or with a unit, such as 60s or 5m' })
      .regex(DURATION, { error: 'must be a duration such as 500ms, 60s, 5m or 1h' })
      .default('60s')
      .describe('How long all of it may take: they run on the database that serves.'),
  })
  .prefault({})
  .describe(
    'What the new side must be able to bear: the most expensive reads, run on both sides after the copy.',
  );

/** Of the comparison of expensive reads; times in milliseconds. */
export interface CapacityConfig {
  factor: number;
  statements: number;
  limitMs: number;
}

export function capacityOf(written: z.output<typeof capacitySchema>): CapacityConfig {
  return {
    factor: written.factor,
    statements: written.statements,
    limitMs: parseDuration(written['time-limit']) ?? 0,
  };
}
