import { afterAll, afterEach, expect, test } from '@jest/globals';
import { lookAtWayBack } from '../../actions/verify/watch.ts';
import type { Check } from '../../src/checks/result.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';

// The watch of the way back after a cutover by its own steps: what closes it is seen for its own reason.

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(stopHeroku);

async function switched(last = 'open-new-side'): Promise<MovingSides> {
  sides = await movingSides({ withoutRedis: true });
  await sides.cutOver({ last });
  return sides;
}

async function open({ parties, journal }: MovingSides): Promise<Check | string | undefined> {
  const seen = await lookAtWayBack(parties, journal);
  return 'nothing' in seen ? seen.nothing : seen.checks.find(({ id }) => id === 'way-back/open');
}

test('while Heroku serves there is nothing to watch, and after the switch it is open', async () => {
  sides = await movingSides({ withoutRedis: true });
  expect(await open(sides)).toBe('Heroku serves: there is no way back to watch.');
  await sides.cutOver({ last: 'open-new-side' });
  expect(await open(sides)).toMatchObject({ state: 'passed' });
});

test('a log that is not complete closes it', async () => {
  const shop = await switched();
  await shop.postgres.onTarget(`INSERT INTO heroku_to_digitalocean.broken (reason) VALUES ('played')`);
  expect(await open(shop)).toMatchObject({ state: 'failed', found: expect.stringContaining('played') });
});

test('a capture that somebody removed closes it', async () => {
  const shop = await switched();
  await shop.postgres.onTarget('DROP SCHEMA heroku_to_digitalocean CASCADE');
  expect(await open(shop)).toMatchObject({
    ...{ state: 'failed', found: 'the capture of the way back is not there any more' },
  });
});

test('a cutover that stopped half-way is named with its step', async () => {
  const shop = await switched('fence');
  expect(await open(shop)).toMatchObject({
    ...{ state: 'failed', found: 'a cutover has begun and stopped at "fence"' },
  });
});
