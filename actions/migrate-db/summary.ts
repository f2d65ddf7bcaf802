import type { Check } from '../../src/checks/result.ts';
import { failedLines } from '../../src/checks/result.ts';
import type { Forecast } from '../../src/migration/forecast.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import type { Lag } from '../../src/postgres/live.ts';
import type { FeedKind } from '../../src/redis/changes.ts';
import { formatBytes, formatCount, formatDuration } from '../../src/report/format.ts';
import { details, heading, list, paragraph, table } from '../../src/report/summary.ts';
import type { FailureWords } from '../failed-phase.ts';
import { jobsTable } from '../jobs.ts';
import type { Subject } from '../subject.ts';
import type { CaughtUp } from './catch-up.ts';
import type { CopiedRedis } from './copied-redis.ts';
import type { Copied } from './copy.ts';

/** What was copied, and what that promises for the cutover. */
export function copySummary(
  copy: Copied,
  forecast: Forecast | undefined,
  checks: readonly Check[] = [],
): string {
  return [
    heading(
      `Copied ${formatCount(copy.tables)} tables (${formatBytes(copy.bytes)}) and ${formatCount(copy.keys)} Redis keys`,
      2,
    ),
    WHAT_NOW[copy.strategy],
    ...(copy.live === undefined ? [] : livePart(copy.live)),
    ...(copy.redis === null ? [] : redisPart(copy.redis)),
    ...(copy.runners === undefined ? [] : [runnersPart(copy.runners)]),
    ...capacityPart(checks),
    ...(forecast === undefined ? [] : [forecast.verdict]),
    forecast === undefined ? measuredTable(copy) : forecastTable(forecast),
    ...(copy.removed.length === 0
      ? []
      : [details(`${copy.removed.length} entries left out, each with its reason`, list(copy.removed))]),
    ...(copy.movedOn.length === 0
      ? []
      : [
          details(
            'Differs, which Heroku may have written since the copy began; only the proof inside the fence can tell',
            list(copy.movedOn),
          ),
        ]),
  ].join('\n\n');
}

/** Which of the runners that shared the copy did what was theirs. */
function runnersPart({ shards, takenOver }: NonNullable<Copied['runners']>): string {
  if (takenOver.length === 0)
    return `${shards} runners copied Postgres together, each of them its whole share.`;
  const left = takenOver.map(
    ({ shard, why, chunks }) =>
      `Shard ${shard} ${why === 'ended' ? 'ended before its share was there' : 'never came or fell silent'}: shard 1 copied ${formatCount(chunks)} of its chunks.`,
  );
  return `Of ${shards} runners that were to copy Postgres together, not all did what was theirs. Nothing is missing; it took longer.\n\n${list(left)}`;
}

/** What the new side would not bear stands open, the rest folded. */
function capacityPart(checks: readonly Check[]): string[] {
  const failed = checks.filter(({ state }) => state === 'failed');
  return [
    ...(failed.length === 0
      ? []
      : [heading('The new side would not bear this', 3), list(failedLines(failed).slice(0, 20))]),
    ...(checks.length === 0
      ? []
      : [
          details(
            `Capacity: ${checks.length - failed.length} of ${checks.length} as it must be`,
            table(
              ['What', 'Seen', 'State'],
              checks.map(({ what, found, state }) => [what, found, state]),
            ),
          ),
        ]),
  ];
}

const WHAT_NOW: Record<Strategy, string> = {
  window:
    'The new side is closed for writes. Every row was compared under the snapshot that was copied. ' +
    'This is a practice copy: the cutover copies Postgres again inside the fence and proves every row. ' +
    'Redis is brought up to date and proven before the fence; inside it only the last changes move.',
  live:
    'The new side is closed for writes and follows Heroku: `catch-up` keeps it in step, and the cutover drains what is left. ' +
    'Redis was copied for practice; the cutover brings it up to date and proves it before the fence, and inside it only the last changes move.',
};

function livePart({ lag, proof, reused, drainedRows, rowsPerSecond }: NonNullable<Copied['live']>): string[] {
  return [
    lagTable(lag),
    table(
      ['While Heroku served', { title: 'Figure', align: 'right' }],
      [
        ['Rows drained after the copy', formatCount(drainedRows)],
        ['Rows drained in a second', formatCount(rowsPerSecond)],
        [`Rows compared by content (${proof.tables} tables)`, formatCount(proof.rows.compared)],
        ['Of these left out, since they changed meanwhile', formatCount(proof.rows.pending)],
        ['Tables and parts reused from an interrupted run', `${reused.tables} and ${reused.chunks}`],
      ],
    ),
  ];
}

const FEEDS: Record<FeedKind, string> = {
  tracking: 'by client tracking',
  notifications: 'by keyspace notifications',
  none: 'not at all: inside the fence all keys are compared',
};

