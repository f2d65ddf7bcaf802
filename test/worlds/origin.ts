import type { Redis } from 'ioredis';
import { RAILS } from '../repository/support/checkout.ts';
import { secret, type Database, type Site, type Store } from './ground.ts';
import type { WorldPlan } from './world.ts';

/**
 * The first user: a Shopify app for thousands of stores, Rails from buildpacks with Sidekiq and Heroku Scheduler, in
 * staging and production. What its dynos and plans were is not known; these are of the usual kind, and every add-on that
 * App Platform or a gem does for nothing is dropped, as they did.
 */
export const origin: WorldPlan = {
  config: `application: stores
strategy: auto
environments:
  staging: { heroku-app: stores-staging, region: nyc, domains: [staging.stores.example.com] }
  production: { heroku-app: stores-production, region: nyc, domains: [app.stores.example.com, stores.example.com] }
dns: { provider: digitalocean, zone: stores.example.com }
schedule:
  - { name: sync-inventory, command: bundle exec rake inventory:sync, cron: "*/10 * * * *" }
  - { name: nightly-report, command: bundle exec rake report:nightly, cron: "0 3 * * *" }
checks:
  - { path: /up }
decisions:
  add-on/librato: drop
  add-on/papertrail: drop
  add-on/scout: drop
  postgres/standby: single-node
`,
  checkout: {
    ...RAILS,
    Procfile: `web: bundle exec puma -C config/puma.rb
worker: bundle exec sidekiq -C config/sidekiq.yml
release: bundle exec rails db:migrate
`,
  },
  build: async (site) => {
    const [staging, production] = await Promise.all([databaseOf(site, 20), databaseOf(site, 3000)]);
    const [small, large] = await Promise.all([storeOf(site, 50, 5), storeOf(site, 7168, 200)]);
    await site.heroku.createApp({
      ...appOf(site, 'staging'),
      formation: {
        web: { quantity: 2, size: 'Standard-2X' },
        worker: { quantity: 1, size: 'Standard-2X' },
        release: { quantity: 0, size: 'Standard-1X' },
      },
      postgres: { plan: 'standard-0', url: staging.url },
      redis: { plan: 'premium-0', url: small.url },
      addOns: [
        papertrail('choklad', 700),
        {
          plan: 'fixie:tricycle',
          cents: 500,
          config: { FIXIE_URL: `http://fixie:${secret()}@velodrome.usefixie.com:80` },
        },
      ],
    });
    await site.heroku.createApp({
      ...appOf(site, 'production'),
      formation: {
        web: { quantity: 6, size: 'Performance-M' },
        worker: { quantity: 2, size: 'Performance-M' },
        release: { quantity: 0, size: 'Standard-1X' },
      },
      postgres: {
        plan: 'premium-0',
        url: production.url,
        backups: [{ hour: 2, timezone: 'America/New_York' }],
      },
      redis: { plan: 'premium-7', url: large.url },
      addOns: [
        papertrail('forsta', 6500),
        {
          plan: 'fixie:tricycle',
          cents: 500,
          config: { FIXIE_URL: `http://fixie:${secret()}@velodrome.usefixie.com:80` },
        },
        { plan: 'scout:squash', cents: 29_900, config: { SCOUT_KEY: secret() } },
        { plan: 'librato:nickel', cents: 13_900, config: { LIBRATO_TOKEN: secret() } },
        {
          plan: 'judoscale:velocity',
          cents: 10_000,
          config: { JUDOSCALE_URL: `https://adapter.judoscale.com/${secret()}` },
        },
      ],
      autoscaling: { min: 6, max: 12, active: false },
      features: ['preboot'],
      drains: [`https://in.logs.example.net/${secret()}`],
      collaborators: ['ada@example.com', 'grace@example.com'],
      github: { repo: 'acme/stores', branch: 'main', autoDeploy: true, waitForCi: true },
    });
  },
};

type AppPart = Omit<Parameters<Site['heroku']['createApp']>[0], 'formation'>;

function appOf(site: Site, stage: 'staging' | 'production'): AppPart {
  return {
    name: `stores-${stage}`,
    onPaper: true,
    code: site.directory,
    buildpacks: ['heroku/nodejs', 'heroku/ruby'],
    processTypes: {
      web: 'bundle exec puma -C config/puma.rb',
      worker: 'bundle exec sidekiq -C config/sidekiq.yml',
      release: 'bundle exec rails db:migrate',
    },
    config: {
      RAILS_MASTER_KEY: secret(),
      SHOPIFY_API_KEY: secret(),
      SHOPIFY_API_SECRET: secret(),
      APP_HOST: stage === 'staging' ? 'staging.stores.example.com' : 'app.stores.example.com',
      RAILS_MAX_THREADS: '5',
      RACK_ENV: 'production',
    },
    scheduler: [
      { command: 'bundle exec rake inventory:sync', every: 10, at: 0 },
      { command: 'bundle exec rake report:nightly', every: 1440, at: 180 },
    ],
    domains:
      stage === 'staging' ? ['staging.stores.example.com'] : ['app.stores.example.com', 'stores.example.com'],
    pipeline: { name: 'stores', stage },
  };
}

function papertrail(
  plan: string,
  cents: number,
): { plan: string; cents: number; config: Record<string, string>; drain: string } {
  return {
    plan: `papertrail:${plan}`,
    cents,
    config: { PAPERTRAIL_API_TOKEN: secret() },
    drain: 'syslog+tls://logs7.papertrailapp.com:28123',
  };
}

function databaseOf(site: Site, shops: number): Promise<Database> {
  return site.database({
    connectionLimit: 120,
    sql: `
      CREATE TABLE shops (id bigserial PRIMARY KEY, domain heroku_ext.citext NOT NULL UNIQUE, token text, settings jsonb);
      CREATE TABLE orders (id bigserial PRIMARY KEY, shop_id bigint NOT NULL REFERENCES shops, total numeric(12,2), at timestamptz);
      CREATE TABLE lines (id bigserial PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE, sku text);
      CREATE INDEX orders_shop ON orders (shop_id, at);
      CREATE INDEX lines_order ON lines (order_id);
      CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
      INSERT INTO shops (domain) SELECT 'shop-' || n || '.myshopify.com' FROM generate_series(1, ${shops}) n;
      INSERT INTO orders (shop_id, total) SELECT 1 + n % ${shops}, n FROM generate_series(1, ${shops * 5}) n;
      INSERT INTO lines (order_id, sku) SELECT 1 + n % ${shops * 5}, 'sku' FROM generate_series(1, ${shops * 10}) n;`,
  });
}

function storeOf(site: Site, maxMemoryMib: number, jobs: number): Promise<Store> {
  return site.store({ maxMemoryMib, fill: (redis) => fillSidekiq(redis, jobs) });
}

async function fillSidekiq(redis: Redis, jobs: number): Promise<void> {
  const job = (jid: string): string =>
    JSON.stringify({ jid, class: 'SyncShop', args: [1], queue: 'default' });
  await redis.sadd('queues', 'default');
  await redis.lpush('queue:default', ...Array.from({ length: jobs }, (_, n) => job(`w${n}`)));
  await redis.zadd('schedule', 4_102_444_800, job('later'));
  await redis.zadd('retry', 4_102_444_800, job('again'));
  for (let n = 0; n < jobs; n += 1) await redis.set(`cache:shops/${n}`, 'x'.repeat(300), 'EX', 3600);
}
