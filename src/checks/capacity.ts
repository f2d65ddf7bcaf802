import type { CapacityConfig } from '../migration/capacity-config.ts';
import type { CapacityReport, ComparedRead } from '../postgres/capacity.ts';
import { formatBytes, formatCount, formatDuration } from '../report/format.ts';
import { shorten } from '../report/escape.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';

/** What the comparison of expensive reads means, as checks: each read by itself, and what the comparison rests on. */
export function capacityChecks(report: CapacityReport, { factor, statements }: CapacityConfig): Check[] {
  if (statements === 0) return [none('turned off by `capacity.statements: 0` in migration.yml')];
  if (!report.known)
    return [
      none(
        'Heroku keeps no statements here (the extension pg_stat_statements is not installed), so nothing tells which reads are expensive',
      ),
    ];
  if (report.compared.length + report.left.length === 0)
    return [none('Heroku remembers no read of the application')];
  return [
    comparison(report),
    ...report.compared.map((read) => compared(read, factor)),
    ...report.left
      .filter(({ failed }) => failed)
      .map(({ id, text, reason }) =>
        judged(readId(id), 'capacity', readName(text), {
          passed: false,
          found: reason,
          remedy: SLOW,
        }),
      ),
    ...notCompared(report),
    ...grounds(report),
  ];
}

const SLOW =
  'Look at its plan on both sides (an index or statistics may be missing), or set a larger `postgres.size`. What is acceptable is `capacity.factor` in migration.yml.';

/** Nothing to judge by: whoever approves must know that nobody looked. */
function none(found: string): Check {
  return {
    id: 'capacity/reads',
    area: 'capacity',
    what: 'The most expensive reads are quick enough on the new side',
    found: `not compared: ${found}`,
    state: 'told',
  };
}

function comparison({ compared: reads, left, milliseconds, warmed }: CapacityReport): Check {
  const share = reads.reduce((sum, one) => sum + one.share, 0);
  return judged('capacity/reads', 'capacity', 'The most expensive reads were run on both sides', {
    passed: reads.length > 0,
    found:
      `${reads.length} of ${reads.length + left.length}, with ${Math.round(share * 100)} % of the time that Heroku spends on reads, in ${formatDuration(milliseconds)}` +
      (warmed === null || warmed.tables === 0
        ? ''
        : `; ${warmed.tables} tables (${formatBytes(warmed.bytes)}) brought into memory by ${warmed.how}${warmed.left > 0 ? `, ${warmed.left} not in time` : ''}`),
    remedy:
      'Raise `capacity.time-limit` or see below why none could be run; `capacity.statements: 0` decides to go without.',
  });
}

function compared(
  { id, text, calls, share, cold, warm, fetched, plans, slower }: ComparedRead,
  factor: number,
): Check {
  return judged(readId(id), 'capacity', readName(text), {
    passed: !slower,
    found: [
      `${milliseconds(warm.source)} on Heroku, ${milliseconds(warm.target)} on DigitalOcean${slower ? `: more than ${factor} times as long` : ''}`,
      `cold ${milliseconds(cold.source)} and ${milliseconds(cold.target)} (${formatCount(fetched.source)} and ${formatCount(fetched.target)} blocks fetched)`,
      `${formatCount(calls)} calls, ${Math.round(share * 100)} % of the time of reads`,
      ...(plans === null
        ? ['the same plan']
        : [
            `Heroku: ${plans.source.join(', ') || 'no table'}; DigitalOcean: ${plans.target.join(', ') || 'no table'}`,
          ]),
    ].join('; '),
    remedy: SLOW,
  });
}

function notCompared({ left }: CapacityReport): Check[] {
  const quiet = left.filter(({ failed }) => !failed);
  if (quiet.length === 0) return [];
  return [
    {
      id: 'capacity/not-compared',
      area: 'capacity',
      what: 'Reads that were not compared',
      found: quiet
        .slice(0, 20)
        .map(({ text, share, reason }) => `${readName(text, 80)} (${Math.round(share * 100)} %): ${reason}`)
        .join('; '),
      state: 'told',
    },
  ];
}

/** A comparison against half a copy, or by plans that know nothing of the tables, says nothing. */
function grounds({ unanalyzed, smaller, compared: reads }: CapacityReport): Check[] {
  if (reads.length === 0) return [];
  return [
    judged('capacity/statistics', 'capacity', 'The new side knows the tables that are read most', {
      passed: unanalyzed.length === 0,
      found:
        unanalyzed.length === 0 ? 'all have statistics' : `none of ${unanalyzed.slice(0, 20).join(', ')}`,
      remedy: 'Run `ANALYZE` on the new database and this again: without statistics Postgres guesses.',
    }),
    judged('capacity/size', 'capacity', 'The new side holds as much as the old one', {
      passed: smaller.length === 0,
      found: smaller.length === 0 ? 'it does' : `less than half of ${smaller.slice(0, 20).join(', ')}`,
      remedy: 'Copy again: reads of a smaller table tell nothing of production.',
    }),
  ];
}

function readId(id: string): string {
  return `capacity/read/${id}`;
}

/** The beginning of a statement. Constants that the server had not taken out could be anybody's data: they are masked. */
function readName(text: string, length = 160): string {
  const plain = text
    .replaceAll(/\/\*[^]*?\*\//g, ' ')
    .replaceAll(/'(?:[^']|'')*'/g, "'…'")
    .replaceAll(/\$(\w*)\$[^]*?\$\1\$/g, "'…'")
    .replaceAll(/(?<![\w$])\d{3,}(?!\w)/g, '…')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return shorten(plain, length);
}

/** Reads take fractions of a millisecond. */
function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(value < 1 ? 2 : 1)} ms` : formatDuration(value);
}
