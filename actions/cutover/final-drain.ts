import type { Json } from '../../src/migration/json.ts';
import type { Step } from '../../src/migration/saga.ts';
import { defineStep } from '../../src/migration/saga.ts';
import { prepareFinish } from '../../src/postgres/live-finish.ts';
import type { FinalDrain, PreparedFinish } from '../../src/postgres/live-finish.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { together } from '../../src/together.ts';
import { liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import type { Held } from './fence.ts';
import type { FinishedRedis, RedisSteps } from './redis.ts';

/**
 * What is left in Postgres and in Redis while the writers are held, in the direction of `sides`; each proves what it
 * moved, or throws.
 */
export function finalDrain(
  parties: Parties,
  sides: Sides,
  fence: Held,
  redis: Pick<RedisSteps, 'finish' | 'close'>,
): Step {
  // Connected before the writers are held: they wait for the data only.
  let prepared: PreparedFinish | undefined;
  fence.beforeHolding(async (signal) => {
    await prepared?.close();
    prepared = await prepareFinish(sides, liveOptions({ ...parties, signal }));
  });
  return defineStep({
    name: 'final-drain',
    always: true,
    act: async (_prior, { signal }) => {
      const inside = fence.inside(signal);
      if (prepared === undefined) throw new Error('The final drain was not prepared.');
      try {
        return (await drainBoth(parties, prepared, redis, inside)) as unknown as Json;
      } finally {
        await prepared.close();
        prepared = undefined;
      }
    },
    undo: () => redis.close(),
  });
}

interface DrainedBoth {
  rows: number;
  whole: string[];
  sequences: number;
  postgresMs: number;
  redis: FinishedRedis['pass'];
  /** As the window strategy's step `parity` says it. */
  parity: { rows: { compared: number; different: number } } & Pick<FinishedRedis, 'keys'>;
}

async function drainBoth(
  { log }: Parties,
  prepared: PreparedFinish,
  redis: Pick<RedisSteps, 'finish'>,
  inside: AbortSignal,
): Promise<DrainedBoth> {
  const [postgres, finished] = await together(inside, [
    (signal) => prepared.finish(signal),
    (signal) => redis.finish(signal),
  ]);
  tell(log, postgres);
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

function tell(log: Parties['log'], { rows, whole, sequences, compared, milliseconds }: FinalDrain): void {
  log.info(
    `Drained ${rows} rows, ${whole.length} tables as a whole and ${sequences} sequences, and compared ${compared} rows, in ${milliseconds} ms.`,
  );
}
