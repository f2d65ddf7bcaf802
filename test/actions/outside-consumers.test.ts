import { expect, test } from '@jest/globals';
import type { Parties } from '../../actions/parties.ts';
import { outsideConsumers } from '../../actions/roll-back/finalize/outside-consumers.ts';
import { systemClock } from '../../src/clock.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { twoSides, type TwoSides } from '../postgres/two-sides.ts';

interface Old {
  dynos?: { name: string; type: string; state: string }[];
  inventory?: Partial<HerokuInventory>;
  forwards?: boolean;
}

/** Each thing that was looked at, with who was found, and after it what to do where that stands in the way. */
async function found(
  { source }: TwoSides,
  { dynos = [], inventory = {}, forwards = false }: Old = {},
): Promise<Record<string, string>> {
  const parties = {
    subject: { environment: { migrationId: 'shop-staging' } },
    oldSide: {
      ...{ app: 'shop', database: source, redis: undefined },
      heroku: { list: () => Promise.resolve(dynos) },
    },
    // A session that is gone after a moment is nobody: its moments pass quickly.
    clock: { ...systemClock, sleep: (ms: number, until?: AbortSignal) => systemClock.sleep(ms / 20, until) },
    ...{ log: silentLog, signal: new AbortController().signal },
  } as unknown as Parties;
  const nobody = { sharedUses: [], dataServices: [], unknown: [] } as unknown as HerokuInventory;
  const findings = await outsideConsumers(parties, { ...nobody, ...inventory }, { forwards });
  return Object.fromEntries(
    findings.map(({ what, found: whom, remedy }) => [
      what,
      remedy === undefined ? whom : `${whom}. ${remedy}`,
    ]),
  );
}

const NOBODY = {
  'sessions on the old database': 'none',
  'other apps with the old data stores attached': 'none',
  'followers and forks of the old databases': 'none',
  'data links of the old databases': 'none',
  'jobs on the old Redis since the switch': 'none',
  'dynos on Heroku': 'none',
};

const service = (more: object): Pick<HerokuInventory, 'dataServices'> =>
  ({
    dataServices: [{ addOn: 'postgresql-curved-1', followers: [], forks: [], links: 0, ...more }],
  }) as unknown as Pick<HerokuInventory, 'dataServices'>;

test('whoever still uses the old side is named with what to do, one kind at a time, and nothing else is', async () => {
  const sides = await twoSides();
  expect(await found(sides)).toEqual(NOBODY);

  const attached = { sharedUses: [{ addOn: 'redis-round-2', app: 'shop-reports', name: 'REDIS' }] };
  expect(await found(sides, { inventory: attached })).toEqual({
    ...NOBODY,
    'other apps with the old data stores attached': expect.stringMatching(
      /^shop-reports has redis-round-2 as REDIS\. .*heroku addons:detach/,
    ),
  });
  expect(
    await found(sides, { inventory: service({ followers: ['follower-1'], forks: ['fork-2'] }) }),
  ).toEqual({
    ...NOBODY,
    'followers and forks of the old databases': expect.stringMatching(
      /^follower-1 of postgresql-curved-1; fork-2 of postgresql-curved-1\. .*move its readers/,
    ),
  });
  expect(await found(sides, { inventory: service({ links: 2 }) })).toEqual({
    ...NOBODY,
    'data links of the old databases': expect.stringMatching(
      /^2 of postgresql-curved-1\. .*pg:links:destroy/,
    ),
  });
  const dynos = [
    { name: 'worker.1', type: 'worker', state: 'up' },
    { name: 'run.4711', type: 'run', state: 'up' },
  ];
  expect(await found(sides, { dynos })).toEqual({
    ...NOBODY,
    'dynos on Heroku': expect.stringMatching(/^worker\.1 \(up\); run\.4711 \(up\)\. .*heroku ps:stop/),
  });
  const dashboard = await withConnection(sides.source, { applicationName: 'metabase' }, () => found(sides));
  expect(dashboard).toEqual({
    ...NOBODY,
    'sessions on the old database': expect.stringMatching(/^metabase \(.*Point them to the new database/),
  });
});

test("the forwarder's web dynos are nobody, and nobody else's are the forwarder's", async () => {
  const sides = await twoSides();
  const web = { name: 'web.1', type: 'web', state: 'up' };
  const worker = { name: 'worker.1', type: 'worker', state: 'up' };
  expect(await found(sides, { dynos: [web], forwards: true })).toEqual(NOBODY);
  expect((await found(sides, { dynos: [web, worker], forwards: true }))['dynos on Heroku']).toMatch(
    /^worker\.1 \(up\)\. /,
  );
  expect((await found(sides, { dynos: [web] }))['dynos on Heroku']).toMatch(/^web\.1 \(up\)\. /);
});

test('what could not be asked may be somebody', async () => {
  const sides = await twoSides();
  const gap = (what: string) => ({ what, why: 'HTTP 403', permission: 'the scope `read-protected`' });
  // The second as Heroku's Advanced tier is told, whose API is not read.
  const unknown = [
    'followers of postgresql-curved-1',
    'followers, credentials and settings of postgresql-flat-2',
    'which other apps use redis-round-3',
    'log drains',
  ].map(gap);
  const refused = 'not known: HTTP 403. It takes the scope `read-protected`.';
  const answer = await found(sides, { inventory: { unknown } as Partial<HerokuInventory> });
  expect(answer).toEqual({
    ...NOBODY,
    'followers of postgresql-curved-1': refused,
    'followers, credentials and settings of postgresql-flat-2': refused,
    'which other apps use redis-round-3': refused,
  });
});
