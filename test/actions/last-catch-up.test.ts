import { afterAll, afterEach, expect, test } from '@jest/globals';
import { copyLive } from '../../actions/migrate-db/copy-live.ts';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(async () => {
  await stopHeroku();
  await stopAll();
});

test('what is written while workers end is drained before visitors wait: the window has the rest only', async () => {
  sides = await movingSides({ withoutRedis: true, planned: true });
  const { parties, cutOver, postgres } = sides;
  await copyLive(parties);
  const write = (rows: number) => () =>
    postgres.onSource(`INSERT INTO orders (note) SELECT 'late' FROM generate_series(1, ${rows})`);
  const results = await cutOver({
    strategy: 'live',
    last: 'final-drain',
    before: { 'stop-workers': write(400), 'maintenance-mode': write(3) },
  });
  expect(results).toMatchObject({ 'catch-up': { rows: 0 }, 'last-catch-up': { rows: 400 } });
  expect(results['final-drain']).toMatchObject({ rows: 3, parity: { rows: { compared: 3 } } });
});
