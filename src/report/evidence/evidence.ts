import type { MigrationRecord } from '../../migration/record.ts';
import { formatCount, formatDuration } from '../format.ts';
import { approvalSection, approvedBy, planDigestOf } from './approval.ts';
import { chainSection, headOf } from './chain.ts';
import { checksSection, readChecks } from './checks.ts';
import { comparedSection, provenOf } from './compared.ts';
import { costSection, costsOf, sumOf } from './cost.ts';
import type { Evidence } from './document.ts';
import { forecastSection } from './forecast.ts';
import { latencySection } from './latency.ts';
import { downtimeOf, readMoved } from './moved.ts';
import { lengthOf, timelineSection } from './timeline.ts';
import { verdictOf } from './verdict.ts';

/**
 * What a migration record proves, from the record alone: the same record gives the same evidence, byte for byte, on any
 * machine and any day. Sections of older versions are read as far as they tell; what the record does not hold is left out
 * or said to be unknown, never guessed.
 */
export function evidenceOf(record: MigrationRecord): Evidence {
  const { application, environment, migrationId } = record;
  return {
    title: `${application} (${environment}): from Heroku to DigitalOcean`,
    verdict: verdictOf(record),
    figures: figuresOf(record),
    sections: [
      timelineSection(record),
      approvalSection(record),
      comparedSection(record),
      latencySection(record),
      forecastSection(record),
      costSection(record),
      checksSection(record),
      chainSection(record),
    ].filter((section) => section !== undefined),
    footer: [
      `Migration ${migrationId}`,
      ...withName('plan', planDigestOf(record)),
      ...withName('record', headOf(record)),
      ...withName('written', record.sections.at(-1)?.at),
    ].join(' · '),
  };
}

function withName(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name} ${value}`];
}

/** For whoever reads nothing else. */
function figuresOf(record: MigrationRecord): Evidence['figures'] {
  const moved = readMoved(record);
  const downtime = moved && downtimeOf(moved);
  const proven = provenOf(record);
  const costs = costsOf(record);
  const approver = approvedBy(record);
  const { checks, failures } = readChecks(record);
  const failed = checks.filter(({ state }) => state === 'failed').length + failures.length;
  return [
    ...(downtime === undefined
      ? []
      : [
          {
            label: downtime.held ? 'at most that requests waited' : 'without service',
            value: formatDuration(lengthOf(downtime)),
          },
        ]),
    ...(proven === undefined
      ? []
      : [
          { label: 'rows compared by content', value: formatCount(proven.rows) },
          { label: 'Redis keys compared', value: formatCount(proven.keys) },
          { label: 'jobs carried', value: formatCount(proven.jobs) },
        ]),
    ...(checks.length + failures.length === 0
      ? []
      : [
          {
            label:
              failed === 0 ? 'checks, none failed' : `of ${checks.length + failures.length} checks failed`,
            value: formatCount(failed === 0 ? checks.length : failed),
            tone: failed === 0 ? ('good' as const) : ('bad' as const),
          },
        ]),
    ...(approver ? [{ label: 'approved it', value: approver }] : []),
    ...(costs === undefined
      ? []
      : [{ label: 'a month, before and after', value: `${sumOf(costs.before)} → ${sumOf(costs.after)}` }]),
  ];
}
