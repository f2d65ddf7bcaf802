import { requireMigrationKey } from '../src/migration/secrets.ts';
import { redisSecrets } from '../src/migration/target.ts';
import { OPEN_KEY } from '../src/redis/rights.ts';
import { MIGRATION_KEY } from './pipeline.ts';
import type { HerokuApp } from './heroku/world.ts';
import type { Environment } from './shop/environment.ts';
import { openRedis } from './shop/redis.ts';
import type { EnvironmentName, World } from './world.ts';

/** Which side counts, as the databases themselves say, and what must then hold. */
export async function endState(
  world: World,
  environment: EnvironmentName,
): Promise<{ authoritative: 'heroku' | 'digitalocean'; conditions: { what: string; holds: boolean }[] }> {
  const side = oldSideOf(world, environment);
  const [{ fenced } = { fenced: false }] = await side.postgres.query<{ fenced: boolean }>(
    `d${environment}`,
    `select to_regclass('heroku_to_digitalocean.fence') is not null as fenced`,
  );
  if (fenced) {
    return {
      authoritative: 'digitalocean',
      conditions: world.traffic === 'front-door' ? forwarderStands(side.app) : herokuIsParked(side.app),
    };
  }
  const formation = side.app.formation();
  return {
    authoritative: 'heroku',
    conditions: [
      { what: 'Heroku is out of maintenance mode', holds: !side.app.maintenance() },
      {
        what: 'Heroku runs 2 web dynos and 1 worker',
        holds: formation.web?.quantity === 2 && formation.worker?.quantity === 1,
      },
      { what: 'the new side is closed', holds: await newSideIsClosed(world, environment) },
      {
        what: 'nothing of ours is left on the source but the capture of changes, if the copy is live',
        holds: await isWithoutResidue(world, environment),
      },
    ],
  };
}

function herokuIsParked(app: HerokuApp): { what: string; holds: boolean }[] {
  return [
    { what: 'Heroku is in maintenance mode', holds: app.maintenance() },
    {
      what: 'Heroku runs no dyno of the application',
      holds: app.dynos().every(({ type }) => type === 'scheduler'),
    },
  ];
}

/** The forwarder serves in place of the web process, with as many dynos; of everything else nothing runs. */
function forwarderStands(app: HerokuApp): { what: string; holds: boolean }[] {
  const current = app.releases().find((release) => release.current);
  const web = app.dynos().filter(({ type }) => type === 'web');
  return [
    { what: 'Heroku is out of maintenance mode', holds: !app.maintenance() },
    { what: 'the forwarder is released', holds: /front door/.test(current?.description ?? '') },
    {
      what: 'two web dynos run the forwarder',
      holds: web.filter(({ state, release }) => state === 'up' && release === current?.version).length === 2,
    },
    {
      what: 'Heroku runs no other dyno of the application',
      holds: app.dynos().every(({ type }) => type === 'web' || type === 'scheduler'),
    },
  ];
}

/** Both sides in the shop's own terms; DigitalOcean's is absent until its database and Redis exist. */
export function shopEnvironments(
  world: World,
  environment: EnvironmentName,
): { heroku: Environment; digitalocean: Environment | undefined } {
  const side = oldSideOf(world, environment);
  const heroku = { DATABASE_URL: side.databaseUrl, REDIS_URL: side.redisUrl };
  return { heroku, digitalocean: newSideOf(world, environment) };
}

/** How the new side's databases are reached with every right; undefined while there is none. */
export function newSideOf(world: World, environment: EnvironmentName): Environment | undefined {
  const migrationId = `shop-${environment}`;
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === migrationId);
  const droplet = world.digitalOcean.droplets().find(({ name }) => name === `${migrationId}-redis`);
  if (cluster === undefined || droplet?.redis === undefined) return undefined;
  const { adminPassword } = redisSecrets({
    key: requireMigrationKey(MIGRATION_KEY),
    migrationId,
    mask: () => undefined,
  });
  return {
    DIGITALOCEAN_APP: migrationId,
    DATABASE_URL: cluster.superuserUrl('shop'),
    REDIS_URL: `rediss://admin:${adminPassword}@${droplet.redis.host}:${droplet.redis.port}`,
  };
}

async function newSideIsClosed(world: World, environment: EnvironmentName): Promise<boolean> {
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
  const newSide = newSideOf(world, environment);
  if (cluster === undefined || newSide === undefined) return true;
  const [rights] = await cluster.query<{ open: boolean }>(
    'shop',
    `select coalesce(bool_or(has_table_privilege('shop', oid, 'INSERT, UPDATE, DELETE')), false) as open
       from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace`,
  );
  const redis = openRedis(newSide, { maxRetriesPerRequest: 3, commandTimeout: 5000 });
  try {
    return rights?.open === false && (await redis.get(OPEN_KEY)) !== '1';
  } finally {
    redis.disconnect();
  }
}

/** A capture stays on purpose when a live cutover is undone: the next attempt only catches up. */
async function isWithoutResidue(world: World, environment: EnvironmentName): Promise<boolean> {
  const [row] = await oldSideOf(world, environment).postgres.query<{ left: string; captured: boolean }>(
    `d${environment}`,
    `select count(*) as left, to_regclass('heroku_to_digitalocean.capture') is not null as captured
       from pg_namespace where nspname = 'heroku_to_digitalocean'`,
  );
  return row?.left === '0' || (world.strategy !== 'window' && row?.captured === true);
}

function oldSideOf(world: World, environment: EnvironmentName) {
  const side = world.oldSides.get(environment);
  if (side === undefined) throw new Error(`This world has no ${environment}.`);
  return side;
}
