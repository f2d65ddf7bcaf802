import { EGRESS_ADDRESS } from '../../../rehearsal/world.ts';
import { clusterOf, cutForAWhile, failForAWhile, newRedisOf } from './outages.ts';
import type { Shop } from './shop-under-migration.ts';

/** Something that breaks while a step of the cutover begins. */
export interface RealFault {
  what: string;
  step: string;
  strike: (shop: Shop) => void;
  /** Takes longer than the retries of a client last: for the full run. */
  slow?: true;
  /** The undo may not have been journalled in full: then the next run finishes it and says so, before one may begin anew. */
  forgotten?: true;
}

function refuseForAWhile(shop: Shop, server: 'postgres' | 'redis'): void {
  cutForAWhile([shop.side.proxies[server]]);
}

/** Whoever serves the zone turns us away, as for a token that was revoked. */
function refuseNames({ world }: Shop, method: 'GET' | 'POST' | 'PUT' | 'DELETE'): void {
  world.digitalOcean.faults.inject({
    ...{ method, path: /^\/v2\/domains\//, times: 50 },
    kind: { status: 403, id: 'forbidden', message: 'You are not authorized to perform this operation' },
  });
}

function cutHerokuApi({ world }: Shop): void {
  failForAWhile(world.heroku.faults, 'cut');
}

/** Ends every session of the actions on the new cluster, as a fail-over does. */
async function endSessions(shop: Shop): Promise<void> {
  await clusterOf(shop).query(
    'postgres',
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'h2d%'`,
  );
}

/** Takes the runner out of the trusted sources as well: nothing of the new cluster can be reached any more. */
async function shutOut(shop: Shop): Promise<void> {
  const { apiUrl } = shop.world.digitalOcean;
  const url = `${apiUrl}/v2/databases/${clusterOf(shop).id}/firewall`;
  const headers = {
    authorization: `Bearer ${shop.world.tokens.digitalOcean}`,
    'content-type': 'application/json',
  };
  const { rules } = (await (await fetch(url, { headers })).json()) as {
    rules: { type: string; value: string }[];
  };
  const others = rules
    .filter(({ value }) => value !== EGRESS_ADDRESS)
    .map(({ type, value }) => ({ type, value }));
  await fetch(url, { method: 'PUT', headers, body: JSON.stringify({ rules: others }) });
  await endSessions(shop);
}

/** Before the point of no return: each ends with Heroku serving as before. */
export const FAULTS: RealFault[] = [
  {
    what: "Heroku's answer to the release of the placeholder is lost",
    step: 'park',
    strike: ({ world }) =>
      world.heroku.faults.inject({ method: 'POST', path: /\/releases$/, times: 1, kind: 'truncate' }),
  },
  {
    what: 'Heroku answers 500 to the placeholder slug',
    step: 'park',
    strike: ({ world }) =>
      world.heroku.faults.inject({ method: 'POST', path: /\/slugs$/, times: 1, kind: 500 }),
  },
  {
    what: 'the source database is cut and refuses while the fence is taken',
    step: 'fence',
    strike: (shop) => refuseForAWhile(shop, 'postgres'),
  },
  {
    what: 'the source database is cut and refuses during the copy',
    step: 'copy',
    strike: (shop) => refuseForAWhile(shop, 'postgres'),
  },
  {
    what: 'the source database is cut and refuses during the comparison',
    step: 'parity',
    strike: (shop) => refuseForAWhile(shop, 'postgres'),
  },
  {
    what: 'the source Redis is cut and refuses while workers go quiet',
    step: 'quiet-workers',
    strike: (shop) => refuseForAWhile(shop, 'redis'),
  },
  {
    what: 'the new Redis is cut and refuses while it follows',
    step: 'follow-redis',
    strike: (shop) => cutForAWhile(newRedisOf(shop).proxies),
  },
  {
    what: 'the new Redis is cut and refuses during the last pass',
    step: 'parity',
    strike: (shop) => cutForAWhile(newRedisOf(shop).proxies),
  },
  {
    what: 'whoever serves the zone refuses to be read',
    step: 'pre-flight',
    strike: (shop) => refuseNames(shop, 'GET'),
  },
  {
    what: 'the connection breaks while Heroku is asked for the release of the placeholder, which it never hears of',
    step: 'park',
    strike: ({ world }) =>
      world.heroku.faults.inject({ method: 'POST', path: /\/releases$/, times: 1, kind: 'cut' }),
  },
  {
    what: 'the source Redis is cut and refuses during its last pass',
    step: 'parity',
    strike: (shop) => refuseForAWhile(shop, 'redis'),
  },
  {
    what: 'Heroku answers 500 to every change of the formation, longer than we ask',
    step: 'stop-workers',
    strike: ({ world }) =>
      world.heroku.faults.inject({ method: 'PATCH', path: /formation/, times: 6, kind: 500 }),
    slow: true,
  },
  {
    what: 'Heroku answers 503 to maintenance mode, longer than we ask',
    step: 'maintenance-mode',
    strike: ({ world }) =>
      world.heroku.faults.inject({ method: 'PATCH', path: /^\/apps\/[^/]+$/, times: 6, kind: 503 }),
    slow: true,
  },
  {
    what: 'the new cluster cannot be reached any more, journal included',
    step: 'copy',
    strike: (shop) => void shutOut(shop),
    slow: true,
    forgotten: true,
  },
];

/** Some seconds that the cutover waits for: it goes on, and ends well. */
export const OUTLASTED: RealFault[] = [
  {
    what: "Heroku's API is cut off for some seconds while workers are stopped",
    step: 'stop-workers',
    strike: cutHerokuApi,
  },
  {
    what: "Heroku's API is cut off for some seconds while visitors are shut out",
    step: 'maintenance-mode',
    strike: cutHerokuApi,
  },
  {
    what: 'DigitalOcean answers 500 three times to the records of the new side',
    step: 'dns',
    strike: ({ world }) =>
      world.digitalOcean.faults.inject({ path: /^\/v2\/domains\//, times: 3, kind: 500 }),
  },
  {
    what: 'every session on the new cluster is ended during the smoke test',
    step: 'smoke',
    strike: (shop) => void endSessions(shop),
  },
  {
    what: 'the source Redis is cut and refuses while its jobs are set aside',
    step: 'set-old-jobs-aside',
    strike: (shop) => refuseForAWhile(shop, 'redis'),
  },
  {
    what: 'the new Redis is cut and refuses while it is opened',
    step: 'open-new-side',
    strike: (shop) => cutForAWhile(newRedisOf(shop).proxies),
  },
];

/** After the point of no return, for longer than a step is tried: nothing is undone, and the same job run again ends it. */
export const FAULTS_AFTER: RealFault[] = [
  {
    what: 'the new cluster cannot be reached any more while it is opened, journal included',
    step: 'open-new-side',
    strike: (shop) => void shutOut(shop),
    slow: true,
  },
  {
    what: 'DigitalOcean answers 500 to the records of the new side, longer than the step is tried',
    step: 'dns',
    strike: ({ world }) =>
      world.digitalOcean.faults.inject({ path: /^\/v2\/domains\//, times: 1000, kind: 500 }),
    slow: true,
  },
  {
    what: 'whoever serves the zone refuses to be written',
    step: 'dns',
    strike: (shop) => (['POST', 'PUT', 'DELETE'] as const).forEach((method) => refuseNames(shop, method)),
  },
  {
    what: 'the new cluster cannot be reached any more during the smoke test, journal included',
    step: 'smoke',
    strike: (shop) => void shutOut(shop),
    slow: true,
  },
];
