import { EGRESS_ADDRESS } from '../../../rehearsal/world.ts';
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

/** Long enough that a step meets it, short enough that Heroku itself comes through. */
const OUTAGE_MS = 1500;

function refuseForAWhile(shop: Shop, server: 'postgres' | 'redis'): void {
  const proxy = shop.side.proxies[server];
  proxy.knobs.refuse = true;
  proxy.cut();
  setTimeout(() => {
    proxy.knobs.refuse = false;
  }, OUTAGE_MS);
}

function clusterOf({ world, environment }: Shop) {
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
  if (cluster === undefined) throw new Error('There is no cluster yet.');
  return cluster;
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

/** Each ends with Heroku serving as before. */
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
