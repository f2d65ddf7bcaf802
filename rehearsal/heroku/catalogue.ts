import type { Identifiers } from './identifiers.ts';

/**
 * What Heroku sells, as far as the rehearsal needs it. Cents a month at most (Heroku bills by the second).
 * Dyno prices: heroku.com/pricing, 2026-07-17. Add-on prices: Heroku Elements as transcribed 2026-07-19; Postgres
 * sizes: devcenter "Postgres production tier technical characterization", 2024-09-06.
 */
export interface DynoSize {
  id: string;
  name: string;
  memoryGb: number;
  compute: number;
  dedicated: boolean;
  cents: number;
  privateSpaceOnly: boolean;
}

export interface Plan {
  id: string;
  /** `heroku-postgresql:standard-0` */
  name: string;
  service: Service;
  cents: number;
  /** What the product's page calls the memory or disk, in bytes. */
  bytes: number;
  connections: number;
}

export interface Service {
  id: string;
  /** `heroku-postgresql`, `heroku-redis`, `scheduler`; of other makers: `papertrail`, `judoscale` … */
  name: string;
  humanName: string;
}

export interface Named {
  id: string;
  name: string;
}

export interface Region extends Named {
  country: string;
  description: string;
  locale: string;
  privateCapable: boolean;
  providerRegion: string;
}

export interface Stack extends Named {
  isDefault: boolean;
  state: 'public' | 'deprecated';
}

export interface Catalogue {
  dynoSizes: DynoSize[];
  services: Service[];
  plans: Plan[];
  regions: Region[];
  stacks: Stack[];
  cedar: Named;
}

const GB = 1024 ** 3;
const MB = 1024 ** 2;

const dynoSizes: [name: string, memoryGb: number, compute: number, dedicated: boolean, dollars: number][] = [
  ['Eco', 0.5, 1, false, 5],
  ['Basic', 0.5, 1, false, 7],
  ['Standard-1X', 0.5, 1, false, 25],
  ['Standard-2X', 1, 2, false, 50],
  ['Performance-M', 2.5, 12, true, 250],
  ['Performance-L', 14, 50, true, 500],
  ['Performance-L-RAM', 30, 24, true, 500],
  ['Performance-XL', 62, 50, true, 750],
  ['Performance-2XL', 126, 100, true, 1500],
];

const privateDynoSizes: typeof dynoSizes = [
  ['Private-S', 1, 12, true, 125],
  ['Private-M', 2.5, 12, true, 250],
  ['Private-L', 14, 50, true, 500],
];

const postgresPlans: [name: string, dollars: number, bytes: number, connections: number][] = [
  ['essential-0', 5, GB, 20],
  ['essential-1', 9, 10 * GB, 20],
  ['essential-2', 20, 32 * GB, 40],
  ['standard-0', 50, 64 * GB, 120],
  ['standard-2', 200, 256 * GB, 400],
  ['standard-3', 400, 512 * GB, 500],
  ['standard-4', 750, 768 * GB, 500],
  ['standard-5', 1400, 1024 * GB, 500],
  ['premium-0', 200, 64 * GB, 120],
  ['premium-2', 350, 256 * GB, 400],
  ['premium-3', 750, 512 * GB, 500],
  ['premium-4', 1200, 768 * GB, 500],
];

const keyValuePlans: typeof postgresPlans = [
  ['mini', 3, 25 * MB, 20],
  ['premium-0', 15, 50 * MB, 40],
  ['premium-1', 30, 100 * MB, 80],
  ['premium-2', 60, 250 * MB, 200],
  ['premium-3', 120, 500 * MB, 400],
  ['premium-5', 200, GB, 1000],
  ['premium-7', 750, 7 * GB, 10_000],
];

const regions: [
  name: string,
  country: string,
  description: string,
  locale: string,
  provider: string,
  isPrivate: boolean,
][] = [
  ['us', 'United States', 'United States', 'Virginia', 'us-east-1', false],
  ['eu', 'Ireland', 'Europe', 'Dublin', 'eu-west-1', false],
  ['frankfurt', 'Germany', 'Frankfurt, Germany', 'Frankfurt', 'eu-central-1', true],
  ['virginia', 'United States', 'Virginia, United States', 'Virginia', 'us-east-1', true],
];

/** Stacks as of 2026-07-14 (heroku/base-images README). */
const stacks: [name: string, isDefault: boolean, state: Stack['state']][] = [
  ['heroku-22', false, 'deprecated'],
  ['heroku-24', true, 'public'],
  ['heroku-26', false, 'public'],
  ['container', false, 'public'],
];

export function createCatalogue(ids: Identifiers): Catalogue {
  const service = (name: string, humanName: string): Service => ({
    id: ids.uuid(),
    name,
    humanName,
  });
  const postgres = service('heroku-postgresql', 'Heroku Postgres');
  const keyValue = service('heroku-redis', 'Heroku Key-Value Store');
  const scheduler = service('scheduler', 'Heroku Scheduler');
  const plansOf = (of: Service, table: typeof postgresPlans): Plan[] =>
    table.map(([name, dollars, bytes, connections]) => ({
      id: ids.uuid(),
      name: `${of.name}:${name}`,
      service: of,
      cents: dollars * 100,
      bytes,
      connections,
    }));
  const sizesOf = (table: typeof dynoSizes, privateSpaceOnly: boolean): DynoSize[] =>
    table.map(([name, memoryGb, compute, dedicated, dollars]) => ({
      id: ids.uuid(),
      name,
      memoryGb,
      compute,
      dedicated,
      cents: dollars * 100,
      privateSpaceOnly,
    }));
  return {
    dynoSizes: [...sizesOf(dynoSizes, false), ...sizesOf(privateDynoSizes, true)],
    services: [postgres, keyValue, scheduler],
    plans: [
      ...plansOf(postgres, postgresPlans),
      ...plansOf(keyValue, keyValuePlans),
      ...plansOf(scheduler, [['standard', 0, 0, 0]]),
    ],
    regions: regions.map(([name, country, description, locale, providerRegion, privateCapable]) => ({
      id: ids.uuid(),
      name,
      country,
      description,
      locale,
      privateCapable,
      providerRegion,
    })),
    stacks: stacks.map(([name, isDefault, state]) => ({ id: ids.uuid(), name, isDefault, state })),
    cedar: { id: ids.uuid(), name: 'cedar' },
  };
}

/** Another maker's plan, such as `papertrail:choklad`; it is on sale from now on, at whatever price the world likes. */
export function otherPlan(catalogue: Catalogue, ids: Identifiers, name: string, cents: number): Plan {
  const known = findNamed(catalogue.plans, name);
  if (known) return known;
  const [maker = name] = name.split(':');
  const service = findNamed(catalogue.services, maker) ?? { id: ids.uuid(), name: maker, humanName: maker };
  if (!catalogue.services.includes(service)) catalogue.services.push(service);
  const plan: Plan = { id: ids.uuid(), name, service, cents, bytes: 0, connections: 0 };
  catalogue.plans.push(plan);
  return plan;
}

/** By id or name, whatever the case: the API says `Standard-1X` and takes `standard-1x`. */
export function findNamed<T extends Named>(all: T[], idOrName: string): T | undefined {
  const wanted = idOrName.toLowerCase();
  return all.find(({ id, name }) => id === wanted || name.toLowerCase() === wanted);
}
