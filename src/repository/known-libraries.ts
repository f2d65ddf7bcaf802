export type Ecosystem = 'gem' | 'npm' | 'pypi' | 'go' | 'composer' | 'maven' | 'hex';

/** What a library means for a move. */
export type LibraryRole =
  /** Runs background jobs that lie in Redis, Postgres or a broker. */
  | { role: 'queue'; store: 'Redis' | 'Postgres' | 'broker' }
  /** Starts work by the clock from inside a process. */
  | { role: 'scheduler'; runs: 'with its queue' | 'in any process' | 'never here' }
  /** Another company calls the application at an address that is registered there. */
  | { role: 'callback'; service: string; where: string }
  | { role: 'postgres-driver' }
  | { role: 'redis-client' }
  /** Keeps uploaded files. */
  | { role: 'upload' }
  | { role: 'object-storage' }
  | { role: 'framework' }
  /** Reads Heroku's own interfaces; `scaler`: part of an autoscaler, by the name of its maker's product. */
  | { role: 'heroku'; does: string; scaler?: string };

const REDIS_QUEUE: LibraryRole = { role: 'queue', store: 'Redis' };
const POSTGRES_QUEUE: LibraryRole = { role: 'queue', store: 'Postgres' };
const WITH_QUEUE: LibraryRole = { role: 'scheduler', runs: 'with its queue' };
const IN_ANY_PROCESS: LibraryRole = { role: 'scheduler', runs: 'in any process' };
const DRIVER: LibraryRole = { role: 'postgres-driver' };
const REDIS: LibraryRole = { role: 'redis-client' };
const UPLOAD: LibraryRole = { role: 'upload' };
const STORAGE: LibraryRole = { role: 'object-storage' };
const FRAMEWORK: LibraryRole = { role: 'framework' };
const scaler = (name: string): LibraryRole => ({
  role: 'heroku',
  does: "scales Heroku's dynos",
  scaler: name,
});
const JUDOSCALE = scaler('Judoscale');
const HIREFIRE = scaler('HireFire');
const DYNOSCALE = scaler('Dynoscale');

const callback = (service: string, where: string): LibraryRole => ({ role: 'callback', service, where });
const SHOPIFY = callback(
  'Shopify',
  "the app's setup in the Partner Dashboard, or shopify.app.toml (App URL, redirect URLs, GDPR webhooks)",
);
const STRIPE = callback('Stripe', 'https://dashboard.stripe.com/webhooks');
const GITHUB = callback('GitHub', "the app's or OAuth app's settings, and the webhooks of its repositories");
const SLACK = callback('Slack', 'https://api.slack.com/apps (event, interactivity and redirect URLs)');
const TWILIO = callback('Twilio', 'https://console.twilio.com (the webhooks of each number)');
const GOOGLE = callback(
  'Google',
  'https://console.cloud.google.com/apis/credentials (authorized redirect URIs)',
);
const FACEBOOK = callback(
  'Facebook',
  'https://developers.facebook.com/apps (valid OAuth redirect URIs, webhooks)',
);
const PAYPAL = callback('PayPal', 'https://developer.paypal.com/dashboard (webhooks)');
const INTUIT = callback('QuickBooks', 'https://developer.intuit.com (redirect URIs, webhooks)');
const SALESFORCE = callback('Salesforce', 'the connected app (callback URL)');
const MICROSOFT = callback(
  'Microsoft',
  'https://entra.microsoft.com (redirect URIs of the app registration)',
);
const AUTH0 = callback('Auth0', 'https://manage.auth0.com (allowed callback URLs)');
const SAML = callback('SAML', "the identity provider's settings (assertion consumer URL)");
const PLAID = callback('Plaid', 'https://dashboard.plaid.com (webhooks, redirect URIs)');
const TELEGRAM = callback('Telegram', 'a `setWebhook` call to its Bot API');

/**
 * Libraries that matter for a move, by the name in their registry. What is not here is of no concern to where the
 * application runs.
 */
