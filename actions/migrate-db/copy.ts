import type { Check } from '../../src/checks/result.ts';
import { failedLines } from '../../src/checks/result.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { MeasuredPhase } from '../../src/migration/forecast.ts';
import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { holdSharedCopy, passesOfDead } from '../../src/migration/shared-copy.ts';
import { defineStep, runSteps } from '../../src/migration/saga.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import type { TakenOver } from '../../src/postgres/elsewhere.ts';
import { endLive } from '../../src/postgres/live.ts';
import type { Lag } from '../../src/postgres/live.ts';
import type { LiveProof } from '../../src/postgres/live-proof.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import type { Others } from '../../src/postgres/shared-copy.ts';
import { checkCapacity } from '../capacity.ts';
import { forecastOf } from '../cutover/forecast.ts';
import { writeEvidence } from '../evidence-page.ts';
import { tellingFailure } from '../failed-phase.ts';
import { forward, liveOptions, refuseImpossibleLive } from '../live.ts';
import type { Parties } from '../parties.ts';
import { withLease } from '../parties.ts';
import { copiedStrategy } from '../strategy.ts';
import { sweepDeadJobs } from '../runner-access.ts';
import type { Subject } from '../subject.ts';
import { recordPhase } from '../subject.ts';
import { endAbandonedRehearsal } from './abandoned-rehearsal.ts';
import type { CopiedRedis } from './copied-redis.ts';
import { copyLive } from './copy-live.ts';
import { copyForPractice } from './copy-window.ts';
import { strategyOfCopy } from './rehearsed-strategy.ts';
import { readShard } from './shard.ts';
import { planOnly, refuseUnlessHerokuServes } from './state.ts';
import { COPY_FAILED, copySummary } from './summary.ts';

/** What a copy did and measured; the cutover's forecast and the next choice of a strategy rest on it. */
export interface Copied {
  strategy: Strategy;
  tables: number;
  bytes: number;
  keys: number;
  redis: CopiedRedis | null;
  removed: string[];
  /** Of a copy for a window: the fingerprint of the schema that was copied. A live copy keeps its own beside its capture. */
  schema?: string;
  /**
   * What differs and the old side may have written meanwhile: keys of Redis, and with the window strategy tables that it
   * wrote anew. Any other difference is a failure and never gets here.
   */
  movedOn: string[];
  /** Of a copy that several runners shared: how many, and what of theirs the first one had to copy. */
  runners?: { shards: number; takenOver: readonly TakenOver[] };
  /** Parts of the window. */
  measured: MeasuredPhase[];
  speed: { copyBytesPerSecond: number; parityBytesPerSecond: number };
  /** Of a live copy only. */
  live?: {
    /** What an interrupted run had left and was used. */
    reused: { tables: number; chunks: number };
    lag: Lag;
    drainedRows: number;
    rowsPerSecond: number;
    proof: Pick<LiveProof, 'rows' | 'tables'>;
  };
}

/**
 * `copy`: copies Postgres and Redis to the new side while the old side serves, leaves the copy closed, and measures what
 * the window will take. With the live strategy the copy is kept in step from then on. It replaces only what carries this
 * migration's stamp. Of several runners that share a copy this is the first.
 */
