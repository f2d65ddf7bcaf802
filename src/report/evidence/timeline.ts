import type { MigrationRecord } from '../../migration/record.ts';
import { formatDuration } from '../format.ts';
import type { Block, Downtime, Section, Timeline, TimelineBar } from './document.ts';
import { tableOf } from './document.ts';
import type { Moved } from './moved.ts';
import { downtimeOf, readMoved } from './moved.ts';

const WELL = new Set(['done', 'skipped']);
// A cutover that waited for its window, or was continued on another day, would leave only hairlines of the rest.
const ZOOM_BELOW = 0.75;

/** The cutover as a picture: all of it, and the time without service by itself. */
export function timelineSection(record: MigrationRecord): Section | undefined {
  const moved = readMoved(record);
  if (moved === undefined) return undefined;
  const downtime = downtimeOf(moved);
  const bars = barsOf(moved, downtime);
  const moments = moved.steps
    .filter(
      ({ name, status, finishedAt }) =>
        name === 'point-of-no-return' && WELL.has(status) && finishedAt !== null,
    )
    .map(({ finishedAt }) => ({ at: new Date(finishedAt ?? 0), name: 'point of no return' }));
  const whole: Timeline = { kind: 'timeline', title: 'The whole cutover', bars, downtime, moments };
  return {
    id: 'timeline',
    title: 'Timeline',
    blocks: [
      {
        kind: 'text',
        text:
          downtime === undefined
            ? 'Nobody was kept away: no step that stops visitors was taken.'
            : `${downtime.held ? 'Requests waited, and none was turned away by the cutover, for at most' : 'Visitors were without service for'} ${formatDuration(lengthOf(downtime))}, from ${clockTime(downtime.from)} to ${clockTime(downtime.to)} UTC on ${downtime.from.toISOString().slice(0, 10)}, as the runner saw it.`,
      },
      ...(bars.length === 0 ? [] : [whole]),
      ...zoomed(whole),
      stepTable(moved),
    ],
  };
}

/** One bar a step; what never ended is drawn to the end of the last that did. */
function barsOf({ steps }: Moved, downtime: Downtime | undefined): TimelineBar[] {
  const last = steps.reduce(
    (latest, { begunAt, finishedAt }) => Math.max(latest, Date.parse(finishedAt ?? begunAt)),
    0,
  );
  return steps.map(({ name, status, begunAt, finishedAt }) => {
    const from = new Date(begunAt);
    const to = new Date(finishedAt ?? last);
    const down = downtime !== undefined && from >= downtime.from && from < downtime.to;
    return {
      name,
      from,
      to: to < from ? from : to,
      tone: toneOf(status, down),
      told: `${finishedAt === null ? 'not ended' : formatDuration(to.getTime() - from.getTime())}${WELL.has(status) ? '' : `, ${status}`}`,
    };
  });
}

/** What was undone did not fail: another step did, and this is how the way back looks. */
function toneOf(status: string, down: boolean): TimelineBar['tone'] {
  if (!WELL.has(status)) return status === 'undone' ? 'undone' : 'failed';
  return down ? 'down' : 'serving';
}

function zoomed({ bars, downtime, moments }: Timeline): Timeline[] {
  if (downtime === undefined) return [];
  const within = (at: Date): Date => new Date(Math.min(Math.max(+at, +downtime.from), +downtime.to));
  const inside = bars
    .filter(({ from, to }) => to > downtime.from && from < downtime.to)
    .map((bar) => ({ ...bar, from: within(bar.from), to: within(bar.to) }));
  const span =
    Math.max(...bars.map(({ to }) => to.getTime())) - Math.min(...bars.map(({ from }) => from.getTime()));
  if (inside.length === 0 || inside.length === bars.length || lengthOf(downtime) > span * ZOOM_BELOW)
    return [];
  return [
    {
      kind: 'timeline',
      title: downtime.held ? 'While requests waited' : 'The time without service',
      bars: inside,
      downtime,
      moments,
    },
  ];
}

function stepTable({ steps }: Moved): Block {
  return {
    kind: 'folded',
    title: `Every step (${steps.length})`,
    blocks: tableOf(
      [
        { title: 'Step' },
        { title: 'Ended as' },
        { title: 'Begun (UTC)', align: 'right' },
        { title: 'Took', align: 'right' },
      ],
      steps.map(({ name, status, begunAt, finishedAt }) => [
        name,
        WELL.has(status) ? status : { text: status, tone: 'bad' },
        clockTime(new Date(begunAt)),
        finishedAt === null ? 'not ended' : formatDuration(Date.parse(finishedAt) - Date.parse(begunAt)),
      ]),
    ),
  };
}

export function lengthOf({ from, to }: Pick<Downtime, 'from' | 'to'>): number {
  return to.getTime() - from.getTime();
}

function clockTime(at: Date): string {
  return at.toISOString().slice(11, 19);
}