export const KNOWN_LIBRARIES: Readonly<Record<Ecosystem, Readonly<Record<string, LibraryRole>>>> = {
  gem: {
    rails: FRAMEWORK,
    railties: FRAMEWORK,
    sinatra: FRAMEWORK,
    sidekiq: REDIS_QUEUE,
    'sidekiq-pro': REDIS_QUEUE,
    'sidekiq-ent': REDIS_QUEUE,
    resque: REDIS_QUEUE,
    good_job: POSTGRES_QUEUE,
    delayed_job: POSTGRES_QUEUE,
    delayed_job_active_record: POSTGRES_QUEUE,
    que: POSTGRES_QUEUE,
    queue_classic: POSTGRES_QUEUE,
    solid_queue: POSTGRES_QUEUE,
    sneakers: { role: 'queue', store: 'broker' },
    shoryuken: { role: 'queue', store: 'broker' },
    'sidekiq-cron': WITH_QUEUE,
    'sidekiq-scheduler': WITH_QUEUE,
    'resque-scheduler': WITH_QUEUE,
    delayed_cron_job: WITH_QUEUE,
    'que-scheduler': WITH_QUEUE,
    clockwork: WITH_QUEUE,
    'rufus-scheduler': IN_ANY_PROCESS,
    whenever: { role: 'scheduler', runs: 'never here' },
    shopify_app: SHOPIFY,
    shopify_api: SHOPIFY,
    stripe: STRIPE,
    stripe_event: STRIPE,
    octokit: GITHUB,
    'omniauth-github': GITHUB,
    'slack-ruby-client': SLACK,
    'slack-ruby-bot': SLACK,
    'omniauth-slack': SLACK,
    'twilio-ruby': TWILIO,
    'omniauth-google-oauth2': GOOGLE,
    'omniauth-facebook': FACEBOOK,
    'omniauth-salesforce': SALESFORCE,
    restforce: SALESFORCE,
    'omniauth-saml': SAML,
    'ruby-saml': SAML,
    'omniauth-auth0': AUTH0,
    'omniauth-azure-activedirectory-v2': MICROSOFT,
    plaid: PLAID,
    'quickbooks-ruby': INTUIT,
    'telegram-bot': TELEGRAM,
    pg: DRIVER,
    redis: REDIS,
    'redis-client': REDIS,
    carrierwave: UPLOAD,
    shrine: UPLOAD,
    paperclip: UPLOAD,
    kt_paperclip: UPLOAD,
    'aws-sdk-s3': STORAGE,
    'fog-aws': STORAGE,
    'google-cloud-storage': STORAGE,
    'platform-api': { role: 'heroku', does: "calls Heroku's API" },
    rails_autoscale_agent: JUDOSCALE,
    'judoscale-ruby': JUDOSCALE,
    'judoscale-rails': JUDOSCALE,
    'judoscale-rack': JUDOSCALE,
    'judoscale-sidekiq': JUDOSCALE,
    'judoscale-resque': JUDOSCALE,
    'judoscale-delayed_job': JUDOSCALE,
    'judoscale-good_job': JUDOSCALE,
    'judoscale-que': JUDOSCALE,
    adept_scale_active_job: scaler('Adept Scale'),
    dynoscale_ruby: DYNOSCALE,
    dynoscale_agent: DYNOSCALE,
    'hirefire-resource': HIREFIRE,
  },
  npm: {
    express: FRAMEWORK,
    next: FRAMEWORK,
    '@nestjs/core': FRAMEWORK,
    fastify: FRAMEWORK,
    bullmq: REDIS_QUEUE,
    bull: REDIS_QUEUE,
    kue: REDIS_QUEUE,
    'bee-queue': REDIS_QUEUE,
    'pg-boss': POSTGRES_QUEUE,
    'graphile-worker': POSTGRES_QUEUE,
    amqplib: { role: 'queue', store: 'broker' },
    'node-cron': IN_ANY_PROCESS,
    cron: IN_ANY_PROCESS,
    croner: IN_ANY_PROCESS,
    'node-schedule': IN_ANY_PROCESS,
    'toad-scheduler': IN_ANY_PROCESS,
    agenda: IN_ANY_PROCESS,
    '@nestjs/schedule': IN_ANY_PROCESS,
    '@shopify/shopify-api': SHOPIFY,
    '@shopify/shopify-app-express': SHOPIFY,
    '@shopify/shopify-app-remix': SHOPIFY,
    stripe: STRIPE,
    octokit: GITHUB,
    '@octokit/app': GITHUB,
    '@octokit/webhooks': GITHUB,
    probot: GITHUB,
    'passport-github2': GITHUB,
    '@slack/bolt': SLACK,
    '@slack/events-api': SLACK,
    twilio: TWILIO,
    'passport-google-oauth20': GOOGLE,
    'google-auth-library': GOOGLE,
    'passport-facebook': FACEBOOK,
    '@paypal/checkout-server-sdk': PAYPAL,
    'passport-saml': SAML,
    '@node-saml/passport-saml': SAML,
    'express-openid-connect': AUTH0,
    'passport-azure-ad': MICROSOFT,
    jsforce: SALESFORCE,
    plaid: PLAID,
    telegraf: TELEGRAM,
    'node-telegram-bot-api': TELEGRAM,
    pg: DRIVER,
    postgres: DRIVER,
    'pg-promise': DRIVER,
    sequelize: DRIVER,
    typeorm: DRIVER,
    knex: DRIVER,
    prisma: DRIVER,
    '@prisma/client': DRIVER,
    redis: REDIS,
    ioredis: REDIS,
    multer: UPLOAD,
    formidable: UPLOAD,
    'express-fileupload': UPLOAD,
    'multer-s3': STORAGE,
    '@aws-sdk/client-s3': STORAGE,
    'aws-sdk': STORAGE,
    '@google-cloud/storage': STORAGE,
    'heroku-client': { role: 'heroku', does: "calls Heroku's API" },
    'judoscale-express': JUDOSCALE,
    'judoscale-fastify': JUDOSCALE,
    'judoscale-bull': JUDOSCALE,
    'judoscale-bullmq': JUDOSCALE,
  },
  pypi: {
    django: FRAMEWORK,
    flask: FRAMEWORK,
    fastapi: FRAMEWORK,
    gunicorn: FRAMEWORK,
    uvicorn: FRAMEWORK,
    celery: { role: 'queue', store: 'broker' },
    rq: REDIS_QUEUE,
    'django-rq': REDIS_QUEUE,
    dramatiq: { role: 'queue', store: 'broker' },
    huey: REDIS_QUEUE,
    arq: REDIS_QUEUE,
    'django-q': REDIS_QUEUE,
    'django-q2': REDIS_QUEUE,
    procrastinate: POSTGRES_QUEUE,
    'django-celery-beat': WITH_QUEUE,
    'celery-redbeat': WITH_QUEUE,
    'rq-scheduler': WITH_QUEUE,
    apscheduler: IN_ANY_PROCESS,
    'django-apscheduler': IN_ANY_PROCESS,
    'flask-apscheduler': IN_ANY_PROCESS,
    schedule: IN_ANY_PROCESS,
    'django-crontab': { role: 'scheduler', runs: 'never here' },
    stripe: STRIPE,
    'dj-stripe': STRIPE,
    shopifyapi: SHOPIFY,
    pygithub: GITHUB,
    'slack-bolt': SLACK,
    'slack-sdk': SLACK,
    twilio: TWILIO,
    'django-allauth': callback(
      'the login providers of django-allauth',
      "each provider's console (redirect URIs)",
    ),
    'social-auth-app-django': callback(
      'the login providers of social-auth',
      "each provider's console (redirect URIs)",
    ),
    'python3-saml': SAML,
    'simple-salesforce': SALESFORCE,
    'plaid-python': PLAID,
    'python-telegram-bot': TELEGRAM,
    psycopg: DRIVER,
    'psycopg-binary': DRIVER,
    psycopg2: DRIVER,
    'psycopg2-binary': DRIVER,
    asyncpg: DRIVER,
    redis: REDIS,
    'django-redis': REDIS,
    'django-storages': STORAGE,
    boto3: STORAGE,
    'google-cloud-storage': STORAGE,
    'django-heroku': { role: 'heroku', does: "configures Django from Heroku's environment" },
    'django-on-heroku': { role: 'heroku', does: "configures Django from Heroku's environment" },
    heroku3: { role: 'heroku', does: "calls Heroku's API" },
    judoscale: JUDOSCALE,
    'judoscale-python': JUDOSCALE,
    'hirefire-resource': HIREFIRE,
    dynoscale: DYNOSCALE,
  },
  go: {
    'github.com/robfig/cron': IN_ANY_PROCESS,
    'github.com/robfig/cron/v3': IN_ANY_PROCESS,
    'github.com/go-co-op/gocron': IN_ANY_PROCESS,
    'github.com/go-co-op/gocron/v2': IN_ANY_PROCESS,
    'github.com/hibiken/asynq': REDIS_QUEUE,
    'github.com/gocraft/work': REDIS_QUEUE,
    'github.com/riverqueue/river': POSTGRES_QUEUE,
    'github.com/lib/pq': DRIVER,
    'github.com/jackc/pgx/v4': DRIVER,
    'github.com/jackc/pgx/v5': DRIVER,
    'github.com/redis/go-redis/v9': REDIS,
    'github.com/go-redis/redis/v8': REDIS,
    'github.com/gomodule/redigo': REDIS,
    'github.com/heroku/heroku-go/v5': { role: 'heroku', does: "calls Heroku's API" },
  },
  composer: {
    'laravel/framework': FRAMEWORK,
    'symfony/framework-bundle': FRAMEWORK,
    'laravel/horizon': REDIS_QUEUE,
    'kyon147/laravel-shopify': SHOPIFY,
    'osiset/laravel-shopify': SHOPIFY,
    'shopify/shopify-api': SHOPIFY,
    'stripe/stripe-php': STRIPE,
    'laravel/cashier': STRIPE,
    'laravel/socialite': callback(
      'the login providers of Socialite',
      "each provider's console (redirect URIs)",
    ),
    'twilio/sdk': TWILIO,
    'predis/predis': REDIS,
    'league/flysystem-aws-s3-v3': STORAGE,
  },
  maven: {
    'spring-boot-starter-web': FRAMEWORK,
    'spring-boot-starter-quartz': IN_ANY_PROCESS,
    quartz: IN_ANY_PROCESS,
    postgresql: DRIVER,
    jedis: REDIS,
    'lettuce-core': REDIS,
    'stripe-java': STRIPE,
  },
  hex: {
    phoenix: FRAMEWORK,
    oban: POSTGRES_QUEUE,
    quantum: IN_ANY_PROCESS,
    postgrex: DRIVER,
    redix: REDIS,
    exq: REDIS_QUEUE,
    stripity_stripe: STRIPE,
    waffle: UPLOAD,
    ex_aws_s3: STORAGE,
  },
};

/** Libraries of one role, whatever the ecosystem they come from. */
export function roleOf(ecosystem: Ecosystem, name: string): LibraryRole | undefined {
  const known = KNOWN_LIBRARIES[ecosystem];
  return Object.hasOwn(known, name) ? known[name] : undefined;
}
