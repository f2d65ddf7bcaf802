import type { ClusterOffer } from '../../src/migration/recorded-offer.ts';
import { details, heading, list, paragraph, table } from '../../src/report/summary.ts';
import type { SecretRead } from './buildpack-secrets.ts';
import { tellDifference, type PriceLine } from './prices.ts';
import { totalOf, type Resource } from './resource.ts';

export interface ProvisionReport {
  changed: boolean;
  /** Intended against actual, as it was found before anything was done. */
  resources: Resource[];
  /** Folded below the table: config vars and what became of them, live parts that were kept. */
  notes: { title: string; rows: string[][] }[];
  /** What costs another sum than assess promised. */
  priceDifferences: PriceLine[];
  /** What a dyno was asked for in this run. */
  secretsRead?: SecretRead[];
  /** A keyed digest of each variable of the app, by which verify tells whether a secret is still the same. */
  sent?: { name: string; digest: string }[];
  /** What the cluster says that it offers. */
  offered?: ClusterOffer;
}

const VERDICTS: Record<string, string> = {
  planned: 'This was a dry run: nothing was changed.',
  unchanged: 'Everything was there already: nothing was changed.',
  done: 'What the plan says exists now. The column "Change" tells what was done.',
};

/** Verdict, the diff with its prices and their total, what drifted, prices that differ, and detail folded away. */
export function provisionSummary(stage: string, outcome: string, report: ProvisionReport): string {
  const drifted = report.resources.filter(({ change }) => change === 'drift');
  return [
    heading(`Provision ${stage}: ${outcome}`, 2),
    paragraph(VERDICTS[outcome] ?? ''),
    resourceTable(report.resources),
    ...(drifted.length === 0
      ? []
      : [
          heading('Not as planned, and not changed by this', 3),
          list(drifted.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`)),
        ]),
    ...(report.priceDifferences.length === 0
      ? []
      : [heading('Other prices than promised', 3), list(report.priceDifferences.map(tellDifference))]),
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

function resourceTable(resources: readonly Resource[]): string {
  return table(
    ['Change', 'What', 'Name', 'Detail', { title: 'USD a month', align: 'right' }],
    [
      ...resources.map(({ change, kind, name, detail, usdPerMonth }) => [
        change,
        kind,
        name,
        detail,
        usdPerMonth === null ? '' : usdPerMonth.toFixed(2),
      ]),
      ['', 'Total', '', '', totalOf(resources).toFixed(2)],
    ],
  );
}
