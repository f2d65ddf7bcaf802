import { messageOf, NotSupportedError } from '../../src/errors.ts';
import type { GateEvidence } from '../../src/github/gate.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import type { Parties } from '../parties.ts';
import type { FenceSteps } from './fence.ts';
import { fenceSteps } from './fence.ts';
import { liveStrategy } from './live-strategy.ts';
import { runMissed } from './missed-runs.ts';
import { awaitOneOffDynos } from './one-off-dynos.ts';
import { proveClosed, proveHeld } from './prove-refused.ts';
import { quietWorkers, stopWorkers } from './quiesce.ts';
import { prebootOff } from './preboot.ts';
import type { RedisSteps } from './redis.ts';
import { redisSteps } from './redis.ts';
import { redisOptions } from '../copy-both.ts';
import { smokeTest } from './smoke.ts';
import { standStill } from './stand-still.ts';
import { endStraySessions } from './stray-sessions.ts';
import { openTheNewSide, setOldJobsAside } from './switch.ts';
import { trafficSteps } from './traffic.ts';
import { windowStrategy } from './window-strategy.ts';

/** What only a cutover that goes forward needs: the checks that come before anything is touched, and its own journal. */
export interface Checks {
  gate: () => Promise<GateEvidence>;
  preFlight: () => Promise<Json>;
  /** Waits for the guard of this run, where there is to be one. */
  guard: () => Promise<Json>;
  /** What a step of this cutover has returned, in this run or an earlier one. */
  resultOf: (step: string) => Promise<Json>;
}

const refuse = (): Promise<never> =>
  Promise.reject(new NotSupportedError('A check of the cutover was asked for after it had begun.'));

/** For undoing, and for going on after the point of no return: the saga calls none of them there. */
export const noChecks: Checks = { gate: refuse, preFlight: refuse, guard: refuse, resultOf: refuse };

/** What the steps of the cutover have returned, from its journal. */
export function resultsOf(journal: Pick<Journal, 'steps'>): Checks['resultOf'] {
  return async (step) => (await journal.steps('cutover')).find(({ name }) => name === step)?.result ?? null;
}

/** How a strategy moves the data: what it does at the four places of a cutover where it may. Redis moves alike in all. */
export type DataSteps = (
  parties: Parties,
  fence: FenceSteps,
  redis: RedisSteps,
) => {
  whileServing: Step[];
  /** The site serves and no worker runs any more. */
  beforeHolding: Step[];
  insideTheFence: Step[];
  afterTheSwitch: Step[];
};

const STRATEGIES: Record<Strategy, DataSteps> = { window: windowStrategy, live: liveStrategy };

/**
 * The cutover as a saga: each step with its undo, in the order of the design, with one point of no return. The same
 * list serves the cutover, its continuation by a re-run, and the undoing of one that was abandoned.
 */
export function cutoverSteps(parties: Parties, checks: Checks, strategy: Strategy): Step[] {
  const fence = fenceSteps(parties);
  const { oldSide, newSide, log } = parties;
  const redis = redisSteps(
    { options: redisOptions(parties), from: oldSide, to: { redis: newSide.redis?.admin }, log },
    fence,
  );
  const data = STRATEGIES[strategy](parties, fence, redis);
  const traffic = trafficSteps(parties);
  return [
    // Evaluated once: to continue a cutover that has begun needs no second approval.
    defineStep({ name: 'gate', act: async () => asJson(await checks.gate()) }),
    defineStep({ name: 'pre-flight', always: true, act: checks.preFlight }),
    defineStep({ name: 'guard-watches', always: true, act: checks.guard }),
    standStill(parties),
    prebootOff(parties),
    ...data.whileServing,
    redis.follow,
    awaitOneOffDynos(parties),
    quietWorkers(parties),
    stopWorkers(parties),
    ...data.beforeHolding,
    ...traffic.hold,
    endStraySessions(parties),
    fence.hold,
    redis.returnTakenJobs,
    ...data.insideTheFence,
    proveHeld(parties, redis),
    redis.countJobs,
    fence.pointOfNoReturn,
    proveClosed(parties),
    setOldJobsAside(parties, redis),
    openTheNewSide(parties),
    ...traffic.lead,
    defineStep({
      name: 'smoke',
      act: async (_prior, { signal }) => asJson(await smokeTest({ ...parties, signal })),
    }),
    runMissed(parties, checks.resultOf),
    ...data.afterTheSwitch,
    ...(traffic.afterwards ?? []),
  ];
}

function asJson(value: unknown): Json {
  try {
    return JSON.parse(JSON.stringify(value)) as Json;
  } catch (error) {
    throw new Error(`A step's result cannot be written to the journal: ${messageOf(error)}`);
  }
}
