import { z } from 'zod';

import { formatCount, formatDuration } from '../../src/report/format.ts';
import { codeBlock, details, gantt, heading, list, paragraph, table } from '../../src/report/summary.ts';
import type { FailureWords } from '../failed-phase.ts';
import { jobsTable } from '../jobs.ts';
import type { Subject } from '../subject.ts';
import { FRONT_DOOR, FRONT_DOOR_FORWARD } from './front-door-traffic.ts';
import { describeMissed, missedRunsIn } from './missed-runs.ts';
import type { Timeline } from './timeline.ts';

const DOWNTIME = [
  'maintenance-mode',
  'park',
  FRONT_DOOR,
  'fence',
  'return-taken-jobs',
  'copy',
  'parity',
  'final-drain',
  'reverse-capture',
  'count-jobs',
  'point-of-no-return',
  'set-old-jobs-aside',
  'open-new-side',
  FRONT_DOOR_FORWARD,
  'smoke',
];

/** With the front door: from its release until it leads on. */
const HOLDING = DOWNTIME.filter((step) => step !== 'smoke');

/** Verdict first, then the timeline as a picture, then each step. */
export function cutoverSummary(subject: Subject, moved: Timeline & { changed: boolean }): string {
  const { name } = subject.environment;
  const steps = moved.steps.filter(({ finishedAt }) => finishedAt !== null);
  const isFrontDoor = steps.some((step) => step.name === FRONT_DOOR);
  return [
    heading(`${subject.config.application} (${name}) now runs on DigitalOcean`, 2),
    moved.changed
      ? isFrontDoor
        ? `Requests waited for at most ${formatDuration(moved.downtimeMs)}, as the runner saw it${ownTimeToEnd(moved)}; none was turned away by this cutover.`
        : `Visitors were without service for ${formatDuration(moved.downtimeMs)}, as the runner saw it.`
      : 'It had been cut over before: nothing was changed.',
    gantt(
      'Cutover',
      steps.map((step) => {
        const down = isFrontDoor
          ? HOLDING.includes(step.name)
          : DOWNTIME.includes(step.name) || step.name.startsWith('dns ');
        return {
          section: down
            ? isFrontDoor
              ? 'Requests wait'
              : 'Downtime'
            : step.name === 'settle'
              ? 'On the new side'
              : 'While serving',
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
    ...missedPart(moved),
    ...redisPart(moved),
    isFrontDoor
      ? 'On Heroku the forwarder leads late visitors to the new side: leave its web dynos running until nobody comes that way any more. Its database is closed for writes.'
      : 'Heroku is parked, in maintenance mode and closed for writes.',
    `**The way back is open.** What is written here is logged, and \`roll-back\` brings all of it to Heroku. Let \`catch-up\` run on its schedule: without it the log ends after ${formatDuration(subject.config.live.leaseMs)}, and the way back with it.`,
  ].join('\n\n');
}

function ownTimeToEnd({ oldReleaseEndedAfterMs: took }: Timeline): string {
  return took === null ? '' : `, ${formatDuration(took)} of it until the old release's dynos had ended`;
}

/** Scheduled jobs that neither side ran at their time; first what a person must do. */
function missedPart({ missedRuns }: Timeline): string[] {
  const runs = missedRunsIn(missedRuns);
  if (runs.length === 0) return [];
  const byHand = runs.filter(({ outcome }) => outcome === 'by-hand');
  return [
    heading('Scheduled jobs that were due meanwhile', 3),
    ...byHand.map(({ name, due, why, shell, command }) =>
      [
        paragraph(
          `Run ${name} once by hand. It was due at ${due.join(', ')}. Nobody else does: ${why ?? ''}.`,
        ),
        codeBlock(shell === null ? command : `${shell}\n${command}`),
      ].join('\n'),
    ),
    list(runs.filter((run) => !byHand.includes(run)).map(describeMissed)),
  ];
}

const followed = z.object({ caughtUp: z.object({ compared: z.number() }) });
const lastPass = z.object({
  keys: z.number(),
  deleted: z.number(),
  how: z.enum(['changes', 'everything']),
  reason: z.string().nullable(),
  paused: z.boolean(),
  milliseconds: z.number(),
});
const counted = z.object({ counts: z.array(z.object({ name: z.string(), size: z.number() })) });

/** What moved of Redis, before and inside the fence, and the jobs that were counted; nothing for an app without one. */
function redisPart({ redis, redisPass, jobs }: Timeline): string[] {
  const before = followed.safeParse(redis).data?.caughtUp;
  const pass = lastPass.safeParse(redisPass).data;
  const counts = counted.safeParse(jobs).data?.counts ?? [];
  if (before === undefined || pass === undefined) return [];
  const looked =
    pass.how === 'changes'
      ? 'only what had changed was looked at'
      : `all keys were compared (${pass.reason ?? 'nothing tells what changes'})`;
  return [
    paragraph(
      `Redis: ${formatCount(before.compared)} keys were compared while the site served. Inside the fence ${formatCount(pass.keys)} moved and ` +
        `${formatCount(pass.deleted)} were deleted in ${formatDuration(pass.milliseconds)}; ${looked}, and writers ${pass.paused ? 'were' : 'could not be'} held.`,
    ),
    ...(counts.length === 0
      ? []
      : [details('Jobs, equal on both sides before the switch', jobsTable(counts))]),
  ];
}

/** What holds after a cutover that failed. */
export const CUTOVER_FAILED: FailureWords = {
  refused: {
    verdict: 'the cutover did not begin',
    now: 'Nothing was touched by this run.',
  },
  undone: {
    verdict: 'the cutover was undone, Heroku serves as before',
    now: 'Heroku takes writes and visitors; the new side stays closed. Mend the reason and begin anew.',
  },
  unfinished: {
    verdict: 'the cutover stopped after its point of no return',
    now:
      'Heroku is closed for good and nothing is lost, but the move is not finished. Mend the reason and run the same ' +
      'job again: it goes on from the step that failed. `roll-back` is the other way.',
  },
  superseded: {
    verdict: 'another run has taken the cutover over',
    now: 'This run touched nothing after it noticed. Look at the other run.',
  },
  stuck: {
    verdict: 'the cutover is half done, somebody must look now',
    now:
      'Heroku may stand in maintenance mode. Mend the reason and run the same job again: it reads the journal and goes ' +
      'on, or goes on undoing. `roll-back` does so, too.',
  },
};
