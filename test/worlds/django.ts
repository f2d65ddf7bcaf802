import { secret } from './ground.ts';
import type { WorldPlan } from './world.ts';

/** Django with Celery on Redis, WhiteNoise and gunicorn, its jobs in Heroku Scheduler. */
export const django: WorldPlan = {
  config: `application: library
environments:
  production: { heroku-app: library-live, region: lon, domains: [www.library.example] }
dns: { provider: digitalocean, zone: library.example }
schedule:
  - { name: overdue-letters, command: python manage.py overdue, cron: "30 6 * * *" }
`,
  checkout: {
    Procfile:
      'web: gunicorn library.wsgi --workers 3 --threads 2\nworker: celery -A library worker -c 4\nrelease: python manage.py migrate\n',
    'requirements.txt':
      'Django==4.2.16\ngunicorn==22.0.0\ncelery[redis]==5.4.0\nredis==5.0.8\npsycopg2-binary==2.9.9\ndj-database-url==2.2.0\nwhitenoise==6.7.0\n',
    '.python-version': '3.12\n',
    'manage.py': "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'library.settings')\n",
    'library/settings.py': `ALLOWED_HOSTS = ['www.library.example', 'library-live.herokuapp.com']
CSRF_TRUSTED_ORIGINS = ['https://www.library.example']
STATIC_ROOT = BASE_DIR / 'staticfiles'
DATABASES = {'default': dj_database_url.config(conn_max_age=600, ssl_require=True)}
CELERY_BROKER_URL = os.environ['REDIS_URL'] + '?ssl_cert_reqs=none'
SECRET_KEY = os.environ['SECRET_KEY']
`,
    'library/wsgi.py':
      'from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n',
  },
  build: async (site) => {
    const database = await site.database({
      connectionLimit: 20,
      sql: `CREATE TABLE django_migrations (id bigserial PRIMARY KEY, app varchar(255), name varchar(255), applied timestamptz);
        CREATE TABLE books (id bigserial PRIMARY KEY, title text NOT NULL, isbn varchar(13) UNIQUE);
        CREATE TABLE loans (id bigserial PRIMARY KEY, book_id bigint NOT NULL REFERENCES books, due date);
        CREATE INDEX books_title ON books USING gin (title heroku_ext.gin_trgm_ops);
        INSERT INTO books (title, isbn) SELECT 'Book ' || n, n FROM generate_series(1, 300) n;
        INSERT INTO loans (book_id, due) SELECT n, current_date + n FROM generate_series(1, 100) n;`,
    });
    const store = await site.store({
      maxMemoryMib: 25,
      fill: async (redis) => {
        const task = JSON.stringify({ headers: { task: 'library.tasks.mail', id: 'b1' }, body: 'W10=' });
        await redis.lpush('celery', task, task, task);
        await redis.sadd('_kombu.binding.celery', 'celery\u0006\u0016\u0006\u0016celery');
        await redis.set('celery-task-meta-7d0a', JSON.stringify({ status: 'SUCCESS' }), 'EX', 86_400);
      },
    });
    await site.heroku.createApp({
      name: 'library-live',
      onPaper: true,
      code: site.directory,
      region: 'eu',
      buildpacks: ['heroku/python'],
      processTypes: {
        web: 'gunicorn library.wsgi --workers 3 --threads 2',
        worker: 'celery -A library worker -c 4',
        release: 'python manage.py migrate',
      },
      formation: { web: { quantity: 1, size: 'Basic' }, worker: { quantity: 1, size: 'Basic' } },
      config: { SECRET_KEY: secret(), DJANGO_SETTINGS_MODULE: 'library.settings', WEB_CONCURRENCY: '3' },
      postgres: { plan: 'essential-0', url: database.url },
      redis: { plan: 'mini', url: store.url },
      scheduler: [{ command: 'python manage.py overdue', every: 1440, at: 390 }],
      domains: ['www.library.example'],
    });
  },
};
