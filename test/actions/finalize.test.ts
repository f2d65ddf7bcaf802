import { afterAll, afterEach, expect, test } from '@jest/globals';
import { finalizeSummary } from '../../actions/roll-back/finalize/summary.ts';
import { remainsOf } from '../../actions/roll-back/finalize/remains.ts';
import { refuseUnlessHerokuServes } from '../../actions/migrate-db/state.ts';
import { refuseFinalized } from '../../actions/roll-back/finalize/finalize.ts';
import { residueOf } from '../../actions/roll-back/finalize/residue.ts';
import { backward, liveOptions } from '../../actions/live.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { catchUp } from '../../src/postgres/live.ts';
import { UndoneError } from '../../src/migration/saga.ts';
import { movingSides, stopHeroku, type MovingSides } from './moving-sides.ts';

// The end of the way back by its own steps, on real databases and the played Heroku, after a cutover by its own steps.

let sides: MovingSides | undefined;
afterEach(async () => {
  await sides?.close();
  sides = undefined;
});
afterAll(stopHeroku);

const SQL = `
  CREATE TABLE people (id integer PRIMARY KEY, name text);
  CREATE TABLE orders (id bigserial PRIMARY KEY, note text, person integer REFERENCES people ON DELETE CASCADE);
  INSERT INTO people VALUES (1, 'ada'); INSERT INTO orders (note, person) VALUES ('a', 1)`;
const CONFIG = `application: shop
strategy: window
traffic: dns
environments:
  staging: { heroku-app: shop-staging, region: fra }
`;
const SCHEMA = `select conname, convalidated from pg_constraint where contype = 'f' union all select tgname, true from pg_trigger where not tgisinternal`;

async function moved(): Promise<MovingSides> {
  sides = await movingSides({ config: CONFIG, sql: SQL });
  await sides.from.sadd('queues', 'default');
  await sides.from.rpush('queue:default', JSON.stringify({ jid: '1', class: 'Mail', args: [] }));
  return sides;
}

const failure = (run: Promise<unknown>): Promise<Error> =>
  run.then(
    () => Promise.reject(new Error('It was expected to fail.')),
    (error: unknown) => error as Error,
  );

test('everything of ours is gone from both sides, the schema on Heroku is as it was, and there is no way back', async () => {
  const shop = await moved();
  const { from, to, postgres, parties } = shop;
  const before = await postgres.onSource(SCHEMA);
  expect((await failure(shop.finalize({ smoked: false }))).message).toMatch(/no cutover has begun/);
  await shop.cutOver({ last: 'open-new-side' });
  // The way back was followed for a while: foreign keys of the old side are out of the way of it.
  await postgres.onTarget(`insert into orders (note, person) values ('of the new side', 1)`);
  await catchUp(backward(parties), { ...liveOptions(parties), epoch: 2 });
  expect(await postgres.onSource(SCHEMA)).not.toEqual(before);
  expect(await residueOf(parties)).not.toEqual([]);

  // Half a cutover, and somebody outside who still uses the old side: each is named, and nothing is removed.
  const residue = await residueOf(parties);
  await from.sadd('queues', 'default');
  await from.lpush('queue:default', JSON.stringify({ jid: 'late', class: 'Mail', args: [] }));
  const early = await withConnection(parties.oldSide.database, { applicationName: 'metabase' }, () =>
    failure(shop.finalize({ smoked: false })),
  );
  expect(early).toBeInstanceOf(UndoneError);
  expect(early.message).toMatch(/The end of the way back cannot begin; nothing was touched/);
  expect(early.message).toMatch(/the cutover is finished: it stopped at "open-new-side"\. Run its job again/);
  expect(early.message).toMatch(
    /sessions on the old database: metabase \(\S+ from 127\.0\.0\.1\)\. Point them/,
  );
  expect(early.message).toMatch(/jobs on the old Redis since the switch: default: 1 jobs/);
  expect(await residueOf(parties)).toEqual(residue);
  await expect(refuseFinalized(shop.journal, parties.subject)).resolves.toBeUndefined();
  await from.del('queues', 'queue:default');

  const done = await shop.finalize();
  expect(done.changed).toBe(true);
  expect(await residueOf(parties)).toEqual([]);
  expect(await postgres.onSource(SCHEMA)).toEqual(before);
  expect(await from.keys('heroku-to-digitalocean*')).toEqual([]);
  expect(await to.keys('heroku-to-digitalocean*')).toEqual(['heroku-to-digitalocean:open']);
  // The new side goes on, and nothing logs what it takes.
  await postgres.onTarget(`insert into orders (note, person) values ('after the end', 1)`);
  expect(await readFence(parties.oldSide.database, 'shop-staging')).toBe('open');
  await expect(refuseFinalized(shop.journal, parties.subject)).rejects.toThrow(
    /The way back of staging was ended on purpose at .*Nothing was changed/,
  );
  // Nor is it copied over, whatever Heroku still holds; and nobody is sent to a roll-back that is refused.
  const refused = await failure(refuseUnlessHerokuServes(parties, shop.journal));
  expect(refused.message).toMatch(/has been cut over, and its way back was ended on purpose at/);
  expect(refused.message).not.toMatch(/run roll-back/);

  expect((await shop.finalize()).changed).toBe(false);
}, 120_000);

test('what Heroku goes on keeping is listed with its price, an unknown one as unknown', () => {
  const remains = remainsOf({
    app: { name: 'shop' },
    addOns: [
      {
        name: 'postgresql-curved-1',
        plan: 'heroku-postgresql:standard-0',
        billedTo: 'shop',
        billedCentsPerMonth: 5000,
      },
      { name: 'redis-round-2', plan: 'heroku-redis:premium-0', billedTo: 'shop', billedCentsPerMonth: null },
      { name: 'of-another', plan: 'papertrail:choklad', billedTo: 'other', billedCentsPerMonth: 700 },
    ],
    formation: [
      { type: 'web', quantity: 2, size: 'Standard-1X' },
      { type: 'worker', quantity: 0, size: 'Standard-2X' },
    ],
    dynoSizes: [{ name: 'standard-1X', centsPerMonth: 2500 }],
  } as unknown as HerokuInventory);
  expect(remains.map(({ name, usdPerMonth }) => `${name} ${usdPerMonth ?? 'unknown'}`)).toEqual([
    'postgresql-curved-1 50',
    'redis-round-2 unknown',
    'web=2 50',
    'shop 0',
  ]);
  const text = finalizeSummary(
    { config: { application: 'shop' }, environment: { name: 'production' } } as never,
    { outcome: 'finalized', remains, schedules: { toldInstead: 'no answer. Delete the jobs by hand.' } },
  );
  expect(text).toContain('| Total | | 100.00 |'.replace('| |', '|  |'));
  expect(text).toContain('Delete the jobs by hand.');
});
