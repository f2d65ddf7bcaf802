import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { copyLive } from '../../actions/migrate-db/copy-live.ts';
import { stopAll } from '../../rehearsal/servers/process.ts';
import { restartWorkers } from '../../src/digitalocean/app-restart.ts';
import { scale } from '../../src/heroku/formation.ts';
import { deployNewCode } from '../heroku/support/deploy.ts';
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

test('a deploy after the approval, while workers end, stops the cutover at the fence; Heroku serves what was deployed', async () => {
  sides = await movingSides({ withoutRedis: true, planned: true });
  const { app, parties, cutOver, postgres } = sides;
  await delay(1100); // the second in which the plan was made is over
  let version = 0;
  const deploy = async (): Promise<void> => {
    version = await deployNewCode(parties.oldSide.heroku, app.name);
  };
  await expect(cutOver({ before: { 'maintenance-mode': deploy } })).rejects.toThrow(
    /stopped at "fence": The code of shop-\w+ is not the plan's: v\d+ was deployed since.*Everything was undone/s,
  );
  expect(app.maintenance()).toBe(false);
  expect(app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 1 } });
  expect(app.releases().at(-1)?.description).toBe(`heroku-to-digitalocean: the code of v${version} again`);
  await postgres.onSource(`INSERT INTO orders (note) VALUES ('Heroku takes writes')`);
});

test('a deploy meanwhile whose code knows a process type no more: everything is undone all the same', async () => {
  sides = await movingSides({ withoutRedis: true, planned: true });
  const { app, parties, cutOver } = sides;
  await delay(1100);
  const deploy = () => deployNewCode(parties.oldSide.heroku, app.name, { web: 'sleep infinity' });
  await expect(cutOver({ before: { 'maintenance-mode': deploy } })).rejects.toThrow(
    /stopped at "fence": The code of shop-\w+ is not the plan's.*Everything was undone/s,
  );
  expect(app.formation()).toMatchObject({ web: { quantity: 1 } });
  expect(app.formation()).not.toHaveProperty('worker');
});

test('an autoscaler that adds a dyno inside the fence stops the cutover before its point of no return', async () => {
  sides = await movingSides({ withoutRedis: true, planned: true });
  const { app, parties, cutOver, postgres } = sides;
  const autoscaler = (): Promise<void> =>
    scale(parties.oldSide.heroku, app.name, [{ type: 'web', quantity: 1 }]);
  await expect(cutOver({ before: { 'count-jobs': autoscaler } })).rejects.toThrow(
    /stopped at "point-of-no-return": Somebody scaled shop-\w+ on Heroku during the cutover \(web=1:Standard-1X\)/,
  );
  expect(app.maintenance()).toBe(false);
  expect(app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 1 } });
  await postgres.onSource(`INSERT INTO orders (note) VALUES ('Heroku takes writes')`);
});

test.each(['window', 'live'] as const)(
  '%s: from the fence until it is open nothing at DigitalOcean is changed: a deployment or a rule would be seen by visitors',
  async (strategy) => {
    sides = await movingSides({ planned: true });
    const { parties, cutOver, changesOfTheNewSide: changes } = sides;
    if (strategy === 'live') await copyLive(parties);
    await cutOver({ strategy, last: 'open-new-side' });
    expect(changes).toEqual([]);
    // What it would have seen.
    await restartWorkers(parties.newSide.client, 'shop-staging');
    expect(changes).toEqual(['POST /v2/apps/a1/restart']);
  },
);
