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
import { offersIn, type RecordedOffer } from '../../src/migration/recorded-offer.ts';
import type { Subject } from '../subject.ts';

/** Parts of another version's form tell nothing, and the speeds count all the same. */
const practiceCopy = z.object({
  speed: z.object({ copyBytesPerSecond: z.number(), parityBytesPerSecond: z.number() }),
  redis: z.object({ finalPassMs: z.number(), jobsMs: z.number() }).nullish().catch(null),
  live: z.object({ drainedRows: z.number(), rowsPerSecond: z.number() }).nullish().catch(null),
});

/** A drain of fewer rows tells how long its round trips take, not how many rows it could bring over. */
const ENOUGH_ROWS = 5_000;

/** An earlier practice copy tells more than any assumption; there is one when assess runs again on its record. */
export function measuredBefore(record: MigrationRecord): Pick<PlanInput, 'measured'> {
  const copied = latestSection(record, 'migrate-db', practiceCopy);
  if (copied === undefined) return {};
  const { speed, redis, live } = copied;
  return {
    measured: {
      ...speed,
      ...(redis ? { redis } : {}),
      ...(live && live.drainedRows >= ENOUGH_ROWS ? { drainRowsPerSecond: live.rowsPerSecond } : {}),
    },
  };
}

/** The week by its activity, and what of it could not be looked at. */
export interface SampledWeek {
  /** Null: too little was sampled. */
  map: HeatMap | null;
  note: string | null;
}

/** What assess takes from this record and those that earlier runs of the same environment kept. */
export interface EarlierRuns {
  /**
   * From what any phase read of how busy the database was: scheduled runs see the hours of the week. Before there is a
   * migration.yml no run has kept a record.
   */
  week: SampledWeek;
  offers: RecordedOffer[];
}

/** Needs `actions: read`; what cannot be read is a note of the week, and a line of the log. */
export async function earlierRuns(
  edge: Edge,
  { record, environment }: Pick<Subject, 'record' | 'environment'>,
  isFirstRun: boolean,
): Promise<EarlierRuns> {
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
  const records = [record, ...earlier.records];
  // A record that went from job to job stands in several artifacts, with the same readings.
  const readings = new Map(records.flatMap(readingsIn).map((reading) => [reading.at, reading]));
  const map = readings.size < 2 ? null : heatMapOf([...readings.values()]);
  return { week: { map, note: earlier.note }, offers: offersIn(records) };
}

function readingsIn({ sections }: MigrationRecord): ActivityReading[] {
  return sections.flatMap(({ data }) => {
    const sampled = z.object({ activity: activitySchema }).safeParse(data);
    return sampled.success ? [sampled.data.activity] : [];
  });
}
