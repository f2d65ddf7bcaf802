import type { HerokuInventory } from '../heroku/inventory.ts';

type AddOn = HerokuInventory['addOns'][number];

/** What an add-on that is not moved is for, and what a person can do with it. */
export interface AddOnKind {
  /** `logs`, `mail` … */
  kind: string;
  /** What ends when the add-on does: it goes with the Heroku app. */
  dies: string;
  /** The default first. */
  options: readonly AddOnOption[];
}

export type AddOnOption = 'keep-by-config' | 'replace' | 'drop';

/** Its config vars go on working from anywhere, until the Heroku app is deleted. */
const REACHED_BY_CONFIG: readonly AddOnOption[] = ['keep-by-config', 'replace', 'drop'];
/** It acts on dynos, and there are none on the new side. */
const ACTS_ON_DYNOS: readonly AddOnOption[] = ['drop', 'replace'];

function kind(
  name: string,
  dies: string,
  services: string,
  options = REACHED_BY_CONFIG,
): [AddOnKind, string[]] {
  return [{ kind: name, dies, options }, services.split(' ')];
}

/** Services by the names that Heroku Elements gives them, as far as they are common (read in November 2026). */
const KINDS: readonly [AddOnKind, string[]][] = [
  kind(
    'logs',
    'the stored logs, saved searches and alerts; and it gets no logs from the new side, as it is fed by a log drain of the Heroku app',
    'papertrail logdna mezmo logentries coralogix sumologic logtail betterstack logzio loggly timber',
  ),
  kind(
    'mail',
    'the account: mail is no longer sent, and lists of refused addresses, templates and the reputation of the sender are gone',
    'sendgrid mailgun postmark mailtrap mailersend sparkpost mailtogo cloudmailin',
  ),
  kind(
    'search',
    'the index, which must be built again elsewhere',
    'bonsai searchbox foundelasticsearch algoliasearch swiftype websolr',
  ),
  kind(
    'monitoring',
    'the history of measurements, dashboards and alerts',
    'newrelic scout appsignal skylight librato datadog solarwinds dynatrace instana hostedgraphite opbeat appoptics',
  ),
  kind(
    'errors',
    'the collected errors and alerts',
    'sentry rollbar bugsnag airbrake raygun honeybadger exceptionhunter',
  ),
  kind('a cache', 'what is cached', 'memcachier memcachedcloud'),
  kind(
    'a message queue',
    'the queues with the messages in them',
    'cloudamqp rabbitmq-bigwig cloudkarafka heroku-kafka iron_mq ably pubnub pusher',
  ),
  kind(
    'files',
    'the stored files: no copy of them is made here',
    'cloudinary bucketeer cloudcube uploadcare filestack imgix',
  ),
  kind(
    'a database',
    'the data in it: this version moves Heroku Postgres and Heroku Redis only',
    'jawsdb jawsdb-maria cleardb ormongo mongolab objectrocket graphenedb rediscloud redistogo openredis stackhero-mysql stackhero-mongodb timescale cockroachdb tigergraph',
  ),
  kind(
    'a fixed outgoing address',
    'the address that partners have let in; the new side has other addresses',
    'fixie fixie-socks quotaguard quotaguardstatic quotaguardshield proximo statica',
  ),
  kind(
    'autoscaling',
    'nothing: it changes the number of dynos, and must stand still while the app moves',
    'judoscale rails-autoscale adept-scale dscale flightformation autoidle',
    ACTS_ON_DYNOS,
  ),
  kind(
    'a scheduler',
    'its schedule: what it starts are dynos of the old side, and it must fire on one side only. Declare its jobs under `schedule`',
    'crontogo cron-to-go advanced-scheduler temporize',
    ['replace', 'drop'],
  ),
  kind(
    'a link to Salesforce',
    'the link: it writes to the Heroku Postgres that is left behind, and has no like at DigitalOcean',
    'herokuconnect',
    ['replace', 'drop'],
  ),
  kind('DNS', 'the zone with all its records', 'pointdns zerigo_dns dnsimple'),
  kind(
    'certificates',
    'the certificates: App Platform has its own',
    'ssl expeditedssl ssldotcom',
    ACTS_ON_DYNOS,
  ),
  kind('hooks and tests of Heroku', 'the hooks', 'deployhooks heroku-ci saucelabs', ACTS_ON_DYNOS),
];

const UNKNOWN_KIND: AddOnKind = {
  kind: 'another service',
  dies: 'the account with its maker that Heroku pays for, and what is kept there',
  options: REACHED_BY_CONFIG,
};

const BY_SERVICE = new Map(
  KINDS.flatMap(([known, services]) => services.map((service) => [service, known] as const)),
);

export function addOnKind(service: string): AddOnKind {
  return BY_SERVICE.get(service) ?? UNKNOWN_KIND;
}

/** What is moved with all that is in it. */
const MOVED_SERVICES: ReadonlySet<string> = new Set(['heroku-postgresql', 'heroku-redis', 'scheduler']);

export function isMoved({ service }: Pick<AddOn, 'service'>): boolean {
  return MOVED_SERVICES.has(service);
}

/** Ids of items: by service, which staging and production share; by name as well where an app has several of one. */
export function addOnId(
  addOn: Pick<AddOn, 'service' | 'name'>,
  all: readonly Pick<AddOn, 'service'>[],
): string {
  const several = all.filter(({ service }) => service === addOn.service).length > 1;
  return several ? `add-on/${addOn.service}/${addOn.name}` : `add-on/${addOn.service}`;
}

/** What becomes of an add-on that is not moved: as migration.yml answers, or its default. */
export function addOnFate(
  addOn: Pick<AddOn, 'service' | 'name'>,
  all: readonly Pick<AddOn, 'service'>[],
  answers: Readonly<Record<string, string>>,
): AddOnOption {
  const { options } = addOnKind(addOn.service);
  const answer = answers[addOnId(addOn, all)];
  return options.find((option) => option === answer) ?? options[0] ?? 'keep-by-config';
}
