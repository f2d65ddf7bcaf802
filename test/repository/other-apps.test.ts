import { expect, test } from '@jest/globals';
import { readRepository } from '../../src/repository/read-repository.ts';
import { repositoryItems, repositoryNotRead } from '../../src/repository/repository-items.ts';
import { app, checkout, itemOf, verdicts } from './support/checkout.ts';

test('a Node app without Redis', async () => {
  const facts = await readRepository(
    await checkout({
      Procfile: 'web: node server.js\n',
      'package.json': JSON.stringify({
        engines: { node: '20.x' },
        scripts: { 'heroku-postbuild': 'vite build' },
        dependencies: {
          express: '^4.18.0',
          pg: '^8.11.0',
          'node-cron': '^3.0.2',
          stripe: '^14.0.0',
          multer: '1.4.5',
        },
        devDependencies: { bullmq: '^5.0.0' },
      }),
      'package-lock.json': JSON.stringify(
        { packages: { 'node_modules/pg': { version: '8.11.3' }, 'node_modules/cron': { version: '2.0.0' } } },
        null,
        2,
      ),
      '.nvmrc': 'v18\n',
      'server.js': `const cron = require('node-cron');
const upload = multer({ dest: 'uploads/' });
cron.schedule('0 3 * * *', nightly);
app.use(session({ cookie: { secure: true, domain: '.example.com' } }));
const pool = new Pool({ connectionString: process.env.DATABASE_URL, ssl: { rejectUnauthorized: false } });
if (process.env.DYNO) console.log('x');
`,
    }),
  );
  expect(facts.libraries.map(({ name, version, locked }) => `${name} ${version ?? ''} ${locked}`)).toEqual([
    'express ^4.18.0 false',
    'multer 1.4.5 false',
    'node-cron ^3.0.2 false',
    'pg 8.11.3 true',
    'stripe ^14.0.0 false',
  ]);
  const items = repositoryItems(
    facts,
    app({
      configVarNames: ['DATABASE_URL', 'STRIPE_WEBHOOK_SECRET'],
      processTypes: { web: 'node server.js' },
    }),
  );
  expect(verdicts(items)).toEqual([
    'automatic repository/checkout',
    'automatic repository/connections',
    'automatic repository/dockerfile',
    'automatic repository/host-setting/cookie-domain',
    'automatic repository/language/node',
    'automatic repository/tls/postgres',
    'automatic repository/uploads',
    'decide repository/build-step/heroku-postbuild',
    'decide repository/buildpack-variables/node',
    'decide repository/callback/stripe',
    'decide repository/local-disk/multer-dest',
    'decide repository/scheduler/node-cron',
    'decide repository/variable/DYNO',
  ]);
  // It would fire on both sides: the new web runs before the switch.
  expect(itemOf(items, 'repository/scheduler/node-cron').options[0]).toBe('it-may-fire-on-both-sides');
  expect(itemOf(items, 'repository/scheduler/node-cron').why).toContain('used in server.js:3');
  expect(itemOf(items, 'repository/tls/postgres').why).toBe('rejectUnauthorized: false (server.js:5)');
  expect(itemOf(items, 'repository/callback/stripe').why).toContain('config var STRIPE_WEBHOOK_SECRET');
});

test('node-postgres without a word on TLS is a question', async () => {
  const files = {
    'package.json': JSON.stringify({ dependencies: { pg: '8.11.0', ioredis: '5.0.0' } }),
    'db.js': 'new Pool({ connectionString: process.env.DATABASE_URL })\n',
  };
  const items = repositoryItems(
    await readRepository(await checkout(files)),
    app({ configVarNames: ['DATABASE_URL', 'REDIS_URL'] }),
  );
  expect(itemOf(items, 'repository/tls/postgres').verdict).toBe('decide');
  expect(itemOf(items, 'repository/tls/redis').remedy).toContain('process.env.REDIS_CA_CERT');
  expect(itemOf(items, 'repository/language/node').why).toBe('package.json names none');
  expect(itemOf(items, 'repository/lock/node').verdict).toBe('decide');
});

