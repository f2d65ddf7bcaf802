import { DAYS, quietestWindow, type QuietWindow } from '../../src/migration/quiet-hours.ts';
import { heatMap } from '../../src/report/heat-map.ts';
import { heading, paragraph } from '../../src/report/summary.ts';
import type { SampledWeek } from './earlier-runs.ts';

/** The week by its activity, as earlier runs sampled it, and the window that it proposes. */
export function when({ map, note }: SampledWeek): string[] {
  const gap = note === null ? [] : [paragraph(note)];
  if (map === null || map.covered === 0) return gap.length === 0 ? [] : [heading('When', 3), ...gap];
  const quiet = quietestWindow(map);
  return [
    heading('When', 3),
    paragraph(
      quiet === undefined
        ? 'Not enough of the week has been sampled yet to propose a window.'
        : `Proposed window: ${windowText(quiet)}.`,
    ),
    paragraph(
      `Transactions a second by the hour, in UTC; ${Math.round(map.covered * 100)} % of the week has been sampled.`,
    ),
    heatMap(DAYS.map((day, index) => ({ label: day, cells: map.perSecond[index] ?? [] }))),
    ...gap,
  ];
}

function windowText(quiet: QuietWindow): string {
  const { day, hour, hours, perSecond, share, writesPerSecond, queued, requests } = quiet;
  const clock = (at: number): string => `${String(at % 24).padStart(2, '0')}:00`;
  const end = hour + hours;
  const next = DAYS[(DAYS.indexOf(day) + 1) % DAYS.length] ?? day;
  return [
    `${day} from ${clock(hour)} to ${end >= 24 ? `${next} ` : ''}${clock(end)} UTC`,
    `${perSecond.toFixed(1)} transactions a second, ${Math.round(share * 100)} % of the average`,
    ...(writesPerSecond === null ? [] : [`${writesPerSecond.toFixed(1)} rows written a second`]),
    ...(requests === null ? [] : [`${requests.toFixed(1)} requests a second`]),
    ...(queued === null ? [] : [`${queued.toFixed(1)} jobs waiting`]),
  ].join('; ');
}
