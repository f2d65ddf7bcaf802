import { MoveAtWorkError } from '../../src/digitalocean/move-at-work.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Json } from '../../src/migration/json.ts';
import { LeaseHeldError } from '../../src/migration/lease.ts';
import { defineStep, runSteps } from '../../src/migration/saga.ts';
import type { CatchUp } from '../../src/postgres/live.ts';
import type { LiveProof } from '../../src/postgres/live-proof.ts';
import { catchUp, readLag } from '../../src/postgres/live.ts';
import { proveLive } from '../../src/postgres/prove-live.ts';
import type { ActivityReading } from '../../src/migration/quiet-hours.ts';
import { NotProvisionedError } from '../../src/migration/target.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { formatCount, formatDuration } from '../../src/report/format.ts';
import { tellingFailure } from '../failed-phase.ts';
import { backward, captureLimits, describeLag, forward, lagProblem, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import { withLease } from '../parties.ts';
import { standBack } from '../stand-back.ts';
import { copiedStrategy } from '../strategy.ts';
import type { Subject } from '../subject.ts';
import { recordPhase } from '../subject.ts';
import { sampleActivity } from './sample.ts';
import { planOnly, standingOf, unsettled } from './state.ts';
import { CATCH_UP_FAILED, caughtUpSummary } from './summary.ts';

/** `forward`: the new side follows Heroku. `backward`: after the switch Heroku follows the new side. */
export type Direction = 'forward' | 'backward';

export interface CaughtUp extends CatchUp {
  direction: Direction;
  /** Of what drains wrote since the last proof. */
  proof: LiveProof;
}

/** Why there is nothing to follow. */
interface Nothing {
  nothing: string;
}

/** Why it stood back before another run. */
interface StoodBack {
  before: MoveAtWorkError | LeaseHeldError;
}

/**
 * `catch-up`: drains what waits, in the direction in which the migration stands, and fails when following is in danger.
 * Made to run on a schedule: it is green and says so while there is nothing to follow. Either way it samples how busy
 * production is, from which assess proposes a window. While a cutover or roll-back is at work it stands back and touches
 * nothing at all, green unless that takes unusually long: the schedule comes again.
 */
export async function catchUpCommand(edge: Edge, subject: Subject): Promise<void> {
  if (edge.inputs.boolean('dry-run')) {
    await planOnly(edge, subject, async (parties, journal) => {
      const direction = await directionOf(parties, journal);
      if (typeof direction === 'object') return `do nothing: ${direction.nothing}`;
      const lag = await readLag(SIDES[direction](parties), liveOptions(parties));
      return `drain ${describeLag(lag)}, ${TOWARDS[direction]}.`;
    });
    return;
  }

  const caught = await tellingFailure(
    edge,
    { subject, phase: 'migrate-db', words: CATCH_UP_FAILED },
    (onStep) =>
      withLease(edge, subject, async (parties, journal, lease) => {
        const direction = await directionOf(parties, journal);
        if (typeof direction === 'object') return direction;
        await journal.retire(lease, ['catch-up'], 'caught up again');
        const { results } = await runSteps(journal, lease, [catchUpStep(parties, direction)], {
          phase: 'catch-up',
          whenUndone: 'What was drained stays drained; the rest waits in its log.',
          log: edge.log,
          clock: edge.clock,
          signal: edge.signal,
          onStep,
        });
        return results['catch-up'] as unknown as CaughtUp;
      }).catch(orNoTurn),
  );
  if ('before' in caught)
    return standBack(edge, subject, { phase: 'migrate-db', command: 'catch-up' }, caught.before);
  if ('nothing' in caught) return tellNothing(edge, subject, caught.nothing);

  const problem = lagProblem(caught.lag, captureLimits({ subject }));
  edge.setOutput('lag-rows', caught.lag.rows);
  edge.setOutput('lag-bytes', caught.lag.bytes);
  edge.setOutput('lag-seconds', caught.lag.seconds);
  await recordPhase(edge, subject, 'migrate-db', {
    command: 'catch-up',
    outcome: 'caught-up',
    changed: caught.rows > 0 || caught.recopied.length > 0,
    caughtUp: caught,
    problem: problem ?? null,
    ...(caught.direction === 'forward' ? await sampled(edge, subject) : {}),
  });
  await edge.summary(caughtUpSummary(subject, caught, problem));
  if (problem !== undefined) throw new Error(problem);
}

const WINDOW =
  'The window strategy copies inside the fence: before the switch there is nothing to catch up with.';

const SIDES: Record<Direction, (parties: Parties) => Sides> = { forward, backward };

const TOWARDS: Record<Direction, string> = {
  forward: 'from Heroku to DigitalOcean',
  backward: 'from DigitalOcean back to Heroku',
};

async function directionOf(parties: Parties, journal: Journal): Promise<Direction | Nothing> {
  const strategy = await copiedStrategy(journal);
  if (strategy === undefined)
    return { nothing: 'Nothing is captured yet, or no longer: run `command: copy` first.' };
  const standing = await standingOf(parties, journal);
  switch (standing.serves) {
    case 'heroku':
      return strategy === 'window' ? { nothing: WINDOW } : 'forward';
    case 'digitalocean':
      return standing.reverse
        ? 'backward'
        : { nothing: 'DigitalOcean serves, and no way back is kept: there is nothing to follow.' };
    case 'unsettled':
      throw unsettled(parties.subject.environment.migrationId, standing.stoppedAt);
  }
}

function catchUpStep(parties: Parties, direction: Direction): ReturnType<typeof defineStep> {
  return defineStep({
    name: 'catch-up',
    prior: () => Promise.resolve({ direction }),
    act: async (_prior, { signal }) => {
      const { log } = parties;
      const [sides, options] = [SIDES[direction](parties), liveOptions({ ...parties, signal })];
      const caught = await catchUp(sides, options);
      log.info(
        `Drained ${formatCount(caught.rows)} rows ${TOWARDS[direction]} in ${caught.passes} passes and ${formatDuration(caught.milliseconds)}; lag: ${describeLag(caught.lag)}.`,
      );
      for (const table of caught.recopied) log.info(`Copied again after a schema change: ${table}`);
      const proof = await proveLive(sides, options, 'touched');
      return { direction, ...caught, proof } as unknown as Json;
    },
  });
}

/** A schedule begins before production is prepared, and comes while others are at work: that is no failure. */
function orNoTurn(error: unknown): Nothing | StoodBack {
  if (error instanceof MoveAtWorkError || error instanceof LeaseHeldError) return { before: error };
  if (error instanceof NotProvisionedError) return { nothing: `Nothing is prepared yet: ${error.message}` };
  throw error;
}

async function tellNothing(edge: Edge, subject: Subject, why: string): Promise<void> {
  edge.log.info(why);
  await recordPhase(edge, subject, 'migrate-db', {
    command: 'catch-up',
    outcome: 'nothing-to-do',
    changed: false,
    why,
    ...(await sampled(edge, subject)),
  });
}

/** A schedule that runs every hour sees all hours of the week, whatever there is to follow. */
async function sampled(edge: Edge, subject: Subject): Promise<{ activity?: ActivityReading }> {
  const activity = await sampleActivity(edge, subject);
  return activity === undefined ? {} : { activity };
}