test('a Django app', async () => {
  const facts = await readRepository(
    await checkout({
      Procfile:
        'web: gunicorn shop.wsgi --workers 3 --threads 2\nworker: celery -A shop worker -c 4\nbeat: celery -A shop beat\n',
      'requirements.txt':
        'Django==4.2.7\ngunicorn==21.2.0\ncelery[redis]==5.3.4\nredis>=5\npsycopg2-binary==2.9.9\ndjango_heroku==0.3.1 ; python_version > "3"\n-r extra.txt\n',
      '.python-version': '3.12\n',
      'runtime.txt': 'python-3.11.6\n',
      'shop/settings.py': `ALLOWED_HOSTS = ['shop.example.com', '.herokuapp.com']
CSRF_TRUSTED_ORIGINS = ['https://shop.example.com']
SESSION_COOKIE_DOMAIN = '.example.com'
MEDIA_ROOT = BASE_DIR / 'media'
DATABASES = {'default': dj_database_url.config(conn_max_age=600, ssl_require=True)}
CELERY_REDIS = {'ssl_cert_reqs': None}
APP = os.environ.get('HEROKU_APP_NAME')
`,
      'shop/tests/test_settings.py': "os.environ['HEROKU_DYNO_ID']\n",
      Dockerfile: 'FROM python:3.12\n',
    }),
  );
  const items = repositoryItems(facts, app({ configVarNames: ['DATABASE_URL', 'REDIS_URL'] }));
  expect(verdicts(items)).toEqual([
    'automatic repository/checkout',
    'automatic repository/clock/beat',
    'automatic repository/connections',
    'automatic repository/dockerfile',
    'automatic repository/heroku-library/django-heroku',
    'automatic repository/host-setting/session_cookie_domain',
    'automatic repository/queue/celery',
    'automatic repository/tls/postgres',
    'automatic repository/tls/redis',
    'decide repository/build-step/collectstatic',
    'decide repository/buildpack-variables/python',
    'decide repository/heroku-host/herokuapp.com',
    'decide repository/host-list/allowed_hosts',
    'decide repository/host-list/csrf_trusted_origins',
    'decide repository/language/python',
    'decide repository/local-disk/media_root',
    'decide repository/variable/HEROKU_APP_NAME',
  ]);
  expect(itemOf(items, 'repository/language/python').why).toContain('3.12 in .python-version:1');
  expect(itemOf(items, 'repository/connections').why).toBe(
    'web: 3 × 2 = 6 (its command); worker: 4 × 1 = 4 (its command)',
  );
});

test('a Go app with nothing but a web process', async () => {
  const facts = await readRepository(
    await checkout({
      Procfile: 'web: bin/shop\n',
      'go.mod':
        'module example.com/shop\n\n// +heroku goVersion go1.22\ngo 1.21\n\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.5.0\n\tgithub.com/robfig/cron/v3 v3.0.1\n)\n',
      'go.sum': '',
      'main.go':
        'package main\n\nfunc main() {\n\t// os.Getenv("DYNO") long ago\n\tc := cron.New()\n\tcommit := os.Getenv("HEROKU_SLUG_COMMIT")\n}\n',
    }),
  );
  expect(facts.languages).toEqual([
    {
      name: 'go',
      manifest: 'go.mod',
      lock: 'go.sum',
      versions: [{ version: '1.22', path: 'go.mod', line: 3, byHeroku: true }],
    },
  ]);
  expect(verdicts(repositoryItems(facts, app()))).toEqual([
    'automatic repository/checkout',
    'automatic repository/dockerfile',
    'automatic repository/language/go',
    'automatic repository/tls/postgres',
    'decide repository/scheduler/github.com-robfig-cron-v3',
    'decide repository/variable/HEROKU_SLUG_COMMIT',
  ]);
});

test("a Java app reads addresses that only Heroku's buildpack makes", async () => {
  const facts = await readRepository(
    await checkout({
      'pom.xml': '<project>\n<artifactId>spring-boot-starter-web</artifactId>\n</project>\n',
      'system.properties': 'java.runtime.version=21\n',
      'src/main/resources/application.properties': 'spring.datasource.url=${JDBC_DATABASE_URL}\n',
    }),
  );
  expect(itemOf(repositoryItems(facts, app()), 'repository/buildpack-variables/java').what).toBe(
    "addresses that only Heroku's Java buildpack makes: JDBC_DATABASE_URL",
  );
});

test('a monorepo: several apps are told, one is chosen by its directory', async () => {
  const root = await checkout({
    'api/Procfile': 'web: puma\n',
    'api/Gemfile': 'ruby "3.3.0"\ngem "rails"\n',
    'api/Gemfile.lock': 'GEM\n  specs:\n    rails (7.1.0)\n\nRUBY VERSION\n   ruby 3.3.0p0\n',
    'api/app.rb': 'ENV["DYNO"]\n',
    'web/Procfile': 'web: node index.js\n',
    'web/package.json': '{ "dependencies": { "pg": "8.0.0" } }',
    'web/index.js': 'process.env.HEROKU_APP_NAME\n',
    '.github/workflows/ci.yml': 'run: git push https://git.heroku.com/shop.git\n',
  });
  const all = await readRepository(root);
  expect(all.directory).toBeNull();
  const undecided = itemOf(
    repositoryItems(all, app({ configVarNames: ['PROCFILE'] })),
    'repository/directory',
  );
  expect(undecided.verdict).toBe('decide');
  expect(undecided.what).toBe("several directories could be the app's: api, web");
  expect(undecided.why).toContain('Heroku chooses by the config var PROCFILE');

  const api = await readRepository(root, { subdirectory: 'api' });
  expect(api.procfile?.path).toBe('api/Procfile');
  expect(api.languages.map(({ name, manifest }) => `${name} ${manifest}`)).toEqual(['ruby api/Gemfile']);
  expect(api.findings.map(({ what, places }) => `${what} ${places[0]?.path ?? ''}`)).toEqual([
    'deploys to Heroku .github/workflows/ci.yml',
    'DYNO api/app.rb',
  ]);
  await expect(readRepository(root, { subdirectory: '../..' })).rejects.toThrow(
    'is not a directory of the checkout',
  );
  await expect(readRepository(`${root}/nowhere`)).rejects.toThrow('There is no checkout');
});

