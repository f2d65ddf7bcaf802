import { parseRedisUrl } from '../../src/redis/connect.ts';
import { secret, type Site } from '../../test/worlds/ground.ts';
import type { WorldPlan } from '../../test/worlds/world.ts';
import { makeKeys } from '../redis/keys.ts';

export interface Size {
  /** In one pipeline; every other one has a database, every fifth a Redis. */
  apps: number;
  /** Of the app that is asked for, each with a sequence, four indexes and a foreign key. */
  tables: number;
  /** In its Redis. */
  keys: number;
}

const MAIN_APP = 'main-production';
const TABLES_AT_ONCE = 100;

/** A pipeline of many apps, one of them with a large schema and a large Redis. */
export function manyApps({ apps, tables, keys }: Size): WorldPlan {
  return {
    config: `application: main
environments:
  production: { heroku-app: ${MAIN_APP}, region: fra, domains: [www.main.example] }
dns: { provider: digitalocean, zone: main.example }
`,
    checkout: {
      Procfile: 'web: node server.js\nworker: node worker.js\n',
      'package.json': JSON.stringify({ engines: { node: '22.x' }, dependencies: { pg: '8.13.1' } }),
    },
    build: async (site) => {
      await createMain(site, tables, keys);
      for (let number = 1; number < apps; number += 1) await createOther(site, number);
    },
  };
}

async function createMain(site: Site, tables: number, keys: number): Promise<void> {
  const database = await site.database({ connectionLimit: 120 });
  for (let from = 1; from <= tables; from += TABLES_AT_ONCE) {
    await site.ground.postgres.query(
      database.name,
      tablesSql(database.owner, from, Math.min(tables, from + TABLES_AT_ONCE - 1)),
    );
  }
  await site.ground.postgres.query(database.name, 'ANALYZE');
  const store = await site.store({ maxMemoryMib: 500 });
  await makeKeys(parseRedisUrl(store.url, { mode: 'unverified' }), { keys, largeBytes: 5e6 });
  await site.heroku.createApp({
    ...bare(site, MAIN_APP),
    processTypes: { web: 'node server.js', worker: 'node worker.js' },
    formation: {
      web: { quantity: 4, size: 'Standard-2X' },
      worker: { quantity: 2, size: 'Standard-2X' },
    },
    postgres: { plan: 'standard-0', url: database.url },
    redis: { plan: 'premium-3', url: store.url },
    domains: ['www.main.example'],
    pipeline: { name: 'many', stage: 'production' },
  });
}

/** Four indexes with the key's own, a sequence, and a foreign key to the table before. */
function tablesSql(owner: string, from: number, to: number): string {
  return `SET SESSION AUTHORIZATION "${owner}";
    DO $$ BEGIN
      FOR n IN ${from}..${to} LOOP
        EXECUTE format('CREATE TABLE t_%s (id bigserial PRIMARY KEY, parent_id bigint, name text NOT NULL, email text UNIQUE,
          state text DEFAULT ''new'', data jsonb, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz)', n);
        EXECUTE format('INSERT INTO t_%s (parent_id, name) SELECT NULL, ''row '' || r FROM generate_series(1, 20) r', n);
        EXECUTE format('CREATE INDEX ON t_%s (parent_id, created_at)', n);
        EXECUTE format('CREATE INDEX ON t_%s (state) WHERE state = ''new''', n);
        IF n > 1 THEN
          EXECUTE format('ALTER TABLE t_%s ADD FOREIGN KEY (parent_id) REFERENCES t_%s', n, n - 1);
        END IF;
      END LOOP;
    END $$`;
}

async function createOther(site: Site, number: number): Promise<void> {
  const database =
    number % 2 === 0
      ? await site.database({ sql: 'CREATE TABLE visits (id bigserial PRIMARY KEY, at timestamptz)' })
      : undefined;
  const store = number % 5 === 0 ? await site.store({ maxMemoryMib: 25 }) : undefined;
  await site.heroku.createApp({
    ...bare(site, `client-${String(number).padStart(3, '0')}`),
    ...(database === undefined ? {} : { postgres: { plan: 'essential-0', url: database.url } }),
    ...(store === undefined ? {} : { redis: { plan: 'mini', url: store.url } }),
    addOns: [{ plan: 'papertrail:choklad', cents: 700, config: { PAPERTRAIL_API_TOKEN: secret() } }],
    pipeline: { name: 'many', stage: number % 2 === 0 ? 'production' : 'staging' },
  });
}

function bare(site: Site, name: string): Parameters<Site['heroku']['createApp']>[0] {
  return {
    name,
    onPaper: true,
    code: site.directory,
    region: 'eu',
    buildpacks: ['heroku/nodejs'],
    processTypes: { web: 'node server.js' },
    formation: { web: { quantity: 1, size: 'Basic' } },
    config: { SESSION_SECRET: secret(), NODE_ENV: 'production' },
    domains: [],
  };
}
