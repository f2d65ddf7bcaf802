import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { isDue } from '../../../rehearsal/heroku/scheduler.ts';
import { ask, at, codeDirectory, text, playedHeroku, shop, until } from './played-heroku.ts';

const jsonApi = { accept: 'application/vnd.api+json', 'content-type': 'application/vnd.api+json' };

test('Scheduler jobs fire as one-off dynos, also in maintenance mode', async () => {
  const world = await playedHeroku({ schedulerMinuteMs: 20 });
  const code = codeDirectory();
  const app = await shop(world, {
    code,
    formation: {},
    scheduler: [{ command: 'echo $DYNO >> fired', every: 10, at: 0 }],
  });
  await ask(world, 'PATCH', '/apps/shop', { maintenance: true });
  const before = app.logs().length;
  await until(
    () =>
      app
        .logs()
        .slice(before)
        .filter((line) => line.includes('exited with status 0')).length >= 2,
  );
  const fired = readFileSync(join(code, 'fired'), 'utf8').trim().split('\n');
  for (const dyno of fired) expect(dyno).toMatch(/^scheduler\.\d{4}$/);
});

test('jobs are due at their minute of the hour or of the day', () => {
  const firesWithin = (job: { every: 10 | 60 | 1440; at: number }, minutes: number) =>
    Array.from({ length: minutes }, (_, minute) => minute).filter((minute) => isDue(job, minute));
  expect(firesWithin({ every: 10, at: 0 }, 35)).toEqual([0, 10, 20, 30]);
  expect(firesWithin({ every: 60, at: 20 }, 150)).toEqual([20, 80, 140]);
  expect(firesWithin({ every: 1440, at: 180 }, 3000)).toEqual([180, 1620]);
});

test('the dashboard’s API lists, adds, changes and removes jobs', async () => {
  const world = await playedHeroku();
  const app = await shop(world, { scheduler: [{ command: 'node job.ts', every: 1440, at: 180 }] });
  const path = `/apps/${app.id}/jobs`;
  const listed = await ask(world, 'GET', path, undefined, jsonApi);
  expect(at(listed.body, 'data')).toMatchObject([
    {
      type: 'jobs',
      attributes: { command: 'node job.ts', every: 1440, at: 180, 'dyno-size': 'Standard-1X' },
    },
  ]);
  const job = { data: { type: 'jobs', attributes: { command: 'x', every: 60, at: 20 } } };
  const added = await ask(world, 'POST', path, job, jsonApi);
  expect(added.status).toBe(201);
  job.data.attributes.at = 25;
  expect((await ask(world, 'POST', path, job, jsonApi)).status).toBe(422);
  const one = `${path}/${text(added.body, 'data.id')}`;
  const changes = { data: { attributes: { command: 'y' } } };
  expect((await ask(world, 'PATCH', one, changes, jsonApi)).body).toMatchObject({
    data: { attributes: { command: 'y', at: 20 } },
  });
  expect((await ask(world, 'DELETE', one, undefined, jsonApi)).status).toBe(204);
  expect(at((await ask(world, 'GET', path, undefined, jsonApi)).body, 'data')).toHaveLength(1);
});
