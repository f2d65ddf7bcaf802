import { z } from 'zod';

import type { MigrationRecord } from '../../migration/record.ts';
import { formatDuration } from '../format.ts';
import type { Cell, Section, Tone } from './document.ts';
import { tableOf } from './document.ts';
import type { Moved } from './moved.ts';
import { downtimeOf, readMoved } from './moved.ts';
import { lengthOf } from './timeline.ts';

const phase = z.object({
  name: z.string(),
  low: z.number(),
  expected: z.number(),
  high: z.number(),
  basis: z.string(),
});
const forecast = z.object({
  low: z.number(),
  expected: z.number(),
  high: z.number(),
  budget: z.number(),
  phases: z.array(phase),
});
const findings = z.array(z.object({ what: z.string(), found: z.string() }));

/** Which steps of the cutover a part of the forecast speaks of; a part that is not here was not measured by itself. */
const STEPS: Record<string, (name: string) => boolean> = {
  'Heroku: maintenance mode': (name) => name === 'maintenance-mode',
  'Heroku: parking release': (name) => name === 'park',
  'fence: locks on every table': (name) => name === 'fence',
  'point of no return and opening': (name) =>
    ['point-of-no-return', 'set-old-jobs-aside', 'open-new-side'].includes(name),
  'DNS: records are changed': (name) => name.startsWith('dns '),
  'capture on the new side, for the way back': (name) => name === 'reverse-capture',
  copy: (name) => name === 'copy',
  parity: (name) => name === 'parity',
  'final drain': (name) => name === 'final-drain',
  'Redis: jobs are looked for and counted': (name) => name === 'count-jobs',
};

/** What was promised before the window, and what it was. */
export function forecastSection(record: MigrationRecord): Section | undefined {
  const moved = readMoved(record);
  if (moved === undefined) return undefined;
  const promised = forecast.safeParse(moved.forecast).data;
  const downtime = downtimeOf(moved);
  const actual = downtime === undefined ? undefined : lengthOf(downtime);
  if (promised === undefined) return inWords(moved, actual);
  // Resolvers keep visitors away after the runner has seen the new side answer: only a measure from outside sees that.
  const seen = promised.phases.filter(({ basis }) => basis !== 'dns');
  const sum = (of: 'low' | 'expected' | 'high'): number => seen.reduce((total, part) => total + part[of], 0);
  return {
    id: 'forecast',
    title: 'Forecast against actual',
    blocks: [
      {
        kind: 'text',
        text:
          actual === undefined
            ? `${formatDuration(promised.expected)} were expected; nobody was kept away.`
            : `Expected were ${formatDuration(sum('expected'))} (${formatDuration(sum('low'))} to ${formatDuration(sum('high'))}), and it was ${formatDuration(actual)}, ${howFarOff(actual, sum('expected'))}. The budget is ${formatDuration(promised.budget)}. The time until resolvers follow is not in these figures: the runner cannot see it.`,
      },
      ...tableOf(
        [
          { title: 'Part of the window' },
          { title: 'At least', align: 'right' },
          { title: 'Expected', align: 'right' },
          { title: 'At most', align: 'right' },
          { title: 'Actual', align: 'right' },
        ],
        [
          ...promised.phases.map((part): Cell[] => [
            part.name,
            ...range(part),
            part.basis === 'dns' ? 'not seen from here' : actualOf(moved, part),
          ]),
          [
            'Together, as the runner sees it',
            ...range({ low: sum('low'), expected: sum('expected'), high: sum('high') }),
            actual === undefined ? '–' : { text: formatDuration(actual), tone: toneOf(actual, sum('high')) },
          ],
        ],
      ),
    ],
  };
}

/** Forecast and actual in one figure each, for the head of the page. */
function howFarOff(actual: number, expected: number): string {
  if (expected <= 0) return 'and nothing was expected';
  const percent = Math.round((actual / expected - 1) * 100);
  return percent === 0
    ? 'as expected'
    : `${Math.abs(percent)} % ${percent < 0 ? 'less' : 'more'} than expected`;
}

function range({ low, expected, high }: { low: number; expected: number; high: number }): string[] {
  return [low, expected, high].map(formatDuration);
}

function actualOf({ steps }: Moved, { name, high }: z.infer<typeof phase>): Cell {
  const isPart = STEPS[name];
  const took = steps.filter((step) => isPart?.(step.name) === true && step.finishedAt !== null);
  if (took.length === 0) return 'not measured by itself';
  const milliseconds = took.reduce(
    (total, { begunAt, finishedAt }) => total + Date.parse(finishedAt ?? begunAt) - Date.parse(begunAt),
    0,
  );
  return { text: formatDuration(milliseconds), tone: toneOf(milliseconds, high) };
}

function toneOf(actual: number, high: number): Tone {
  return actual > high ? 'bad' : 'plain';
}

/** Records before the forecast stood in them by its parts: the pre-flight's sentence. */
function inWords(moved: Moved, actual: number | undefined): Section | undefined {
  const told = findings
    .safeParse(moved.preFlight)
    .data?.find(({ what }) => what === 'forecast of the downtime')?.found;
  if (told === undefined) return undefined;
  return {
    id: 'forecast',
    title: 'Forecast against actual',
    blocks: [
      { kind: 'text', text: told },
      {
        kind: 'text',
        text:
          actual === undefined
            ? 'Nobody was kept away.'
            : `Actual, as the runner saw it: ${formatDuration(actual)}.`,
      },
    ],
  };
}
