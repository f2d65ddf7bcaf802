import type { Json } from '../../src/migration/json.ts';
import { defineStep } from '../../src/migration/saga.ts';
import {
  beginReverse,
  catchUp,
  endReverse,
  prepareFinish,
  proveLive,
  settleLive,
} from '../../src/postgres/live.ts';
import type { FinalDrain, PreparedFinish } from '../../src/postgres/live.ts';
import { endOlderCopies } from '../copy-both.ts';
import { backward, captureLimits, describeLag, forward, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import { together } from '../../src/together.ts';
import type { FinishedRedis, RedisSteps } from './redis.ts';
import type { DataSteps } from './steps.ts';

/**
 * The new side follows Heroku already: inside the fence only what is left is drained, and what was written since the
 * last proof is compared. An undo leaves the capture where it is: Heroku serves on, its changes are logged, and the next
 * attempt only catches up.
 */
export const liveStrategy: DataSteps = (parties, fence, redis) => {
  // Connected before the writers are held: they wait for the data only.
  let prepared: PreparedFinish | undefined;
  fence.beforeHolding(async (signal) => {
    await prepared?.close();
    prepared = await prepareFinish(forward(parties), liveOptions({ ...parties, signal }));
  });
  const finishPrepared = async (inside: Parties): Promise<DrainedBoth> => {
    if (prepared === undefined) throw new Error('The final drain was not prepared.');
    try {
      return await drainBoth(inside, prepared, redis);
    } finally {
      await prepared.close();
      prepared = undefined;
    }
  };

  return {
    whileServing: [
      defineStep({
        name: 'catch-up',
        always: true,
        act: async (_prior, { signal }) => {
          await endOlderCopies(parties);
          const options = liveOptions({ ...parties, signal });
          const { lag, ...caught } = await catchUp(forward(parties), options);
          // Now, so that the window compares only what is written from here on.
          await proveLive(forward(parties), options, 'touched');
          parties.log.info(`Drained ${caught.rows} rows; lag: ${describeLag(lag)}.`);
          return { ...caught, lag } as unknown as Json;
        },
      }),
    ],
    insideTheFence: [
      defineStep({
        name: 'final-drain',
        always: true,
        act: async (_prior, { signal }) => (await finishPrepared(fence.inside(signal))) as unknown as Json,
        undo: () => redis.close(),
      }),
      defineStep({
        name: 'reverse-capture',
        always: true,
        act: async (_prior, { signal }) => {
          const inside = fence.inside(signal);
          await beginReverse(backward(parties), { ...liveOptions(inside), limits: captureLimits(parties) });
          return null;
        },
        undo: (_prior, _result, { signal }) =>
          endReverse(backward(parties), liveOptions({ ...parties, signal })),
      }),
    ],
    afterTheSwitch: [
      defineStep({
        name: 'settle',
        act: async (_prior, { signal }) => {
          await settleLive(forward(parties), liveOptions({ ...parties, signal }));
          return null;
        },
      }),
    ],
  };
};

interface DrainedBoth {
  rows: number;
  whole: string[];
  sequences: number;
  postgresMs: number;
  redis: FinishedRedis['pass'];
  /** As the window strategy's step `parity` says it. */
  parity: { rows: { compared: number; different: number } } & Pick<FinishedRedis, 'keys'>;
}

/** What is left in Postgres and in Redis; each proves what it moved, or throws. */
async function drainBoth(
  inside: Parties,
  prepared: PreparedFinish,
  redis: Pick<RedisSteps, 'finish'>,
): Promise<DrainedBoth> {
  const [postgres, finished] = await together(inside.signal, [
    (signal) => prepared.finish(signal),
    (signal) => redis.finish(signal),
  ]);
  tell(inside, postgres);
  return {
    rows: postgres.rows,
    whole: postgres.whole,
    sequences: postgres.sequences,
    postgresMs: postgres.milliseconds,
    redis: finished.pass,
    // The final drain throws when a row differs.
    parity: { rows: { compared: postgres.compared, different: 0 }, keys: finished.keys },
  };
}

function tell({ log }: Parties, { rows, whole, sequences, compared, milliseconds }: FinalDrain): void {
  log.info(
    `Drained ${rows} rows, ${whole.length} tables as a whole and ${sequences} sequences, and compared ${compared} rows, in ${milliseconds} ms.`,
  );
}
