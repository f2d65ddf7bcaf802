import { secret } from './ground.ts';
import type { WorldPlan } from './world.ts';

/** One Eco dyno and the smallest database, without Redis, domain or anybody else: what most people have. */
export const hobby: WorldPlan = {
  config: `application: guestbook
environments:
  production: { heroku-app: guestbook, region: nyc }
`,
  checkout: {
    Procfile: 'web: node index.js\n',
    'package.json': JSON.stringify({
      name: 'guestbook',
      engines: { node: '22.x' },
      dependencies: { express: '4.21.2', pg: '8.13.1' },
    }),
    'package-lock.json': JSON.stringify({
      lockfileVersion: 3,
      packages: {
        'node_modules/express': { version: '4.21.2' },
        'node_modules/pg': { version: '8.13.1' },
      },
    }),
    'index.js': `const express = require('express');
const { Pool } = require('pg');
const pool = new Pool({ connectionString: process.env.DATABASE_URL, ssl: { rejectUnauthorized: false } });
const app = express();
app.get('/', async (request, response) => response.send((await pool.query('SELECT * FROM entries')).rows));
app.listen(process.env.PORT);
`,
  },
  build: async (site) => {
    const database = await site.database({
      sql: `CREATE TABLE entries (id bigserial PRIMARY KEY, name text NOT NULL, said text);
        INSERT INTO entries (name, said) SELECT 'visitor ' || n, 'hello' FROM generate_series(1, 50) n;`,
    });
    await site.heroku.createApp({
      name: 'guestbook',
      onPaper: true,
      code: site.directory,
      buildpacks: ['heroku/nodejs'],
      processTypes: { web: 'node index.js' },
      formation: { web: { quantity: 1, size: 'Eco' } },
      config: { SESSION_SECRET: secret(), NODE_ENV: 'production' },
      postgres: { plan: 'essential-0', url: database.url },
      domains: [],
    });
  },
};
