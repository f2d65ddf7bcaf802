import { formatDuration } from '../../src/report/progress.ts';
import { details, gantt, heading, table } from '../../src/report/summary.ts';
import type { Subject } from '../subject.ts';
import type { Timeline } from './timeline.ts';

const DOWNTIME = [
  'maintenance-mode',
  'park',
  'fence',
  'copy',
  'parity',
  'point-of-no-return',
  'set-old-jobs-aside',
  'open-new-side',
  'smoke',
];

/** Verdict first, then the timeline as a picture, then each step. */
export function cutoverSummary(subject: Subject, moved: Timeline & { changed: boolean }): string {
  const { name } = subject.environment;
  const steps = moved.steps.filter(({ finishedAt }) => finishedAt !== null);
  return [
    heading(`${subject.config.application} (${name}) now runs on DigitalOcean`, 2),
    moved.changed
      ? `Visitors were without service for ${formatDuration(moved.downtimeMs)}, as the runner saw it.`
      : 'It had been cut over before: nothing was changed.',
    gantt(
      'Cutover',
      steps.map((step) => {
        const down = DOWNTIME.includes(step.name) || step.name.startsWith('dns ');
        return {
          section: down ? 'Downtime' : 'While serving',
          name: step.name,
          start: new Date(step.begunAt),
          end: new Date(step.finishedAt ?? step.begunAt),
          kind: down ? 'critical' : 'done',
        };
      }),
    ),
    details(
      'Every step',
      table(
        ['Step', 'Status', { title: 'Took', align: 'right' }],
        steps.map((step) => [
          step.name,
          step.status,
          formatDuration(Date.parse(step.finishedAt ?? step.begunAt) - Date.parse(step.begunAt)),
        ]),
      ),
    ),
    'Heroku is parked, in maintenance mode and closed for writes; `roll-back` returns to it as long as the new side has taken no writes.',
  ].join('\n\n');
}
