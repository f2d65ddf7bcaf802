import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { buildPlan, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import { readBuildFacts } from '../../src/repository-files/build-facts.ts';
import { repositoryFiles, type RepositoryFiles } from '../../src/repository-files/repository-files.ts';
import { imageVersion } from '../../src/repository-files/image-version.ts';
import { readRepository } from '../../src/repository/read-repository.ts';
import { config, input, inventory } from '../migration/support/assessed-app.ts';
import { godoFields, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { checkout, RAILS } from '../repository/support/checkout.ts';
import { django } from '../worlds/django.ts';
import { node } from '../worlds/node.ts';
import { instructionsOf, stagesOf } from './dockerfile-parser.ts';

interface Given {
  files: Readonly<Record<string, string>>;
  processTypes?: Record<string, string>;
  buildpacks?: string[];
  plan?: Partial<PlanInput>;
  subdirectory?: string;
}

async function proposed({
  files,
  processTypes,
  buildpacks = [],
  plan,
  subdirectory,
}: Given): Promise<RepositoryFiles & { at: (path: string) => string; plan: Plan }> {
  const root = await checkout(files);
  const facts = await readRepository(root, subdirectory === undefined ? {} : { subdirectory });
  const made = buildPlan(
    input({
      inventory: {
        ...inventory,
        ...(processTypes === undefined ? {} : { processTypes }),
        buildpacks,
      },
      ...plan,
    }),
  );
  const result = repositoryFiles({
    plan: made,
    appName: 'shop-staging',
    environment: 'staging',
    specPath: '.do/app.yaml',
    healthPath: '/health',
    facts,
    build: readBuildFacts(join(root, facts.directory ?? '')),
    buildpacks,
  });
  const at = (path: string): string => {
    const file = result.files.find((one) => one.path === path);
    if (file === undefined)
      throw new Error(`No ${path} among ${result.files.map((one) => one.path).join(', ')}`);
    return file.content;
  };
  return { ...result, at, plan: made };
}

const RAILS_APP: Given = {
  files: RAILS,
  processTypes: {
    web: 'bundle exec puma -C config/puma.rb',
    worker: 'bundle exec sidekiq -C config/sidekiq.yml',
    release: 'bundle exec rails db:migrate',
  },
  buildpacks: ['https://github.com/heroku/heroku-buildpack-apt', 'heroku/nodejs', 'heroku/ruby'],
};

const WORLDS: [string, Given, { image: string; program: string }][] = [
  ['Rails', RAILS_APP, { image: 'docker.io/library/ruby:3.2.2-slim', program: 'ruby' }],
  [
    'Node',
    {
      files: node.checkout,
      processTypes: { web: 'node dist/server.js', worker: 'node dist/clock.js' },
      buildpacks: ['heroku/nodejs'],
    },
    { image: 'docker.io/library/node:20-slim', program: 'node' },
  ],
  [
    'Django',
    {
      files: django.checkout,
      processTypes: { web: 'gunicorn library.wsgi --workers 3', worker: 'celery -A library worker' },
      buildpacks: ['heroku/python'],
    },
    { image: 'docker.io/library/python:3.12-slim', program: 'python' },
  ],
];

test.each(WORLDS)(
  '%s: the image has the version that Heroku runs and the program that workers wait with, no rights and no secret',
  async (_name, given, { image, program }) => {
    const { at, plan } = await proposed(given);
    const text = at('Dockerfile');
    const stages = stagesOf(text);
    expect(stages.map(({ from }) => from)).toContain(image);
    const last = stages.at(-1);
    // The last stage goes back to the image of the language, not to another one.
    expect(last?.image).toBe(image);
    expect(plan.language).toBe(program);
    expect(last?.instructions.filter(({ name }) => name === 'USER')).toHaveLength(1);
    expect(last?.instructions.find(({ name }) => name === 'USER')?.value).not.toMatch(/^(0|root)/);
    expect(stages.length).toBeGreaterThan(1);
    // Every file that a COPY names alone is there, and every stage that it copies from.
    const names = stages.map(({ as }) => as);
    for (const { name, value } of instructionsOf(text).filter((one) => one.name === 'COPY')) {
      const from = /--from=(\S+)/.exec(value)?.[1];
      if (from !== undefined) expect(names).toContain(from);
      else if (name === 'COPY')
        for (const word of value.split(' ').slice(0, -1))
          if (word !== '.') expect(Object.keys(given.files)).toContain(word);
    }
    // Secrets are dummies of one command: no ENV and no ARG is one.
    const kept = instructionsOf(text).filter(({ name }) => name === 'ENV' || name === 'ARG');
    expect(kept.map(({ value }) => value).join(' ')).not.toMatch(/SECRET|PASSWORD|TOKEN|KEY|URL/);
    const ignored = at('.dockerignore').split('\n');
    for (const line of ['.git', '**/.env*', 'config/master.key', '**/node_modules'])
      expect(ignored).toContain(line);
  },
);

test('Rails: assets without a real secret, as that version of Rails takes it; Aptfile and libraries are installed', async () => {
  const assets = { 'Gemfile.lock': lockWith({ 'sprockets-rails': '3.4.2', bootsnap: '1.18.0' }) };
  const old = await proposed({ ...RAILS_APP, files: { ...RAILS, ...assets } });
  const text = old.at('Dockerfile');
  expect(text).toMatch(
    /RUN SECRET_KEY_BASE=only-while-building .*\\\n {4}bundle exec rails assets:precompile/,
  );
  const run = stagesOf(text)
    .find(({ as }) => as === 'base')
    ?.instructions.find(({ name }) => name === 'RUN');
  for (const name of ['libvips42', 'ffmpeg', 'wkhtmltopdf', 'postgresql-client'])
    expect(run?.value.split(/\s+/)).toContain(name);
  expect(old.checks.join('\n')).toContain('wkhtmltox_0.12.6.deb');

  const newer = { 'Gemfile.lock': lockWith({ 'sprockets-rails': '3.4.2' }).replaceAll('7.0.8', '7.1.3') };
  const fresh = await proposed({ ...RAILS_APP, files: { ...RAILS, ...newer } });
  expect(fresh.at('Dockerfile')).toContain('RUN SECRET_KEY_BASE_DUMMY=1 ');
  expect((await proposed(RAILS_APP)).at('Dockerfile')).not.toContain('assets:precompile');
});

test('Django collects its static files, Node builds as Heroku would and keeps only libraries of production', async () => {
  const [, [, nodeApp], [, djangoApp]] = WORLDS as [unknown, [string, Given], [string, Given]];
  const python = (await proposed(djangoApp)).at('Dockerfile');
  expect(python).toContain('python manage.py collectstatic --noinput');
  expect(python).not.toContain('libpq');
  const fromSource = { 'requirements.txt': 'Django==4.2.16\npsycopg2==2.9.9\n-r more.txt\n' };
  const built = await proposed({ ...djangoApp, files: { ...djangoApp.files, ...fromSource } });
  expect(built.at('Dockerfile')).toMatch(/AS base[^]*libpq5[^]*AS build[^]*libpq-dev/);
  expect(built.at('Dockerfile')).not.toContain('COPY requirements.txt');
  expect(python).toContain('FORWARDED_ALLOW_IPS="*"');
  const javascript = (await proposed(nodeApp)).at('Dockerfile');
  expect(javascript).toContain('RUN yarn run heroku-postbuild');
  expect(javascript).toContain('yarn install --frozen-lockfile --production');
  expect(javascript).toContain('CMD ["node","dist/server.js"]');
});

test('buildpacks bring their programs; one that nobody knows is told', async () => {
  const { at, checks } = await proposed({
    ...RAILS_APP,
    buildpacks: [
      'https://github.com/jonathanong/heroku-buildpack-ffmpeg-latest.git',
      'heroku/google-chrome',
      'https://github.com/acme/heroku-buildpack-frobnicate',
      'heroku/ruby',
    ],
  });
  expect(at('Dockerfile')).toMatch(/ chromium .*ffmpeg/);
  expect(checks.join('\n')).toContain('heroku-buildpack-frobnicate');
});

test('a Dockerfile of one’s own is left alone, and .dockerignore with it; one of ours is brought up to date', async () => {
  for (const path of ['Dockerfile', 'docker/Dockerfile.production']) {
    const theirs = await proposed({ ...RAILS_APP, files: { ...RAILS, [path]: 'FROM ruby:3.2\n' } });
    expect(theirs.files.map((file) => file.path)).not.toContain('Dockerfile');
    expect(theirs.files.map((file) => file.path)).not.toContain('.dockerignore');
    expect(theirs.told.join('\n')).toContain(path);
  }
  const deeper = { ...RAILS, 'services/proxy/Dockerfile': 'FROM nginx\n' };
  expect((await proposed({ ...RAILS_APP, files: deeper })).at('Dockerfile')).toContain('ruby');
  const ours = (await proposed(RAILS_APP)).at('Dockerfile');
  const again = await proposed({ ...RAILS_APP, files: { ...RAILS, Dockerfile: ours } });
  expect(again.at('Dockerfile')).toBe(ours);
});

test('heroku.yml that builds an image needs nothing of it; another language and an unknown directory are told', async () => {
  const container = { ...RAILS, 'heroku.yml': 'build:\n  docker:\n    web: Dockerfile\n' };
  expect((await proposed({ ...RAILS_APP, files: container })).files.map(({ path }) => path)).not.toContain(
    'Dockerfile',
  );
  const go = await proposed({ files: { 'go.mod': 'module x\n\ngo 1.22\n', Procfile: 'web: bin/x\n' } });
  expect(go.files.map(({ path }) => path)).toEqual(['.do/app.yaml']);
  expect(go.told.join('\n')).toContain('No Dockerfile');
  const two = { 'a/Procfile': 'web: a\n', 'b/Procfile': 'web: b\n' };
  expect((await proposed({ files: two })).told.join('\n')).toContain('repository-directory');
});

const SIDEKIQ_ONLY: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(RAILS)
    .filter(([path]) => path !== 'config/schedule.yml')
    .map(([path, text]) => [
      path,
      path === 'Gemfile.lock' ? text.replaceAll(/^.*sidekiq-cron.*\n/gm, '') : text,
    ]),
);

test('without sidekiq-cron the schedule is a template for a newer one, and the gem is a thing to do: no lock file is touched', async () => {
  const { at, files, checks } = await proposed({ ...RAILS_APP, files: SIDEKIQ_ONLY });
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual([
    'Dockerfile',
    '.dockerignore',
    'config/scheduled_commands.yml',
    'app/jobs/scheduled_command_job.rb',
    'config/initializers/scheduled_commands.rb',
    'config/schedule.yml',
    'config/initializers/sidekiq_web.rb',
    '.do/app.yaml',
  ]);
  expect(at('config/schedule.yml')).toContain("if here.include?('nightly')");
  expect(at('config/schedule.yml')).toContain('cron: "0 3 * * * UTC"');
  expect(at('config/initializers/scheduled_commands.rb')).not.toContain('Job.create');
  expect(parse(at('config/scheduled_commands.yml'))).toEqual({
    nightly: { command: 'rake nightly', timeout: 1800 },
  });
  expect(checks.join('\n')).toContain('bundle add sidekiq-cron');
  // A second run finds its own files in the checkout, and proposes the same.
  const merged = Object.fromEntries(files.map(({ path, content }) => [path, content]));
  const again = await proposed({ ...RAILS_APP, files: { ...SIDEKIQ_ONLY, ...merged } });
  expect(again.files).toEqual(files);
});

test('an older sidekiq-cron gets its jobs from an initializer; a schedule.yml of one’s own is left alone', async () => {
  const old = await proposed(RAILS_APP);
  expect(old.files.map(({ path }) => path)).not.toContain('config/schedule.yml');
  expect(old.at('config/initializers/scheduled_commands.rb')).toContain("'nightly' => '0 3 * * * UTC'");
  const newer = (RAILS['Gemfile.lock'] ?? '').replace('sidekiq-cron (1.8.0)', 'sidekiq-cron (2.3.0)');
  const theirs = await proposed({ ...RAILS_APP, files: { ...RAILS, 'Gemfile.lock': newer } });
  expect(theirs.files.map(({ path }) => path)).not.toContain('config/schedule.yml');
  expect(theirs.snippets.map(({ text }) => text).join('\n')).toContain('scheduled-nightly:');
});

test('the queue is one that the worker looks at; without views, or with an old Sidekiq, less is proposed', async () => {
  const queues = { 'config/sidekiq.yml': ':concurrency: 8\n:queues:\n  - [critical, 2]\n  - low\n' };
  const other = await proposed({ ...RAILS_APP, files: { ...SIDEKIQ_ONLY, ...queues } });
  expect(other.at('config/schedule.yml')).toContain('queue: critical');
  expect(other.at('app/jobs/scheduled_command_job.rb')).toContain("queue: 'critical'");
  const api = { 'config/application.rb': 'class App\n  config.api_only = true\nend\n' };
  const plain = await proposed({ ...RAILS_APP, files: { ...SIDEKIQ_ONLY, ...api } });
  expect(plain.files.map(({ path }) => path)).not.toContain('config/initializers/sidekiq_web.rb');
  const lock = (SIDEKIQ_ONLY['Gemfile.lock'] ?? '').replace('sidekiq (6.4.1)', 'sidekiq (5.2.9)');
  const old = await proposed({ ...RAILS_APP, files: { ...SIDEKIQ_ONLY, 'Gemfile.lock': lock } });
  expect(old.files.map(({ path }) => path)).not.toContain('config/schedule.yml');
  expect(old.told.join('\n')).toContain('Sidekiq 5.2.9');
});

test('a job that needs a large instance stays with App Platform', async () => {
  const large = { jobs: [{ command: 'rake nightly', dynoSize: 'Performance-M', every: 1440, at: 180 }] };
  const { files, told } = await proposed({ ...RAILS_APP, files: SIDEKIQ_ONLY, plan: { scheduler: large } });
  expect(files.map(({ path }) => path)).not.toContain('config/schedule.yml');
  expect(told.join('\n')).toMatch(/nightly stays with App Platform/);
});

test.each([
  ['~> 3.2.0', '3.2'],
  ['~> 3.2', '3'],
  ['3.2.2', '3.2.2'],
  ['20.x', '20'],
  ['^20.1.0', '20'],
  ['~20.1.0', '20.1'],
  ['>=18 <21', '18'],
  ['==3.12.*', '3.12'],
])('the version %s is the tag %s', (version, tag) => {
  const told = { version, path: 'x', line: 1, byHeroku: true };
  const made = imageVersion('node', { versions: [told] });
  expect(made.tag).toBe(tag);
  expect(made.check !== null).toBe(version.startsWith('>'));
});

test('an app in a directory of a monorepo gets its files there', async () => {
  const files = Object.fromEntries(Object.entries(RAILS).map(([path, text]) => [`api/${path}`, text]));
  const { files: made } = await proposed({ ...RAILS_APP, files, subdirectory: 'api' });
  expect(made.map(({ path }) => path)).toEqual(
    expect.arrayContaining(
      ['api/Dockerfile', 'api/.dockerignore', '.do/app.yaml'].filter(
        (path) => path !== 'api/config/schedule.yml',
      ),
    ),
  );
});

test('.do/app.yaml tells components and names of variables, and holds no value and no wait', async () => {
  const { at, plan } = await proposed({
    ...RAILS_APP,
    plan: {
      variables: [
        { name: 'PAYMENT_KEY', fate: 'kept', reason: 'as it is' },
        { name: 'OLD', fate: 'dropped', reason: 'x' },
      ],
    },
  });
  const text = at('.do/app.yaml');
  const spec = parse(text) as Record<string, unknown> & { jobs: { kind: string; schedule?: unknown }[] };
  expect(spec['envs']).toEqual([{ key: 'PAYMENT_KEY', scope: 'RUN_TIME', type: 'SECRET' }]);
  expect(text).not.toContain('value:');
  expect(text).not.toContain('waiting until');
  expect(text).toContain('provision manages the live spec');
  expect(spec).toMatchObject({ name: 'shop-staging', region: plan.region, workers: [{ name: 'worker' }] });
  expect(spec.jobs).toMatchObject([
    { kind: 'PRE_DEPLOY' },
    { kind: 'SCHEDULED', schedule: { cron: '0 3 * * *', time_zone: 'UTC' } },
  ]);
});

const withContract = hasContract ? test : test.skip;
withContract('.do/app.yaml has no field that an app spec has not', async () => {
  const spec = parse((await proposed(RAILS_APP)).at('.do/app.yaml')) as Record<
    string,
    Record<string, unknown>[]
  >;
  const known = (type: string, objects: readonly object[]): void => {
    const fields = godoFields(type);
    expect(fields.length).toBeGreaterThan(3);
    for (const one of objects) for (const key of Object.keys(one)) expect(fields).toContain(key);
  };
  known('AppSpec', [spec]);
  known('AppServiceSpec', spec['services'] ?? []);
  known('AppWorkerSpec', spec['workers'] ?? []);
  known('AppJobSpec', spec['jobs'] ?? []);
});

test('a command that may hold a secret is in no file', async () => {
  const secret = 'rake sync TOKEN=s3cr3t-s3cr3t';
  const { files, told } = await proposed({
    ...RAILS_APP,
    processTypes: { web: 'bundle exec puma --key password=hunter2hunter2', worker: 'bundle exec sidekiq' },
    plan: {
      config: {
        ...config,
        schedule: [{ name: 'sync', command: secret, cron: '0 3 * * *', timeZone: 'UTC' }],
      },
    },
  });
  const all = files.map(({ content }) => content).join('\n');
  expect(all).not.toContain('s3cr3t');
  expect(all).not.toContain('hunter2');
  expect(told.join('\n')).toContain('sync');
});

function lockWith(gems: Record<string, string>): string {
  const lines = Object.entries(gems).map(([name, version]) => `    ${name} (${version})\n`);
  return (RAILS['Gemfile.lock'] ?? '').replace('  specs:\n', `  specs:\n${lines.join('')}`);
}

const SINATRA = `GEM
  remote: https://rubygems.org/
  specs:
    rack (3.0.0)
    sinatra (4.0.0)

PLATFORMS
  ruby

DEPENDENCIES
  sinatra
`;

test.each([
  [
    'Rails',
    RAILS_APP,
    'config/initializers/front_door.rb',
    'middleware.insert_before 0, FrontDoor',
    undefined,
  ],
  ['Node', WORLDS[1]?.[1], 'front-door.cjs', 'http.Server.prototype.emit', 'require("./front-door.cjs")'],
  ['Django', WORLDS[2]?.[1], 'front_door.py', 'def asgi(', 'front_door.wsgi(application)'],
  [
    'Rack',
    { files: { Gemfile: "gem 'sinatra'\n", 'Gemfile.lock': SINATRA, Procfile: 'web: bundle exec puma\n' } },
    'front_door.rb',
    'class FrontDoor',
    'use FrontDoor',
  ],
])(
  '%s: with the front door the middleware that trusts the forwarder is proposed, and without it is not',
  async (_name, given, path, holds, toDo) => {
    if (given === undefined) throw new Error('There is no such world.');
    const frontDoor = { ...config, traffic: 'front-door' as const };
    const made = await proposed({ ...given, plan: { config: frontDoor } });
    expect(made.at(path)).toContain(holds);
    expect(made.at(path)).toContain('FRONT_DOOR_SECRET');
    if (toDo !== undefined) expect(made.checks.join('\n')).toContain(toDo);
    expect((await proposed(given)).files.map((file) => file.path)).not.toContain(path);
  },
);

test('with the front door an app in a language without a middleware is told so', async () => {
  const files = { 'go.mod': 'module x\n\ngo 1.22\n', Procfile: 'web: bin/x\n' };
  const made = await proposed({ files, plan: { config: { ...config, traffic: 'front-door' } } });
  expect(made.told.join('\n')).toContain('X-Front-Door');
});
