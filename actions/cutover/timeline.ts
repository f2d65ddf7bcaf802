import { z } from 'zod';

import type { Journal } from '../../src/migration/journal.ts';
import type { Json } from '../../src/migration/json.ts';
import { FRONT_DOOR, FRONT_DOOR_FORWARD } from './front-door-traffic.ts';
import { MISSED_RUNS } from './missed-runs.ts';

export interface TimelineStep {
  name: string;
  status: string;
  begunAt: string;
  finishedAt: string | null;
}

export interface Timeline {
  steps: TimelineStep[];
  /** From when to when nobody was served, or (`held`) requests waited; `null` when nobody was kept away. */
  downtime: { from: string; to: string; held: boolean } | null;
  /**
   * From maintenance mode on to the smoke test passed, as the runner saw it; visitors' own measure may differ. With the
   * front door nobody is turned away: then it is how long requests waited, from its release to the state that lets them go.
   */
  downtimeMs: number;
  /**
   * With the front door: how much of that the dynos of the old release took to end, which is the app's own doing.
   * `null` without it. Heroku is asked four times a second.
   */
  oldReleaseEndedAfterMs: number | null;
  /** What the proof inside the fence compared, and what the gate and the pre-flight found. */
  parity: Json;
  /** With the live strategy: what the last drain moved, and how long Postgres and Redis took of it. */
  finalDrain: Json;
  /** What following Redis carried and compared while the site served, and what its last pass did inside the fence. */
  redis: Json;
  redisPass: Json;
  /** How many jobs waited in each queue and set, equal on both sides. */
  jobs: Json;
  gate: Json;
  preFlight: Json;
  /** Scheduled jobs that were due while neither side ran them, and what became of them. */
  missedRuns: Json;
}

/** The last pass over Redis runs beside the last of Postgres, in the same step. */
function passIn(step: Json): Json {
  return z.object({ redis: z.json() }).safeParse(step).data?.redis ?? null;
}

/** The live strategy proves in the same step in which it drains. */
function provenBy(finalDrain: Json): Json {
  return z.object({ parity: z.json() }).safeParse(finalDrain).data?.parity ?? null;
}

const forwarderPlaced = z.object({
  since: z.iso.datetime().transform((text) => Date.parse(text)),
  oldDynosEndedAfterMs: z.number(),
});

/** The cutover as the journal remembers it, over all of its runs. */
export async function timelineOf(journal: Journal): Promise<Timeline> {
  const rows = await journal.steps('cutover');
  const at = (name: string, end: 'begunAt' | 'finishedAt'): number | undefined =>
    rows.find((row) => row.name === name)?.[end]?.getTime();
  const resultOf = (name: string): Json => rows.find((row) => row.name === name)?.result ?? null;
  // When the forwarder took the place of the code; nothing without one.
  const held = forwarderPlaced.safeParse(resultOf(FRONT_DOOR)).data;
  const closed = at('maintenance-mode', 'begunAt') ?? held?.since;
  const open = at(FRONT_DOOR_FORWARD, 'finishedAt') ?? at('smoke', 'finishedAt');
  return {
    steps: rows.map(({ name, status, begunAt, finishedAt }) => ({
      name,
      status,
      begunAt: begunAt.toISOString(),
      finishedAt: finishedAt?.toISOString() ?? null,
    })),
    parity: resultOf('parity') ?? provenBy(resultOf('final-drain')),
    finalDrain: resultOf('final-drain'),
    redis: resultOf('follow-redis'),
    redisPass: passIn(resultOf('parity')) ?? passIn(resultOf('final-drain')),
    jobs: resultOf('count-jobs'),
    gate: resultOf('gate'),
    preFlight: resultOf('pre-flight'),
    missedRuns: resultOf(MISSED_RUNS),
    downtime:
      closed === undefined || open === undefined
        ? null
        : {
            from: new Date(closed).toISOString(),
            to: new Date(open).toISOString(),
            held: at('maintenance-mode', 'begunAt') === undefined,
          },
    downtimeMs: closed === undefined || open === undefined ? 0 : open - closed,
    oldReleaseEndedAfterMs: held?.oldDynosEndedAfterMs ?? null,
  };
}
