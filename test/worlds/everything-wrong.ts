import { randomBytes } from 'node:crypto';
import { superuserSql, wrongSql } from '../postgres/everything-wrong.ts';
import { RAILS } from '../repository/support/checkout.ts';
import { CANARY, secret } from './ground.ts';
import type { WorldPlan } from './world.ts';

/** An app with everything wrong at once; `staging` is another app that lives on its database. */
export const everythingWrong: WorldPlan = {
  config: `application: wrong
strategy: live
traffic: front-door
environments:
  production: { heroku-app: wrong, region: sgp, domains: [www.wrong.example, mispelt.wrong.example] }
  staging: { heroku-app: borrower, region: sgp }
schedule:
  - { name: cleanup, command: rake cleanup, cron: "0 4 * * *" }
  - { name: forgotten, command: rake forgotten, cron: "0 5 * * *" }
decisions:
  add-on/nobody: drop
  add-on/papertrail: dorp
`,
  checkout: {
    ...RAILS,
    'app/services/export.rb': `class Export
  def call
    File.write("/app/tmp/export.csv", rows)
    HTTP.proxy(URI(ENV["QUOTAGUARDSTATIC_URL"]).host).get("https://partner.example")
  end
end
`,
  },
  build: async (site) => {
    const suffix = randomBytes(3).toString('hex');
    const database = await site.database({
      connectionLimit: 400,
      sql: wrongSql,
      // Heroku's trigger would refuse an extension that it does not offer; there are databases from before.
      asHeroku: ({ name, owner }) => `
        ALTER EVENT TRIGGER validate_extension DISABLE;
        ${superuserSql({ database: name, owner, suffix, herokuFunction: '_heroku.create_ext' })}
        GRANT CONNECT ON DATABASE "${name}" TO bi_${suffix};
        ALTER EVENT TRIGGER validate_extension ENABLE;`,
    });
    const store = await site.store({
      maxMemoryMib: 50,
      configuration: ['maxmemory-policy allkeys-lru'],
      fill: async (redis) => {
        await redis.sadd('queues', 'default');
        await redis.lpush(
          'queue:default',
          JSON.stringify({ jid: '1', class: 'Mail', args: [], queue: 'default' }),
        );
        await redis.set('blob', 'x'.repeat(3_000_000));
        for (let n = 0; n < 200; n += 1) await redis.set(`cache:page:${n}`, 'x'.repeat(2_000));
        await redis.xadd('events', '*', 'a', 'b');
        await redis.call(
          'FUNCTION',
          'LOAD',
          "#!lua name=mylib\nredis.register_function('f', function() return 1 end)",
        );
        await redis.select(3);
        await redis.set('elsewhere', '1');
      },
    });
    await site.heroku.createApp({
      name: 'wrong',
      onPaper: true,
      code: site.directory,
      stack: 'heroku-22',
      team: 'acme',
      collaborators: ['ada@example.com'],
      space: { name: 'vault', shield: true },
      buildpacks: ['https://github.com/HashNuke/heroku-buildpack-elixir'],
      processTypes: {
        web: 'bundle exec puma -C config/puma.rb',
        worker: 'bundle exec sidekiq',
        slow: 'cd . && bundle exec sidekiq -q slow',
        clock: 'bundle exec clockwork clock.rb',
        huge: 'bundle exec rake huge',
        release: 'bundle exec rails db:migrate',
      },
      formation: {
        web: { quantity: 2, size: 'Performance-L' },
        worker: { quantity: 1, size: 'Standard-2X' },
        clock: { quantity: 1, size: 'Eco' },
        huge: { quantity: 1, size: 'Performance-2XL' },
      },
      config: {
        CALLBACK_URL: `https://wrong.herokuapp.com/callback?key=${CANARY}`,
        HIREFIRE_TOKEN: secret(),
        STRIPE_WEBHOOK_SECRET: secret(),
      },
      postgres: {
        plan: 'standard-0',
        url: database.url,
        followers: ['postgresql-flat-11111'],
        forks: ['HEROKU_POSTGRESQL_BLUE'],
        credentials: ['default', 'reports'],
        links: ['redis-curved-22222'],
        maintenance: {
          status: 'pending',
          scheduledFor: '2026-12-01T18:00:00Z',
          requiredBy: '2026-12-08T18:00:00Z',
          reason: 'an operating system update',
        },
      },
      redis: { plan: 'premium-0', url: store.url, maxmemoryPolicy: 'allkeys-lru' },
      scheduler: [
        { command: 'rake cleanup', every: 1440, at: 0 },
        { command: 'rake undeclared', every: 60, at: 10 },
      ],
      addOns: [
        { plan: 'heroku-postgresql:standard-2' },
        { plan: 'papertrail:fixa', cents: 0, config: { PAPERTRAIL_API_TOKEN: secret() } },
        {
          plan: 'cloudamqp:tiger',
          cents: 1900,
          config: { CLOUDAMQP_URL: `amqps://u:${secret()}@amqp.example/u` },
        },
        { plan: 'herokuconnect:demo', cents: 0 },
        { plan: 'crontogo:silver', cents: 1000 },
        {
          plan: 'quotaguardstatic:micro',
          cents: 1900,
          config: { QUOTAGUARDSTATIC_URL: `http://u:${secret()}@proxy.example` },
        },
        { plan: 'mysterious:large', cents: 4200, config: { MYSTERY: secret() } },
      ],
      drains: [`https://drain.example.net/${secret()}`],
      webhooks: [{ url: `https://hooks.example.net/${secret()}`, include: ['api:release'] }],
      domains: ['www.wrong.example', '*.wrong.example', 'wrong.example'],
      acm: false,
      pipeline: { name: 'wrong', stage: 'production', review: { automatic: true, open: 3 } },
      features: ['preboot', 'http-session-affinity', 'runtime-dyno-metadata'],
      github: { repo: 'acme/wrong', branch: 'main', autoDeploy: true, waitForCi: false },
      autoscaling: { min: 2, max: 8, active: true },
    });
    await site.heroku.createApp({
      name: 'borrower',
      onPaper: true,
      code: site.directory,
      buildpacks: ['heroku/ruby'],
      processTypes: { web: 'bundle exec puma' },
      formation: { web: { quantity: 1, size: 'Basic' } },
      config: { SECRET_KEY_BASE: secret() },
      domains: [],
      attached: [
        { app: 'wrong', service: 'heroku-postgresql', as: 'DATABASE', namespace: 'credential:reports' },
        { app: 'wrong', service: 'heroku-redis', as: 'QUEUES' },
      ],
    });
    await database.client('Metabase v0.50.3 [reports]', { user: `bi_${suffix}`, password: 'bi' });
    const puma = await database.client('puma: cluster worker 0: 41 [wrong]');
    await puma.query('BEGIN; SELECT 1');
    await store.client('grafana');
  },
};
