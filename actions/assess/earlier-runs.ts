import { z } from 'zod';

import type { PlanInput } from '../../src/migration/plan.ts';
import {
  activitySchema,
  heatMapOf,
  type ActivityReading,
  type HeatMap,
} from '../../src/migration/quiet-hours.ts';
import { latestSection, type MigrationRecord } from '../../src/migration/record.ts';

const copySpeed = z.object({
  speed: z.object({ copyBytesPerSecond: z.number(), parityBytesPerSecond: z.number() }),
});

/** An earlier practice copy tells more than any assumption; there is one when assess runs again on its record. */
export function measuredBefore(record: MigrationRecord): Pick<PlanInput, 'measured'> {
  const copied = latestSection(record, 'migrate-db', copySpeed);
  return copied === undefined ? {} : { measured: copied.speed };
}

/** Whatever phase of this record read how busy the database was: scheduled runs see the hours of the week. */
export function activityOf(record: MigrationRecord): HeatMap | null {
  const readings = record.sections.flatMap(({ data }): ActivityReading[] => {
    const sampled = z.object({ activity: activitySchema }).safeParse(data);
    return sampled.success ? [sampled.data.activity] : [];
  });
  return readings.length < 2 ? null : heatMapOf(readings);
}