test('a Rails app of Heroku’s container stack, with delayed_job and cron jobs in app.json', async () => {
  const facts = await readRepository(
    await checkout({
      Gemfile: 'gem "rails"\ngem "delayed_job_active_record"\n',
      'Gemfile.lock':
        'GEM\n  specs:\n    delayed_job (4.1.11)\n    delayed_job_active_record (4.1.8)\n    pg (1.5.4)\n    rails (7.1.0)\n\nRUBY VERSION\n   ruby 3.3.0p0\n',
      Dockerfile: 'FROM ruby:3.3\n',
      'heroku.yml':
        'build:\n  docker:\n    web: Dockerfile\nrun:\n  web: bundle exec puma\n  worker: bundle exec rake jobs:work\n',
      'app.json': JSON.stringify({ cron: [{ command: 'rake nightly', schedule: '0 3 * * *' }] }),
    }),
  );
  const items = repositoryItems(facts, app());
  expect(itemOf(items, 'repository/heroku-yml')).toMatchObject({
    verdict: 'automatic',
    what: 'heroku.yml builds an image (web, worker)',
    becomes: 'the same Dockerfile, built by a workflow',
  });
  expect(itemOf(items, 'repository/app-json/cron')).toMatchObject({
    verdict: 'automatic',
    area: 'schedule',
    becomes: expect.stringContaining('Heroku reads none there'),
    remedy: 'Declare jobs under `schedule` in migration.yml.',
  });
  expect(itemOf(items, 'repository/queue/delayed_job')).toMatchObject({
    verdict: 'automatic',
    becomes: 'its jobs lie in Postgres and move with the database',
    why: 'delayed_job 4.1.11 (Gemfile.lock:3)',
  });
});

test('without a checkout the report says that nobody looked', () => {
  expect(repositoryNotRead('no checkout').map(({ verdict, what }) => `${verdict}: ${what}`)).toEqual([
    'automatic: the repository was not looked at',
  ]);
});

test('everything wrong at once', async () => {
  const facts = await readRepository(
    await checkout({
      Procfile:
        'web: bin/start-pgbouncer bundle exec puma\nworker: bundle exec rake a; bundle exec rake jobs:work\n',
      Gemfile:
        'gem "rails"\ngem "whenever"\ngem "rufus-scheduler"\ngem "good_job"\ngem "platform-api"\ngem "judoscale-rails"\ngem "sneakers"\ngem "pg"\n',
      '.profile': 'export X=1\n',
      'config/puma.rb': 'plugin :solid_queue\nworkers 4\nthreads 5, 5\n',
      'config/database.yml': 'production:\n  sslmode: verify-full\n  sslrootcert: config/ca.pem\n',
      'config/environments/production.rb': 'config.good_job.execution_mode = :async\n',
      'lib/a.rb':
        'ENV["FIXIE_URL"]; ENV["HEROKU_API_KEY"]; ENV["HEROKU_POSTGRESQL_COPPER_URL"]; "https://other-app.herokuapp.com"\n',
    }),
  );
  expect(verdicts(repositoryItems(facts, app({ configVarNames: ['CLOUDAMQP_URL'] })))).toEqual([
    'automatic repository/checkout',
    'automatic repository/connections',
    'automatic repository/dockerfile',
    'automatic repository/queue/good_job',
    'decide repository/buildpack-variables/ruby',
    'decide repository/dyno-scripts',
    'decide repository/egress-proxy/FIXIE_URL',
    'decide repository/heroku-host/other-app.herokuapp.com',
    'decide repository/heroku-library/platform-api',
    'decide repository/heroku-program/web',
    'decide repository/jobs-in-web/good_job-execution_mode-async',
    'decide repository/jobs-in-web/plugin-:solid_queue',
    'decide repository/language/ruby',
    'decide repository/lock/ruby',
    'decide repository/queue/sneakers',
    'decide repository/scheduler/rufus-scheduler',
    'decide repository/scheduler/whenever',
    'decide repository/shell-in-front/worker',
    'decide repository/tls/postgres',
    'decide repository/variable/HEROKU_API_KEY',
    'decide repository/variable/HEROKU_POSTGRESQL_COPPER_URL',
    'decide traffic/autoscaler/judoscale',
    'decide variable/SECRET_KEY_BASE',
  ]);
});
