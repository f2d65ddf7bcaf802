import { afterAll, afterEach, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { frontDoorParty } from '../../actions/cutover/front-door-traffic.ts';
import {
  buildForwarder,
  deleteForwarder,
  finalizeFrontDoor,
  findForwarder,
} from '../../actions/front-door.ts';
import { readFrontDoor } from '../../src/front-door/state.ts';
import { currentRelease, isParked } from '../../src/heroku/release.ts';
import { UndoneError } from '../../src/migration/saga.ts';
import { testInFull } from '../support/or-skipped.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';

// The cutover's own steps with the front door, on the played Heroku and real databases.

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(stopHeroku);

const CONFIG = `application: shop
strategy: window
traffic: front-door
environments:
  staging: { heroku-app: shop-staging, region: fra }
workers: { quiet-timeout: 1s }
`;

async function opened(): Promise<MovingSides> {
  sides = await movingSides({ config: CONFIG, withoutRedis: true });
  // The parties name the app as it is called in this world.
  const { environment } = sides.parties.subject;
  Object.assign(environment, { herokuApp: sides.app.name });
  return sides;
}

const ours = (shop: MovingSides): Promise<unknown[]> =>
  shop.postgres.onSource(`select nspname from pg_namespace where nspname = 'heroku_to_digitalocean'`);

/** Seconds of stopping and starting each. */

testInFull(
  'a forwarder that was not built, or for another key, stops the cutover before anything is released',
  async () => {
    const shop = await opened();
    const party = await frontDoorParty(shop.parties);
    expect(await findForwarder(party)).toBeUndefined();
    const releases = shop.app.releases().length;
    const failed = await shop.cutOver({ last: 'front-door' }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UndoneError);
    expect(String(failed)).toMatch(/run provision with `stage: application`/);
    expect(shop.app.releases()).toHaveLength(releases);
    expect(await ours(shop)).toEqual([]);

    await buildForwarder(party);
    expect(await findForwarder(party)).toBeDefined();
    expect(await findForwarder({ ...party, secret: 'of another key' })).toBeUndefined();
    expect(await deleteForwarder(party)).toBe(true);
  },
);

test('held: web runs the forwarder, nothing else runs, what Scheduler starts finds no code; undone, all is as before', async () => {
  const shop = await opened();
  const { heroku } = shop.parties.oldSide;
  const { migrationId } = shop.parties.subject.environment;
  const before = {
    formation: shop.app.formation(),
    slug: (await currentRelease(heroku, shop.app.name))?.slug,
  };
  await buildForwarder(await frontDoorParty(shop.parties));

  await shop.cutOver({ last: 'fence' });
  expect(await readFrontDoor(shop.postgres.source, migrationId)).toBe('hold');
  expect(await isParked(heroku, shop.app.name)).toBe(true);
  expect(shop.app.maintenance()).toBe(false);
  expect(shop.app.formation()).toMatchObject({ web: { quantity: 1 }, worker: { quantity: 0 } });
  const current = shop.app.releases().at(-1)?.version;
  await shop.app.settled();
  expect(shop.app.dynos()).toMatchObject([{ type: 'web', state: 'up', release: current }]);

  const started = await heroku.post(
    `/apps/${shop.app.name}/dynos`,
    { command: 'node web.mjs', type: 'scheduler' },
    z.object({ name: z.string() }),
  );
  while (shop.app.dynos().some(({ name }) => name === started.name)) await delay(20);
  expect(
    shop.app
      .logs()
      .filter((line) => line.includes(started.name))
      .join('\n'),
  ).toMatch(/Cannot find module[^]*exited with status 1/);

  await shop.undo();
  await shop.app.settled();
  expect(shop.app.formation()).toEqual(before.formation);
  expect((await currentRelease(heroku, shop.app.name))?.slug).toEqual(before.slug);
  expect(await ours(shop)).toEqual([]);
});

testInFull(
  'finalized: a forwarder that needs no row leads on, and neither row nor throw-away app is left; again, nothing is done',
  async () => {
    const shop = await opened();
    const party = await frontDoorParty(shop.parties);
    const built = await buildForwarder(party);
    await shop.cutOver({ last: 'front-door' });
    const held = shop.app.releases().at(-1)?.version ?? 0;

    const database = shop.parties.oldSide.database;
    expect(await finalizeFrontDoor({ ...party, database })).toEqual({ leads: true, appDeleted: true });
    expect(shop.app.releases().at(-1)?.version).toBe(held + 1);
    await shop.app.settled();
    await delay(500);
    expect(shop.app.logs().slice(-6).join('\n')).toMatch(/forwards to shop-staging\.ondigitalocean\.app/);
    expect(await ours(shop)).toEqual([]);
    expect(await party.heroku.find(`/apps/${built.app}`, z.unknown())).toBeUndefined();
    expect(await finalizeFrontDoor({ ...party, database })).toEqual({ leads: false, appDeleted: false });
    expect(shop.app.releases().at(-1)?.version).toBe(held + 1);
  },
);
