import { HEROKU_TOKEN, secret, type Database, type Site } from './ground.ts';
import type { WorldPlan } from './world.ts';

export const SITES = ['bakery', 'clinic', 'gym', 'museum'] as const;
export const UNREADABLE = 'acme-vault';
export const WITHOUT_DYNOS = 'museum-next';
export const CMS = 'acme-cms-production';

/**
 * An agency: a content management system and the sites of four customers in one pipeline of twelve apps. Sites use the
 * system's add-ons, one belongs to a customer's own team, one app has no dyno, and one may not be seen.
 */
export const agency: WorldPlan = {
  config: `application: cms
environments:
  staging: { heroku-app: acme-cms-staging, region: ams }
  production: { heroku-app: ${CMS}, region: ams, domains: [cms.acme.example] }
dns: { provider: digitalocean, zone: acme.example }
`,
  checkout: {
    Procfile: 'web: npm start\nworker: node worker.js\n',
    'package.json': JSON.stringify({
      engines: { node: '22.x' },
      scripts: { start: 'node server.js' },
      dependencies: { express: '5.1.0', bullmq: '5.34.0', ioredis: '5.4.1', pg: '8.13.1' },
    }),
    'package-lock.json': JSON.stringify({ packages: {} }),
    'server.js':
      "new (require('pg').Pool)({ connectionString: process.env.DATABASE_URL, ssl: { rejectUnauthorized: false } });\n",
    'worker.js': "new (require('ioredis'))(process.env.REDIS_URL, { tls: { rejectUnauthorized: false } });\n",
  },
  build: async (site) => {
    const [cms, cmsStaging] = await Promise.all([contents(site), contents(site)]);
    const [store, stagingStore] = await Promise.all(
      [50, 25].map((maxMemoryMib) =>
        site.store({
          maxMemoryMib,
          fill: async (redis) => {
            await redis.hset('bull:mail:meta', 'version', 'bullmq:5.34.0');
            await redis.hset('bull:mail:1', 'name', 'welcome', 'data', '{}', 'timestamp', '1');
            await redis.lpush('bull:mail:wait', '1');
          },
        }),
      ),
    );
    await createCms(site, CMS, 'production', cms, { plan: 'premium-0', url: store?.url ?? '' });
    await createCms(site, 'acme-cms-staging', 'staging', cmsStaging, {
      plan: 'mini',
      url: stagingStore?.url ?? '',
    });
    for (const name of SITES) await createSites(site, name);
    await site.heroku.createApp({
      ...bare(site, WITHOUT_DYNOS),
      formation: { web: { quantity: 0, size: 'Basic' } },
      pipeline: { name: 'acme', stage: 'development' },
    });
    await site.heroku.createApp({
      ...bare(site, UNREADABLE),
      addOns: [{ plan: 'sentry:f1', config: { SENTRY_DSN: secret() } }],
      pipeline: { name: 'acme', stage: 'production' },
    });
    const readable = [CMS, 'acme-cms-staging', WITHOUT_DYNOS];
    for (const name of SITES) readable.push(`${name}-production`, `${name}-staging`);
    site.heroku.tokens.add(HEROKU_TOKEN, ['read', 'read-protected'], readable);
  },
};

function contents(site: Site): Promise<Database> {
  return site.database({
    connectionLimit: 120,
    sql: `CREATE TABLE pages (id bigserial PRIMARY KEY, site text NOT NULL, body jsonb);
      INSERT INTO pages (site, body) SELECT 'site', '{}' FROM generate_series(1, 100);`,
  });
}

function bare(site: Site, name: string): Parameters<Site['heroku']['createApp']>[0] {
  return {
    name,
    onPaper: true,
    code: site.directory,
    region: 'eu',
    buildpacks: ['heroku/nodejs'],
    processTypes: { web: 'npm start' },
    formation: { web: { quantity: 1, size: 'Basic' } },
    config: { SESSION_SECRET: secret() },
    domains: [],
    team: 'acme',
  };
}

function createCms(
  site: Site,
  name: string,
  stage: 'staging' | 'production',
  database: Database,
  redis: { plan: string; url: string },
): Promise<unknown> {
  return site.heroku.createApp({
    ...bare(site, name),
    processTypes: { web: 'npm start', worker: 'node worker.js' },
    formation: {
      web: { quantity: 2, size: 'Standard-1X' },
      worker: { quantity: 1, size: 'Standard-1X' },
    },
    postgres: { plan: 'standard-0', url: database.url },
    redis,
    domains: stage === 'production' ? ['cms.acme.example'] : [],
    pipeline: {
      name: 'acme',
      stage,
      ...(stage === 'production' && { review: { automatic: true, open: 2 } }),
    },
  });
}

async function createSites(site: Site, name: (typeof SITES)[number]): Promise<void> {
  const database = await site.database({
    sql: `CREATE TABLE visits (id bigserial PRIMARY KEY, at timestamptz DEFAULT now());
      INSERT INTO visits SELECT FROM generate_series(1, 20);`,
  });
  await site.heroku.createApp({
    ...bare(site, `${name}-production`),
    ...(name === 'bakery' ? { team: 'bakery-gmbh' } : {}),
    postgres: { plan: 'essential-0', url: database.url },
    // The museum reads the pages themselves; the gym puts its mails into the queue.
    ...(name === 'museum' ? { attached: [{ app: CMS, service: 'heroku-postgresql', as: 'PAGES' }] } : {}),
    ...(name === 'gym' ? { attached: [{ app: CMS, service: 'heroku-redis', as: 'REDIS' }] } : {}),
    domains: [`www.${name}.example`],
    pipeline: { name: 'acme', stage: 'production' },
  });
  await site.heroku.createApp({
    ...bare(site, `${name}-staging`),
    pipeline: { name: 'acme', stage: 'staging' },
  });
}
