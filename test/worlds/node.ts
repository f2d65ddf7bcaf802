import { secret } from './ground.ts';
import type { WorldPlan } from './world.ts';

/** Express with a clock process and yarn, and no Redis: what moves has nothing to wait at. */
export const node: WorldPlan = {
  config: `application: tickets
language: node
environments:
  production: { heroku-app: tickets, region: ams, domains: [tickets.example.org] }
dns: { provider: digitalocean, zone: example.org }
`,
  checkout: {
    Procfile: 'web: node dist/server.js\nclock: node dist/clock.js\n',
    'package.json': JSON.stringify({
      name: 'tickets',
      engines: { node: '20.x', yarn: '1.22.x' },
      scripts: { build: 'tsc', 'heroku-postbuild': 'yarn build' },
      dependencies: { express: '^4.18.0', pg: '^8.11.0', 'node-cron': '^3.0.2' },
      devDependencies: { typescript: '^5.4.0' },
    }),
    'yarn.lock': `# yarn lockfile v1


express@^4.18.0:
  version "4.18.3"

node-cron@^3.0.2:
  version "3.0.3"

pg@^8.11.0:
  version "8.11.5"
`,
    'src/server.ts': `import express from 'express';
import { Pool } from 'pg';
export const pool = new Pool({ connectionString: process.env.DATABASE_URL, ssl: { rejectUnauthorized: false } });
express().listen(Number(process.env.PORT));
`,
    'src/clock.ts': `import cron from 'node-cron';
import { pool } from './server';
cron.schedule('*/5 * * * *', () => pool.query('SELECT release_unpaid()'));
`,
  },
  build: async (site) => {
    const database = await site.database({
      connectionLimit: 20,
      sql: `CREATE TABLE tickets (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), seat text, sold_at timestamptz);
        CREATE TABLE buyers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email heroku_ext.citext UNIQUE);
        INSERT INTO tickets (seat) SELECT 'A' || n FROM generate_series(1, 200) n;`,
    });
    await site.heroku.createApp({
      name: 'tickets',
      onPaper: true,
      code: site.directory,
      region: 'eu',
      buildpacks: ['heroku/nodejs'],
      processTypes: { web: 'node dist/server.js', clock: 'node dist/clock.js' },
      formation: {
        web: { quantity: 2, size: 'Standard-1X' },
        clock: { quantity: 1, size: 'Standard-1X' },
      },
      config: {
        SESSION_SECRET: secret(),
        STRIPE_WEBHOOK_SECRET: secret(),
        NODE_ENV: 'production',
        TZ: 'UTC',
      },
      postgres: { plan: 'essential-1', url: database.url },
      addOns: [{ plan: 'sendgrid:bronze', cents: 1995, config: { SENDGRID_API_KEY: secret() } }],
      domains: ['tickets.example.org'],
    });
  },
};
