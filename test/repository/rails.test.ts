import { expect, test } from '@jest/globals';
import { readRepository } from '../../src/repository/read-repository.ts';
import { repositoryItems } from '../../src/repository/repository-items.ts';
import { app, checkout, itemOf, RAILS, verdicts } from './support/checkout.ts';

test('the origin case: each thing in the checkout has a verdict', async () => {
  const facts = await readRepository(await checkout(RAILS));
  expect(verdicts(repositoryItems(facts, app({ configVarNames: ['DATABASE_URL', 'REDIS_URL'] })))).toEqual([
    'automatic repository/app-json/postdeploy',
    'automatic repository/checkout',
    'automatic repository/clock/clock',
    'automatic repository/connections',
    'automatic repository/dockerfile',
    'automatic repository/host-setting/default_url_options',
    'automatic repository/host-setting/session_store-domain',
    'automatic repository/language/ruby',
    'automatic repository/queue/sidekiq',
    'automatic repository/schedule-file/sidekiq-cron',
    'automatic repository/schedule-loaded/sidekiq::cron::job.load_from_hash',
    'automatic repository/scheduler/clockwork',
    'automatic repository/scheduler/sidekiq-cron',
    'automatic repository/tls/postgres',
    'automatic repository/tls/redis',
    'automatic repository/uploads',
    'decide repository/buildpack-variables/ruby',
    'decide repository/callback/shopify',
    'decide repository/deploys-to-heroku',
    'decide repository/heroku-host/shop-1a2b3c.herokuapp.com',
    'decide repository/host-list/config.hosts',
    'decide repository/local-disk/active-storage',
    'decide repository/local-disk/storage-:file',
    'decide repository/shell-in-front/slow',
    'decide repository/system-packages',
    'decide repository/variable/DYNO',
    'decide repository/variable/HEROKU_SLUG_COMMIT',
    'decide variable/SECRET_KEY_BASE',
  ]);
});

test('evidence is a file and a line', async () => {
  const facts = await readRepository(await checkout(RAILS));
  const items = repositoryItems(facts, app());
  expect(itemOf(items, 'repository/variable/DYNO').why).toBe('app/models/release.rb:3');
  expect(itemOf(items, 'repository/heroku-host/shop-1a2b3c.herokuapp.com').why).toMatch(
    /^config\/environments\/production\.rb:3; that host stays at Heroku/,
  );
  expect(itemOf(items, 'repository/queue/sidekiq').why).toBe('sidekiq 6.4.1 (Gemfile.lock:13)');
  expect(itemOf(items, 'repository/system-packages').what).toBe(
    'packages of the system that no Dockerfile installs: libvips42, ffmpeg, wkhtmltox_0.12.6.deb',
  );
});

test('a worker of several commands is not told to end unless its last one is run with exec', async () => {
  const read = async (command: string, script?: string): Promise<string[]> => {
    const facts = await readRepository(
      await checkout({
        Procfile: `worker: ${command}\n`,
        ...(script === undefined ? {} : { 'bin/worker': script }),
      }),
    );
    return verdicts(repositoryItems(facts, app())).filter((line) => line.includes('shell-in-front'));
  };
  const told = ['decide repository/shell-in-front/worker'];
  expect(await read('bundle exec rake db:wait && bundle exec sidekiq')).toEqual(told);
  expect(await read('npm run worker')).toEqual(told);
  expect(await read('bin/worker', '#!/usr/bin/env bash\nset -e\nbundle exec sidekiq\n')).toEqual(told);
  expect(await read('bin/worker', '#!/usr/bin/env bash\nset -e\nexec bundle exec sidekiq\n')).toEqual([]);
  expect(await read('bundle exec rake db:wait && exec bundle exec sidekiq')).toEqual([]);
  expect(await read('RAILS_MAX_THREADS=5 bundle exec sidekiq')).toEqual([]);
});

test('what is deployed counts, and a Procfile that differs is a question', async () => {
  const facts = await readRepository(await checkout({ Procfile: 'web: puma\nextra: sidekiq\n' }));
  const items = repositoryItems(
    facts,
    app({ processTypes: { web: 'puma', rake: 'rake', old: 'cd x; sidekiq' } }),
  );
  expect(itemOf(items, 'repository/procfile-differs').why).toBe(
    'only in Procfile: extra; only deployed: old',
  );
  expect(itemOf(items, 'repository/shell-in-front/old').why).toMatch(
    /^the deployed slug: a shell stays in front/,
  );
});

test("the buildpack's SECRET_KEY_BASE is seen without a dyno, also where credentials hold another", async () => {
  const facts = await readRepository(await checkout(RAILS));
  const verdict = (names: string[] | null): string =>
    itemOf(repositoryItems(facts, app({ configVarNames: names })), 'variable/SECRET_KEY_BASE').verdict;
  expect(verdict(['RAILS_MASTER_KEY'])).toBe('decide');
  expect(verdict(['SECRET_KEY_BASE'])).toBe('automatic');
  expect(verdict(null)).toBe('decide');
  const inCode = await readRepository(
    await checkout({
      ...RAILS,
      'config/initializers/key.rb': 'Rails.application.config.secret_key_base = ENV["KEY"]\n',
    }),
  );
  expect(itemOf(repositoryItems(inCode, app()), 'variable/SECRET_KEY_BASE').verdict).toBe('automatic');
  const image = await readRepository(
    await checkout({ ...RAILS, 'heroku.yml': 'build:\n  docker:\n    web: Dockerfile\n' }),
  );
  expect(verdicts(repositoryItems(image, app())).join()).not.toContain('SECRET_KEY_BASE');
});

test('pools: processes times threads, against what the new database takes', async () => {
  const facts = await readRepository(await checkout(RAILS));
  expect(facts.pools).toEqual([
    {
      process: 'web',
      processes: 2,
      threads: 5,
      variables: ['WEB_CONCURRENCY', 'RAILS_MAX_THREADS'],
      from: 'config/puma.rb',
    },
    { process: 'worker', processes: 1, threads: 8, variables: [], from: 'config/sidekiq.yml' },
    { process: 'slow', processes: 1, threads: 8, variables: [], from: 'config/sidekiq.yml' },
  ]);
  const formation = [
    { type: 'web', quantity: 2 },
    { type: 'worker', quantity: 1 },
    { type: 'slow', quantity: 0 },
  ];
  const item = (connectionLimit: number): string[] => {
    const found = itemOf(
      repositoryItems(facts, app({ formation, connectionLimit })),
      'repository/connections',
    );
    return [found.verdict, found.what];
  };
  expect(item(97)).toEqual(['automatic', 'the processes may open 28 connections']);
  expect(item(22)).toEqual([
    'decide',
    'the processes may open 28 connections, and the new database takes 22',
  ]);
});

test('what the Dockerfile does is not asked for', async () => {
  const facts = await readRepository(
    await checkout({
      ...RAILS,
      Dockerfile:
        'FROM ruby:3.2.2\nENV RAILS_ENV=production RACK_ENV=production \\\n  RAILS_SERVE_STATIC_FILES=enabled RAILS_LOG_TO_STDOUT=1 LANG=C.UTF-8\nRUN apt-get update && \\\n  apt-get install -y --no-install-recommends libvips42 ffmpeg\nRUN bundle exec rails assets:precompile\n',
    }),
  );
  const items = repositoryItems(facts, app());
  expect(verdicts(items)).toContain('automatic repository/dockerfile');
  expect(verdicts(items).join()).not.toMatch(/buildpack-variables|build-step/);
  expect(itemOf(items, 'repository/system-packages').what).toContain('installs: wkhtmltox_0.12.6.deb');
});