function redisPart(redis: CopiedRedis): string[] {
  const { keys, carried, bytes, bigKeys, keysPerSecond, skipped, skip, feed, finalPassMs, jobs } = redis;
  const left = [...(skip.length === 0 ? [] : [`keys like ${skip.join(', ')}`]), 'heartbeats of workers'];
  return [
    table(
      ['Redis', { title: 'Figure', align: 'right' }],
      [
        ['Keys compared by content', formatCount(keys)],
        ['Keys carried by this run', `${formatCount(carried)} (${formatBytes(bytes)})`],
        ['Keys carried in a second', formatCount(keysPerSecond)],
        ['Large keys, carried element by element', formatCount(bigKeys)],
        [`Keys left behind on purpose: ${left.join(', and ')}`, formatCount(skipped)],
        ['How the old server tells what changes', FEEDS[feed]],
        ['The last pass of the window, in practice', formatDuration(finalPassMs)],
      ],
    ),
    ...(jobs.length === 0 ? [] : [details('Jobs on Heroku when the copy was done', jobsTable(jobs))]),
  ];
}

function lagTable({ rows, bytes, seconds, whole }: Lag): string {
  return [
    table(
      ['Lag', { title: 'Figure', align: 'right' }],
      [
        ['Rows that wait', formatCount(rows)],
        ['Age of the oldest', formatDuration(seconds * 1000)],
        ["Logs on the source's disk", formatBytes(bytes)],
      ],
    ),
    ...(whole.length === 0
      ? []
      : [
          details(
            `${whole.length} tables without a usable key, copied whole inside the window`,
            list(whole.map((one) => `${one.relation} (${formatBytes(one.bytes)})`)),
          ),
        ]),
  ].join('\n');
}

/** What a catch-up drained and left, and whether following is in danger. */
export function caughtUpSummary(
  { config, environment }: Subject,
  caught: CaughtUp,
  problem: string | undefined,
): string {
  const who = caught.direction === 'forward' ? 'DigitalOcean follows Heroku' : 'Heroku follows DigitalOcean';
  return [
    heading(
      `${config.application} (${environment.name}): ${problem === undefined ? who : 'the lag is too large'}`,
      2,
    ),
    ...(problem === undefined ? [] : [paragraph(problem)]),
    `Drained ${formatCount(caught.rows)} rows in ${caught.passes} passes and ${formatDuration(caught.milliseconds)}` +
      `${caught.rows === 0 ? '' : ` (${formatCount(caught.rowsPerSecond)} rows a second)`}.`,
    `${formatCount(caught.proof.rows.compared)} rows that drains had written were compared by content on both sides.`,
    lagTable(caught.lag),
    ...(caught.recopied.length === 0
      ? []
      : [details('Copied again after a schema change', list(caught.recopied))]),
  ].join('\n\n');
}

function measuredTable({ measured }: Copied): string {
  return table(
    ['Measured', { title: 'Took', align: 'right' }],
    measured.map(({ name, milliseconds }) => [name, formatDuration(milliseconds)]),
  );
}

function forecastTable({ phases }: Forecast): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  return table(
    ['Part of the window', right('At least'), right('Expected'), right('At most'), 'Why'],
    phases.map(({ name, low, expected, high, reason }) => [
      name,
      formatDuration(low),
      formatDuration(expected),
      formatDuration(high),
      reason,
    ]),
  );
}

const OTHER_RUN = {
  verdict: 'another run has taken over',
  now: 'This run wrote nothing after it noticed. Look at the other run.',
};

function copyFailed(heroku: string, next: string): FailureWords {
  return {
    refused: { verdict: 'the copy did not begin', now: 'Nothing was touched by this run.' },
    undone: { verdict: 'the copy failed', now: `${heroku} ${next}` },
    unfinished: { verdict: 'the copy failed', now: `${heroku} Run it again.` },
    superseded: OTHER_RUN,
    stuck: {
      verdict: 'the copy failed, and the journal could not be brought up to date',
      now: `${heroku} Run it again.`,
    },
  };
}

/** What holds after a copy that failed. */
export const COPY_FAILED: Record<Strategy, FailureWords> = {
  window: copyFailed(
    'Heroku serves and was only read.',
    'The new side may hold part of a copy and is closed; the next run replaces it.',
  ),
  live: copyFailed(
    'Heroku serves. The capture of its changes may be installed there, within its limits; `command: uninstall` removes it.',
    'The new side may hold part of a copy and is closed; the next run goes on from it.',
  ),
};

/** What holds after a catch-up that failed. */
export const CATCH_UP_FAILED: FailureWords = {
  refused: { verdict: 'catching up did not begin', now: 'Nothing was touched by this run.' },
  undone: {
    verdict: 'catching up failed',
    now: 'The side that serves goes on serving and logging its changes. What was drained stays drained, and nothing is lost: mend the reason and run it again.',
  },
  unfinished: { verdict: 'catching up failed', now: 'Run it again.' },
  superseded: OTHER_RUN,
  stuck: {
    verdict: 'catching up failed, and the journal could not be brought up to date',
    now: 'The side that serves goes on serving. Run it again.',
  },
};

/** What holds after an uninstall that failed. */
export const UNINSTALL_FAILED: FailureWords = {
  refused: { verdict: 'the capture was not removed', now: 'Nothing was touched by this run.' },
  undone: {
    verdict: 'the capture was not wholly removed',
    now: 'Heroku serves; part of the capture may still be there and is within its limits. Run it again.',
  },
  unfinished: { verdict: 'the capture was not wholly removed', now: 'Heroku serves. Run it again.' },
  superseded: OTHER_RUN,
  stuck: {
    verdict: 'the capture was not wholly removed, and the journal could not be brought up to date',
    now: 'Heroku serves. Run it again.',
  },
};
