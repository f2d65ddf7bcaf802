import { details, heading, table } from '../../src/report/summary.ts';

/** One thing that exists on DigitalOcean, or would. */
export interface Resource {
  kind: string;
  name: string;
  change: 'created' | 'changed' | 'kept' | 'to create' | 'to change' | 'not ready';
  detail: string;
  usdPerMonth: number | null;
}

export interface ProvisionReport {
  changed: boolean;
  resources: Resource[];
  /** Folded below the table: config vars and what became of them, live parts that were kept. */
  notes: { title: string; rows: string[][] }[];
}

export function provisionSummary(stage: string, outcome: string, report: ProvisionReport): string {
  return [
    heading(`Provision ${stage}: ${outcome}`, 2),
    table(
      ['What', 'Name', 'Change', 'Detail', { title: 'USD a month', align: 'right' }],
      report.resources.map(({ kind, name, change, detail, usdPerMonth }) => [
        kind,
        name,
        change,
        detail,
        usdPerMonth === null ? '' : usdPerMonth.toFixed(2),
      ]),
    ),
    ...report.notes
      .filter(({ rows }) => rows.length > 0)
      .map(({ title, rows }) =>
        details(
          `${title} (${rows.length})`,
          table(
            ['Name', 'Becomes', 'Why'],
            rows.map((row) => [row[0] ?? '', row[1] ?? '', row[2] ?? '']),
          ),
        ),
      ),
  ].join('\n\n');
}
