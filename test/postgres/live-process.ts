import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { holdFence } from '../../src/postgres/fence.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { beginLive, catchUp } from '../../src/postgres/live.ts';
import { finishLive } from '../../src/postgres/live-finish.ts';
import type { LiveOptions } from '../../src/postgres/live-options.ts';
import { settleLive } from '../../src/postgres/settle-live.ts';
import { openWrites } from '../../src/postgres/rights.ts';
import type { Sides } from '../../src/postgres/sides.ts';

/** A whole live move in a process of its own, which can be killed at any moment: run by the tests beside it. */
export interface LiveProcessInput {
  sides: Sides;
  options: Omit<LiveOptions, 'log' | 'clock' | 'signal' | 'beforeChange'>;
}

const { sides, options: given } = JSON.parse(process.env['LIVE_INPUT'] ?? '') as LiveProcessInput;
const options: LiveOptions = { ...given, log: silentLog, clock: systemClock };
const tell = (step: string): void => {
  process.stdout.write(`${step}\n`);
};
tell('started');
if ((await readFence(sides.source, options.migrationId)) === 'open') {
  const { reused } = await beginLive(sides, options);
  tell(`begun, ${reused.tables} tables and ${reused.chunks} chunks reused`);
  await catchUp(sides, options);
  tell('caught up');
  const fence = await holdFence(sides.source, options);
  await finishLive(sides, options);
  tell('finished');
  await fence.commit();
  tell('committed');
}
await openWrites(sides.target.owner);
tell('open');
await settleLive(sides, options);
tell('settled');
