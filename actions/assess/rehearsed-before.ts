import { z } from 'zod';

import { readEarlierRecords } from '../../src/github/earlier-records.ts';
import type { Edge } from '../../src/github/run.ts';
import type { EnvironmentConfig, MigrationConfig } from '../../src/migration/config.ts';
import type { PlanInput } from '../../src/migration/plan.ts';
import { latestSection, type MigrationRecord } from '../../src/migration/record.ts';
import { offersIn, type RecordedOffer } from '../../src/migration/recorded-offer.ts';
import { depths, rehearsalOutcomes } from '../../src/migration/rehearsal-record.ts';
import type { RehearsedSteps } from '../../src/migration/rehearsed-steps.ts';
import { formatDuration } from '../../src/report/format.ts';
import { measuredBefore } from './earlier-runs.ts';

/** What earlier rehearsals measured, for the forecast, in words how far off they were, and what their clusters offer. */
export interface RehearsedBefore {
  measured: Pick<PlanInput, 'measured'>;
  told: string[];
  offers: RecordedOffer[];
}

const cutover = z.object({
  outcome: z.literal('moved'),
  steps: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      begunAt: z.iso.datetime(),
      finishedAt: z.iso.datetime().nullable(),
    }),
  ),
});

const section = z.object({
  depth: z.enum(depths),
  outcome: z.enum(rehearsalOutcomes),
  figures: z.object({
    forecast: z.object({ expected: z.number() }).nullable(),
    downtimeMs: z.number().nullable(),
    off: z.number().nullable(),
  }),
});

/** As long as artifacts are kept; and the newest few of them. */
const LOOKED_BACK = { days: 90, most: 4 };

/**
 * From the newest rehearsal of this environment on a throw-away target the speeds of its copy, and from the newest full one
 * what the steps of its cutover took, and how far off the forecast was. Needs `actions: read`; what cannot be read is a line of the log, and nothing depends on it but
 * a forecast. Before there is a migration.yml nothing was rehearsed.
 */
export async function rehearsedBefore(
  edge: Edge,
  config: MigrationConfig,
  environment: EnvironmentConfig,
): Promise<RehearsedBefore> {
  const copied = environment.protected ? 'shadow' : 'copy';
  const own = environment.throwAway?.of ?? environment.migrationId;
  // A cutover is tried where nobody has to approve it.
  const staging = environment.protected
    ? Object.values(config.environments).find((one) => !one.protected)
    : { name: environment.name, migrationId: own };
  const [copies, cutovers] = await Promise.all([
    read(edge, `migration-record-${environment.name}-${copied}`, environment.name, `${own}-${copied}`),
    staging === undefined
      ? []
      : read(edge, `migration-record-${staging.name}`, staging.name, staging.migrationId),
  ]);
  const newest = byTime(copies)[0];
  const rehearsed = lastCutover(cutovers);
  const measured = {
    ...(newest === undefined ? {} : measuredBefore(newest).measured),
    ...(rehearsed === undefined ? {} : { rehearsed }),
  };
  return {
    measured: Object.keys(measured).length === 0 ? {} : { measured },
    told: [...lastOf(copies, copied), ...lastOf(cutovers, 'full')],
    offers: offersIn([...copies, ...cutovers]),
  };
}

async function read(
  edge: Edge,
  artifact: string,
  environment: string,
  migrationId: string,
): Promise<MigrationRecord[]> {
  const { repository, apiUrl } = edge.environment;
  const token = edge.inputs.optionalSecret('github-token');
  if (repository === '' || token === undefined) return [];
  const { records, note } = await readEarlierRecords({
    repository,
    apiUrl,
    token,
    migrationId,
    environment,
    artifact,
    ...LOOKED_BACK,
    now: edge.clock.now(),
    signal: edge.signal,
  });
  if (note !== null) edge.log.info(note);
  return records;
}

function byTime(records: readonly MigrationRecord[]): MigrationRecord[] {
  const at = ({ sections }: MigrationRecord): number => Date.parse(sections.at(-1)?.at ?? '');
  return records.filter(({ sections }) => sections.length > 0).sort((a, b) => at(b) - at(a));
}

/** What each step of the newest cutover took; one that was left and done again counts from its last beginning. */
function lastCutover(records: readonly MigrationRecord[]): RehearsedSteps | undefined {
  for (const record of byTime(records)) {
    const moved = latestSection(record, 'cutover', cutover);
    if (moved === undefined) continue;
    const steps = moved.steps.flatMap(({ name, status, begunAt, finishedAt }) =>
      status === 'done' && finishedAt !== null
        ? [{ name, milliseconds: Date.parse(finishedAt) - Date.parse(begunAt), finishedAt }]
        : [],
    );
    const day = steps.at(-1)?.finishedAt.slice(0, 10);
    if (day === undefined) continue;
    return {
      from: `the cutover of ${record.environment} of ${day}`,
      steps: steps.map(({ name, milliseconds }) => ({ name, milliseconds })),
    };
  }
  return undefined;
}

function lastOf(records: readonly MigrationRecord[], depth: string): string[] {
  for (const { at, phase, data } of byTime(records).flatMap(({ sections }) => sections.toReversed())) {
    const found = phase === 'rehearsal' ? section.safeParse(data).data : undefined;
    if (found?.depth !== depth) continue;
    const { forecast, downtimeMs, off } = found.figures;
    const said = forecast === null ? '' : ` It forecast ${formatDuration(forecast.expected)} of downtime`;
    const took =
      downtimeMs === null || off === null
        ? ''
        : `, and it took ${formatDuration(downtimeMs)}: ${Math.round(off * 100)} % of that`;
    return [
      `The last rehearsal (${depth}, ${at.slice(0, 10)}) is "${found.outcome}".${said}${took}${said && '.'}`,
    ];
  }
  return [];
}
