import { escapeHtml } from '../escape.ts';
import { formatDuration } from '../format.ts';
import type { Timeline, TimelineBar } from './document.ts';

// One strip a step, each as wide as its column and measured in percent: the picture keeps its letters' size on a phone,
// where one drawing with a view box would shrink them, and names break into lines as text does.

/** Readable steps of an axis, milliseconds. */
const STEPS = [
  ...[100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000],
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440].map((minutes) => minutes * 60_000),
];
const MOST_TICKS = 5;
const LEAST_WIDTH = 0.4;

/** A timeline as a list of strips; nothing without bars. */
export function ganttSvg(timeline: Timeline): string {
  const { title, bars, downtime, moments } = timeline;
  const [first] = bars;
  if (first === undefined) return '';
  const begin = Math.min(...bars.map(({ from }) => from.getTime()));
  const end = Math.max(begin + 1, ...bars.map(({ to }) => to.getTime()));
  const place = (at: Date): number => clamp(((at.getTime() - begin) / (end - begin)) * 100);
  const ticks = ticksOf(end - begin);
  const grid = ticks
    .map((tick) => line('grid', percent((tick / (end - begin)) * 100)))
    .concat(
      moments
        .filter(({ at }) => at.getTime() >= begin && at.getTime() <= end)
        .map(({ at }) => line('moment', percent(place(at)))),
    )
    .join('');
  const window =
    downtime === undefined ? '' : rect('window', place(downtime.from), place(downtime.to), '0', '100%');
  const row = (bar: TimelineBar): string =>
    `<li class="${bar.tone}"><span>${escapeHtml(bar.name)}</span>` +
    `<svg aria-hidden="true">${window}${grid}${rect(`bar ${bar.tone}`, place(bar.from), place(bar.to), '28%', '44%')}</svg>` +
    `<span>${escapeHtml(bar.told)}</span></li>`;
  return [
    '<figure class="timeline">',
    `<figcaption>${escapeHtml(title)}</figcaption>`,
    `<ol><li class="axis" aria-hidden="true"><span></span><svg>${axis(ticks, end - begin)}</svg><span></span></li>`,
    ...bars.map(row),
    '</ol>',
    legend(timeline),
    '</figure>',
  ].join('\n');
}

/** Numbers of milliseconds since the beginning. */
function ticksOf(length: number): number[] {
  const step = STEPS.find((one) => length / one <= MOST_TICKS) ?? Math.ceil(length / MOST_TICKS);
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step);
}

function axis(ticks: readonly number[], length: number): string {
  return ticks
    .map((tick) => {
      const at = (tick / length) * 100;
      // The last one would reach over the edge.
      const anchor = at > 90 ? 'end' : at < 5 ? 'start' : 'middle';
      return `<text x="${percent(at)}" y="16" text-anchor="${anchor}">${tick === 0 ? '0' : shortDuration(tick)}</text>`;
    })
    .join('');
}

/** "5.0 s" is "5 s" on an axis. */
function shortDuration(milliseconds: number): string {
  return formatDuration(milliseconds)
    .replace(/\.0 s$/, ' s')
    .replace(/ 0 (s|min)$/, '');
}

function rect(name: string, from: number, to: number, y: string, height: string): string {
  const width = Math.max(LEAST_WIDTH, to - from);
  return `<rect class="${name}" x="${percent(Math.min(from, 100 - LEAST_WIDTH))}" y="${y}" width="${percent(width)}" height="${height}"/>`;
}

function line(name: string, x: string): string {
  return `<line class="${name}" x1="${x}" x2="${x}" y1="0" y2="100%"/>`;
}

function legend({ bars, downtime, moments }: Timeline): string {
  const tones = new Set(bars.map(({ tone }) => tone));
  const key = (shape: string, words: string): string =>
    `<span><svg aria-hidden="true">${shape}</svg>${escapeHtml(words)}</span>`;
  const square = (name: string): string => `<rect class="${name}" width="100%" height="100%"/>`;
  return `<p class="legend">${[
    ...(tones.has('serving') ? [key(square('serving'), 'while a side serves')] : []),
    ...(downtime === undefined
      ? []
      : [
          key(
            square(tones.has('down') ? 'down' : 'window'),
            downtime.held ? 'requests wait' : 'without service',
          ),
        ]),
    ...(tones.has('undone') ? [key(square('undone'), 'until it was undone')] : []),
    ...(tones.has('failed')
      ? [
          `<span class="failed"><svg aria-hidden="true"><rect class="bar" width="100%" height="100%"/></svg>failed</span>`,
        ]
      : []),
    ...moments.slice(0, 3).map(({ name }) => key(line('moment', '50%'), name)),
  ].join('')}</p>`;
}

function percent(value: number): string {
  return `${Number(clamp(value).toFixed(2))}%`;
}

function clamp(value: number): number {
  return Number.isFinite(value) ? Math.min(100, Math.max(0, value)) : 0;
}
