import { z } from 'zod';

import { readEarlierRecords } from '../../src/github/earlier-records.ts';
import type { Edge } from '../../src/github/run.ts';
import type { PlanInput } from '../../src/migration/plan.ts';
import {
  activitySchema,
  heatMapOf,
  type ActivityReading,
  type HeatMap,
} from '../../src/migration/quiet-hours.ts';
import { latestSection, type MigrationRecord } from '../../src/migration/record.ts';
import type { Subject } from '../subject.ts';

const copySpeed = z.object({
  speed: z.object({ copyBytesPerSecond: z.number(), parityBytesPerSecond: z.number() }),
});

/** An earlier practice copy tells more than any assumption; there is one when assess runs again on its record. */
export function measuredBefore(record: MigrationRecord): Pick<PlanInput, 'measured'> {
  const copied = latestSection(record, 'migrate-db', copySpeed);
  return copied === undefined ? {} : { measured: copied.speed };
}

/** The week by its activity, and what of it could not be looked at. */
export interface SampledWeek {
  /** Null: too little was sampled. */
  map: HeatMap | null;
  note: string | null;
}

/**
 * From what any phase read of how busy the database was, in this record and in those that earlier runs kept: scheduled runs
 * see the hours of the week. Before there is a migration.yml no run has kept one.
 */
export async function sampledWeek(
  edge: Edge,
  { record, environment }: Pick<Subject, 'record' | 'environment'>,
  isFirstRun: boolean,
): Promise<SampledWeek> {
  const { repository, apiUrl } = edge.environment;
  const token = edge.inputs.optionalSecret('github-token');
  const earlier =
    repository === '' || token === undefined || isFirstRun
      ? { records: [], note: null }
      : await readEarlierRecords({
          repository,
          apiUrl,
          token,
          migrationId: environment.migrationId,
          environment: environment.name,
          now: edge.clock.now(),
          signal: edge.signal,
        });
  if (earlier.note !== null) edge.log.info(earlier.note);
  // A record that went from job to job stands in several artifacts, with the same readings.
  const readings = new Map(
    [record, ...earlier.records].flatMap(readingsIn).map((reading) => [reading.at, reading]),
  );
  return { map: readings.size < 2 ? null : heatMapOf([...readings.values()]), note: earlier.note };
}

function readingsIn({ sections }: MigrationRecord): ActivityReading[] {
  return sections.flatMap(({ data }) => {
    const sampled = z.object({ activity: activitySchema }).safeParse(data);
    return sampled.success ? [sampled.data.activity] : [];
  });
}