export async function copyCommand(edge: Edge, subject: Subject): Promise<void> {
  const runner = readShard(edge);
  const strategy = await strategyOfCopy(edge, subject);
  if (edge.inputs.boolean('dry-run')) {
    await planOnly(edge, subject, async (parties, journal) => {
      await refuseUnlessHerokuServes(parties, journal);
      if (strategy === 'live') await refuseImpossibleLive(parties);
      return explain(parties, strategy, await copiedStrategy(journal));
    });
    return;
  }

  const { copied, checks } = await tellingFailure(
    edge,
    { subject, phase: 'migrate-db', words: COPY_FAILED[strategy] },
    (onStep) =>
      withLease(edge, subject, async (parties, journal, lease) => {
        const copy = async (others?: Others): Promise<Copied> => {
          await refuseUnlessHerokuServes(parties, journal);
          if (strategy === 'live') {
            await refuseImpossibleLive(parties);
            await endAbandonedRehearsal(parties);
          }
          const before = await copiedStrategy(journal);
          // Every run copies anew, or asks the copy itself what it can still use.
          await journal.retire(lease, ['migrate-db'], 'copied again');
          const { results } = await runSteps(journal, lease, STEPS[strategy](parties, before, others), {
            phase: 'migrate-db',
            whenUndone: WHEN_UNDONE[strategy],
            log: edge.log,
            clock: edge.clock,
            signal: edge.signal,
            onStep,
          });
          return results.copy as unknown as Copied;
        };
        const copyTogether = async (body: typeof copy): Promise<Copied> => {
          const { log, clock, signal } = edge;
          const sharing = { runner, log, clock };
          const copied = await holdSharedCopy(journal, lease.epoch, sharing, body);
          const dead = await passesOfDead(journal, sharing, signal);
          await sweepDeadJobs(edge, parties.newSide.client, parties.newSide, dead);
          return copied;
        };
        const copied = runner.shards === 1 ? await copy() : await copyTogether(copy);
        return { copied, checks: await checkCapacity(edge, parties) };
      }),
  );

  await endCopy(edge, subject, copied, checks);
}

/**
 * Records what was copied and tells it; then fails when the new side would not bear what Heroku bears: the copy is there
 * and can be used again, and what would be slow at the peak must not be found out there.
 */
export async function endCopy(
  edge: Edge,
  subject: Subject,
  copied: Copied,
  checks: readonly Check[],
): Promise<void> {
  await recordPhase(edge, subject, 'migrate-db', {
    command: 'copy',
    outcome: 'copied',
    changed: true,
    ...copied,
    checks,
  });
  await edge.summary(copySummary(copied, forecastOf(subject), checks));
  await writeEvidence(subject);
  refuseTooSlow(checks);
}

function refuseTooSlow(checks: readonly Check[]): void {
  const failed = failedLines(checks);
  if (failed.length === 0) return;
  throw new ConfigurationError(
    [
      'The copy is complete, and the new side would not bear what Heroku bears. Heroku serves, and nothing was changed there:',
      ...failed.slice(0, 20).map((line) => `  ${line}`),
    ].join('\n'),
  );
}

const STEPS: Record<
  Strategy,
  (parties: Parties, before: Strategy | undefined, others: Others | undefined) => Step[]
> = {
  window: (parties, before, others) => [
    ...(before === 'live' ? [removeCapture(parties)] : []),
    copyStep('window', () => copyForPractice(parties, others)),
  ],
  live: (parties, _before, others) => [copyStep('live', () => copyLive(parties, others))],
};

const WHEN_UNDONE: Record<Strategy, string> = {
  window: 'Heroku serves and was only read.',
  live: 'Heroku serves; what captures its changes stays there, so that the next run goes on from here.',
};

/** The strategy is its prior state: it is committed before anything is installed, and later phases read it. */
function copyStep(strategy: Strategy, act: () => Promise<Copied>): Step {
  return defineStep({
    name: 'copy',
    prior: () => Promise.resolve({ strategy }),
    act: async () => (await act()) as unknown as Json,
  });
}

/** migration.yml decides otherwise than it did: what the live strategy had put on Heroku goes first. */
function removeCapture(parties: Parties): Step {
  return defineStep({
    name: 'remove-capture',
    act: async () => {
      await endLive(forward(parties), liveOptions(parties));
      return null;
    },
  });
}

async function explain(
  { oldSide, newSide }: Parties,
  strategy: Strategy,
  before: Strategy | undefined,
): Promise<string> {
  const state = await writesAre(newSide.owner);
  const where = `${newSide.owner.host} (closed for writes: ${state === 'closed'}), replacing only an earlier copy of this migration`;
  if (strategy === 'window') {
    const first = before === 'live' ? 'remove the capture from Heroku and ' : '';
    return `${first}copy ${oldSide.app} to ${where}.`;
  }
  return before === 'live'
    ? `go on with the live copy of ${oldSide.app} to ${where}: what is complete is not copied again, what waits is drained.`
    : `install the capture of changes on the database of ${oldSide.app}, copy it to ${where}, and keep it in step.`;
}
