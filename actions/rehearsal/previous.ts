import { z } from 'zod';

import { readEarlierRecords } from '../../src/github/earlier-records.ts';
import type { Edge } from '../../src/github/run.ts';
import { depths, rehearsalOutcomes, type Depth } from '../../src/migration/rehearsal-record.ts';
import type { MigrationRecord } from '../../src/migration/record.ts';
import type { Subject } from '../subject.ts';

/** The rehearsal before this one, of the same depth. */
export interface Previous {
  at: string;
  outcome: string;
  /** What it forecast and what it took, milliseconds. */
  expected: number | null;
  downtimeMs: number | null;
}

const section = z.object({
  depth: z.enum(depths),
  outcome: z.enum(rehearsalOutcomes),
  figures: z.object({
    forecast: z.object({ expected: z.number() }).nullable(),
    downtimeMs: z.number().nullable(),
  }),
});
/** As long as artifacts are kept. */
const DAYS = 90;

/** From the records that earlier runs kept; `undefined` for the first one, and when they cannot be read, which is told. */
export async function previousRehearsal(
  edge: Edge,
  { environment }: Subject,
  depth: Depth,
): Promise<Previous | undefined> {
  const { repository, apiUrl, runId } = edge.environment;
  const token = edge.inputs.optionalSecret('github-token');
  if (repository === '' || token === undefined) return undefined;
  const { records, note } = await readEarlierRecords({
    repository,
    apiUrl,
    token,
    migrationId: environment.migrationId,
    environment: environment.name,
    artifact: artifactOf(environment.name, depth),
    days: DAYS,
    now: edge.clock.now(),
    signal: edge.signal,
  });
  if (note !== null) edge.log.info(note);
  return newestIn(records, depth, runId);
}

/** Under which name a rehearsal's record travels: a throw-away target's beside the environment's own. */
function artifactOf(environment: string, depth: Depth): string {
  return depth === 'full' ? `migration-record-${environment}` : `migration-record-${environment}-${depth}`;
}

function newestIn(records: readonly MigrationRecord[], depth: Depth, ownRun: string): Previous | undefined {
  return records
    .flatMap(({ sections }) => sections)
    .filter(({ phase, run }) => phase === 'rehearsal' && run.runId !== ownRun)
    .flatMap(({ at, data }): Previous[] => {
      const found = section.safeParse(data).data;
      if (found?.depth !== depth) return [];
      const { forecast, downtimeMs } = found.figures;
      return [{ at, outcome: found.outcome, expected: forecast?.expected ?? null, downtimeMs }];
    })
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))[0];
}
