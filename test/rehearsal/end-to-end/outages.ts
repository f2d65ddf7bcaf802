import type { FaultSwitch } from '../../../rehearsal/faults.ts';
import type { TcpProxy } from '../../../rehearsal/servers/tcp-proxy.ts';
import type { TrafficName } from '../../../rehearsal/world.ts';
import type { at, Shop } from './shop-under-migration.ts';
import { stepsOfCutover } from './steps-of-a-move.ts';

/** A party of the cutover that is gone for a moment, or the runner itself. */
interface Outage {
  what: string;
  act: (shop: Shop) => Parameters<typeof at>[1];
  /** Where it can be met at all; at every step unless given. */
  at?: (place: { step: string; traffic: TrafficName }) => boolean;
}

/** Long enough that a step meets it. */
const LINE_CUT_MS = 1500;
/** Longer than the first attempts of our clients, shorter than their patience: some steps wait for it, others do not. */
const API_GONE_MS = 4000;

const OUTAGES: readonly Outage[] = [
  { what: 'the runner dies', act: () => 'runner' },
  { what: 'the job is cancelled', act: () => 'interrupt' },
  server('the source Postgres is restarted', ({ side }) => side.postgres.restart()),
  server('the new Postgres fails over', (shop) => clusterOf(shop).restart()),
  line('the source Postgres', ({ side }) => [side.proxies.postgres]),
  line('the new Postgres', (shop) => clusterOf(shop).proxies),
  line('the source Redis', ({ side }) => [side.proxies.redis]),
  line('the new Redis', (shop) => newRedisOf(shop).proxies),
  api("Heroku's API", ({ world }) => world.heroku.faults, 'cut'),
  api("Heroku's API", ({ world }) => world.heroku.faults, 503),
  api("DigitalOcean's API", ({ world }) => world.digitalOcean.faults, 'cut'),
  api("DigitalOcean's API", ({ world }) => world.digitalOcean.faults, 500),
  // The gate alone asks GitHub.
  { ...api("GitHub's API", ({ world }) => world.github.faults, 'cut'), at: ({ step }) => step === 'gate' },
  { ...api("GitHub's API", ({ world }) => world.github.faults, 503), at: ({ step }) => step === 'gate' },
  {
    ...api("Cloudflare's API", ({ world }) => world.cloudflare?.faults, 500),
    at: ({ step, traffic }) =>
      traffic === 'cdn' && (step === 'pre-flight' || step === 'open-new-side' || step.startsWith('cdn ')),
  },
];

/** How a cutover may end that met an outage, once somebody has run failed jobs again. */
export type Ends = 'Heroku serves as before, or the new side' | 'the new side serves';

export interface Row {
  step: string;
  outage: Outage;
  ends: Ends;
}

/**
 * Each step of a move with what goes wrong there. A step has so many of the outages that are possible everywhere, drawn
 * by the seed and dealt out evenly over the steps, and all that are possible there only.
 */
export function outagesOf(
  strategy: 'window' | 'live',
  traffic: TrafficName,
  { seed, aStep }: { seed: number; aStep: number },
): Row[] {
  const { before, pointOfNoReturn, after } = stepsOfCutover(strategy, traffic);
  const everywhere = OUTAGES.filter((outage) => outage.at === undefined);
  return [...before, pointOfNoReturn, ...after].flatMap((step, index) => {
    const dealt = Array.from(
      { length: Math.min(aStep, everywhere.length) },
      (_, one) => everywhere[(seed + index * aStep + one) % everywhere.length] as Outage,
    );
    const own = OUTAGES.filter((outage) => outage.at?.({ step, traffic }) === true);
    const ends = after.includes(step) ? 'the new side serves' : 'Heroku serves as before, or the new side';
    return [...dealt, ...own].map((outage): Row => ({ step, outage, ends }));
  });
}

function server(what: string, happen: (shop: Shop) => Promise<unknown>): Outage {
  return { what, act: (shop) => () => void happen(shop) };
}

function line(to: string, proxiesOf: (shop: Shop) => readonly TcpProxy[]): Outage {
  return { what: `the line to ${to} is cut`, act: (shop) => () => cutForAWhile(proxiesOf(shop)) };
}

/** Every connection ends, and none begins for a moment. */
export function cutForAWhile(proxies: readonly TcpProxy[]): void {
  for (const proxy of proxies) {
    proxy.knobs.refuse = true;
    proxy.cut();
  }
  setTimeout(() => {
    for (const { knobs } of proxies) knobs.refuse = false;
  }, LINE_CUT_MS);
}

function api(
  whose: string,
  faultsOf: (shop: Shop) => FaultSwitch | undefined,
  kind: 'cut' | 500 | 503,
): Outage {
  const how = kind === 'cut' ? 'is cut off' : `answers ${kind}`;
  return {
    what: `${whose} ${how} for some seconds`,
    act: (shop) => () => failForAWhile(faultsOf(shop), kind),
  };
}

/** No request is answered well; then all are. */
export function failForAWhile(faults: FaultSwitch | undefined, kind: 'cut' | 500 | 503): void {
  if (faults === undefined) throw new Error('Nobody of that name is in this world.');
  faults.inject({ times: 10_000, kind });
  setTimeout(() => faults.clear(), API_GONE_MS);
}

export function clusterOf({ world, environment }: Shop) {
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
  if (cluster === undefined) throw new Error('There is no cluster yet.');
  return cluster;
}

export function newRedisOf({ world, environment }: Shop) {
  const droplet = world.digitalOcean.droplets().find(({ name }) => name === `shop-${environment}-redis`);
  if (droplet?.redis === undefined) throw new Error('There is no Redis on a droplet yet.');
  return droplet.redis;
}
