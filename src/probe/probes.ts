import type { Strategy } from '../migration/strategy.ts';

/** What a cutover is about to do, as far as it decides on which of the platforms' ways it rests. */
export interface RestsOn {
  strategy: Strategy;
  traffic: 'dns' | 'front-door' | 'cdn';
  /** The app has a Redis that moves along. */
  redis: boolean;
  /** It has names of its own, for which the new side must have certificates. */
  domains: boolean;
}

export interface ProbeDescription {
  /** At whose side it is tried, and therefore what it needs. */
  at: 'Heroku' | 'DigitalOcean';
  /** What holds when it has passed. */
  claim: string;
  /** Whether a cutover of this kind would go wrong where the claim is wrong. */
  neededBy(cutover: RestsOn): boolean;
}

const always = (): boolean => true;
/** Whatever rests on it looks for itself, long before a cutover, and says what to do. */
const never = (): boolean => false;
const throughTheFrontDoor = ({ traffic }: RestsOn): boolean => traffic === 'front-door';

const described = {
  'scheduler-address': {
    at: 'Heroku',
    claim: "Scheduler's jobs can be read where its dashboard reads them",
    neededBy: never,
  },
  'default-credential': {
    at: 'Heroku',
    claim:
      "the database's default role may lock its tables, put triggers on them that refuse writes, make a schema, functions and row triggers, and end its own sessions",
    neededBy: always,
  },
  'key-value-store': {
    at: 'Heroku',
    claim:
      'Key-Value Store allows SCAN, DUMP, PTTL, RENAME and MULTI, scripts, CLIENT TRACKING and CLIENT PAUSE … WRITE',
    neededBy: ({ redis }) => redis,
  },
  'router-hold': {
    at: 'Heroku',
    claim:
      'when a release is made without preboot, the router lets requests wait for the new web dyno and refuses none, and the old one gets no new request',
    neededBy: throughTheFrontDoor,
  },
  'foreign-slug': {
    at: 'Heroku',
    claim: 'a slug that another app built can be released by its id, and serves',
    neededBy: throughTheFrontDoor,
  },
  'slug-outlives-app': {
    at: 'Heroku',
    claim: 'such a slug still starts when the app that built it is deleted',
    neededBy: throughTheFrontDoor,
  },
  'attached-dyno': {
    at: 'Heroku',
    claim: 'what an attached one-off dyno writes can be read over its rendezvous address',
    neededBy: never,
  },
  'empty-slug': {
    at: 'Heroku',
    claim:
      'an empty slug can be uploaded and released, and a one-off dyno that starts on it finds no application code',
    neededBy: ({ traffic }) => traffic !== 'front-door',
  },
  doadmin: {
    at: 'DigitalOcean',
    claim:
      "`doadmin` may create extensions and load tables of a user that the API made, after that user's own grant",
    neededBy: always,
  },
  'open-sessions': {
    at: 'DigitalOcean',
    claim:
      'a right that the owner of a table takes from itself, or gives back, counts at once in sessions that are open',
    neededBy: always,
  },
  'private-network': {
    at: 'DigitalOcean',
    claim:
      "an app in the VPC reaches the cluster and the Redis droplet at their private addresses, and the droplet's cloud-config starts Redis",
    neededBy: always,
  },
  'plain-domain': {
    at: 'DigitalOcean',
    claim:
      'App Platform proves a plain domain by a TXT record, and issues its certificate, before DNS leads there',
    neededBy: ({ traffic, domains }) => traffic === 'dns' && domains,
  },
} as const satisfies Record<string, ProbeDescription>;

export type ProbeId = keyof typeof described;

/** Every probe there is, in the order in which each side's are run. */
export const probes: Readonly<Record<ProbeId, ProbeDescription>> = described;
export const probeIds = Object.keys(described) as ProbeId[];

/** Without which a cutover of this kind should not begin. */
export function neededProbes(cutover: RestsOn): ProbeId[] {
  return probeIds.filter((id) => probes[id].neededBy(cutover));
}
