import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '../../rehearsal/load/load.ts';
import { startPostgres } from '../../rehearsal/servers/postgres.ts';
import { stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { hostNameOf, startWorld, type OldSide, type World } from '../../rehearsal/world.ts';
import { systemClock } from '../../src/clock.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { scale, waitUntilNoDynos } from '../../src/heroku/formation.ts';
import { setMaintenance } from '../../src/heroku/maintenance.ts';
import { silentLog } from '../../src/log.ts';
import { parsePostgresUrl } from '../../src/postgres/connect.ts';
import { pgDump } from '../postgres/peers.ts';
import type { Interruption } from './rehearsed.ts';

const ENVIRONMENT = 'staging';
const DYNO_END_LIMIT_MS = 90_000;
/** So that the load has begun, and has seen the site serve again. */
const AROUND_MS = 3_000;

/**
 * The same shop under the same load, moved as the guides tell: maintenance mode on, workers off, pg_dump into pg_restore,
 * maintenance mode off. In its favour it moves neither Redis nor the app nor the names, proves nothing, and has no way
 * back.
 */
export async function moveByHand(options: {
  sizeMb: number;
  rate: number;
  seed: number;
}): Promise<Interruption> {
  const directory = temporaryDirectory('bench-by-hand');
  const world = await startWorld({ log: silentLog, environments: [ENVIRONMENT], directory, ...options });
  try {
    const side = world.oldSides.get(ENVIRONMENT);
    if (side === undefined) throw new Error('The world has no such environment.');
    await side.app.settled();
    const target = await emptyDatabase(world);
    const heroku = clientOf(world);
    const load = startLoad({
      hostName: hostNameOf(ENVIRONMENT),
      proxyUrl: world.proxyUrl(''),
      caPem: world.authority.pem,
      rate: options.rate,
      seed: options.seed,
      directory,
    });
    await delay(AROUND_MS);
    await setMaintenance(heroku, side.app.name, true);
    await scale(heroku, side.app.name, [{ type: 'worker', quantity: 0 }]);
    await waitUntilNoDynos(heroku, side.app.name, { types: ['worker'], limitMs: DYNO_END_LIMIT_MS });
    await pgDump.copy({
      source: parsePostgresUrl(side.databaseUrl, { mode: 'unverified' }),
      target: target.address,
      sizeBytes: options.sizeMb * 1e6,
      bin: world.postgres.bin,
      environment: world.postgres.environment,
      directory,
    });
    await setMaintenance(heroku, side.app.name, false);
    await delay(AROUND_MS);
    const { downtimeMs, longestHoldMs, refusedRequests } = await load.stop();
    await requireAllOrders(side, target);
    return { downtimeMs, longestHoldMs, oldReleaseEndedAfterMs: null, refusedRequests };
  } finally {
    await world.stop();
    await stopAll();
  }
}

async function emptyDatabase(world: World) {
  const server = await startPostgres({ name: 'by-hand', binaries: world.postgres });
  // A superuser, so that the archive's extensions need no hand: that, too, is in its favour.
  await server.query('postgres', `create role shop superuser login password 'by-hand'`);
  await server.query('postgres', 'create database shop owner shop');
  return { server, address: parsePostgresUrl(server.url('shop', 'shop', 'by-hand'), { mode: 'off' }) };
}

/** A figure of a move that brought nothing, or not all, would be none. Orders are never deleted. */
async function requireAllOrders(
  { postgres }: OldSide,
  { server }: Awaited<ReturnType<typeof emptyDatabase>>,
): Promise<void> {
  const [moved] = await server.query<{ count: number; last: string | null }>(
    'shop',
    'SELECT count(*)::int AS count, max(id) AS last FROM orders',
  );
  const [were] = await postgres.query<{ count: number }>(
    `d${ENVIRONMENT}`,
    'SELECT count(*)::int AS count FROM orders WHERE id <= $1',
    [moved?.last ?? 0],
  );
  if (moved?.last == null || moved.count !== were?.count)
    throw new Error(`pg_restore brought ${moved?.count ?? 0} orders of ${were?.count ?? 0}.`);
}

function clientOf(world: World): HerokuClient {
  const { apiUrl, dataApiUrl } = world.heroku;
  return createHeroku({ token: world.tokens.heroku, apiUrl, dataApiUrl, log: silentLog, clock: systemClock });
}
