import { redisMaxMemoryMib } from '../digitalocean/redis-cloud-init.ts';
import type { PlanComponent, Plan, PlanInput, PlanProblem } from './plan.ts';
import type { MergedSchedules } from './plan-schedule.ts';
import { OFFERED_EXTENSIONS, POSTGRES_SIZES } from './postgres-offer.ts';

interface Facts extends PlanInput {
  schedules: MergedSchedules;
  language: Plan['language'];
  components: PlanComponent[];
  cluster: Plan['cluster'];
  droplet: Plan['redis'];
  strategyChoice: Plan['strategyChoice'];
}

type Finder = (facts: Facts) => (PlanProblem | undefined | false)[];

/** Everything that stands in the way (blockers) and everything that a reviewer should know (warnings). */
export function findProblems(facts: Facts): { blockers: PlanProblem[]; warnings: PlanProblem[] } {
  const run = (finders: Finder[]): PlanProblem[] =>
    finders
      .flatMap((find) => find(facts))
      .filter((problem): problem is PlanProblem => typeof problem === 'object');
  return {
    blockers: run([decisions, application, database, keyValueStore, schedule]),
    warnings: run([strategyNotes, leftBehind, databaseNotes, sizes, schedulesDiffer, notRead]),
  };
}

function problem(what: string, why: string, remedy: string): PlanProblem {
  return { what, why, remedy };
}

const decisions: Finder = ({ config, environment, strategyChoice }) => [
  ...(config.strategy === 'live' ? strategyChoice.obstacles : []),
  config.traffic !== 'dns' &&
    problem(
      `traffic ${config.traffic} is not supported yet`,
      'this version moves visitors by changing DNS records',
      'Write `traffic: dns` in migration.yml.',
    ),
  environment.domains.length > 0 &&
    config.dns === undefined &&
    problem(
      'nobody serves the zone of the domains',
      'the cutover must write their records',
      'Add `dns: { provider: digitalocean, zone: … }` to migration.yml and delegate the zone.',
    ),
];

const application: Finder = ({ inventory, components, language, hasRedis }) => {
  const waiting = components
    .filter(({ kind }) => kind === 'worker' || kind === 'scheduled')
    .map(({ name }) => name);
  return [
    inventory.parked &&
      problem(
        'a cutover of the app has begun and is not finished',
        'it is parked: on Heroku runs an empty placeholder',
        'Run the job of that cutover again, which completes or undoes it, or run roll-back; then assess again.',
      ),
    inventory.processTypes === null &&
      problem(
        'the app runs no slug',
        inventory.app.stack === 'container'
          ? 'it is on the container stack: its process types cannot be read, and it cannot be parked in the window'
          : 'nothing was ever deployed, or the token may not read slugs (read-protected)',
        'Deploy it from a buildpack, or give a token with the scope read-protected.',
      ),
    inventory.app.space !== null &&
      problem(
        `the app lives in the private space ${inventory.app.space}`,
        'its databases cannot be reached from a runner of GitHub',
        'Run the workflows on a self-hosted runner with access to the space; this version refuses it.',
      ),
    waiting.length > 0 &&
      language === null &&
      problem(
        `the language of ${waiting.join(', ')} is not known`,
        'each waits for the switch in front of its command, in a language that its image holds',
        'Write `language: node`, `ruby` or `python` in migration.yml.',
      ),
    waiting.length > 0 &&
      !hasRedis &&
      problem(
        `${waiting.join(', ')} have nothing to wait at`,
        'they would begin before the switch: the key that opens them lives in Redis, and the app has none',
        'Attach a Heroku Redis (mini is enough) and deploy once, then run assess again.',
      ),
  ];
};

const database: Finder = ({ inventory, database: facts, catalogue, cluster, unknown }) => {
  const postgres = inventory.addOns.filter(({ service }) => service === 'heroku-postgresql');
  const foreign = inventory.attachments.find(({ name, shared }) => name === 'DATABASE' && shared);
  const missing = (facts?.extensions ?? [])
    .map(({ name }) => name)
    .filter((name) => !OFFERED_EXTENSIONS.has(name));
  return [
    postgres.length > 1 &&
      problem(
        `the app has ${postgres.length} Postgres databases`,
        'this version moves the one of DATABASE_URL, and the others would stay behind unseen',
        `Detach what is no longer used (${postgres.map(({ name }) => name).join(', ')}).`,
      ),
    foreign !== undefined &&
      problem(
        `its database ${foreign.addOn} belongs to another app`,
        'that app would keep writing to the old side',
        'Move the app that owns the database, and this one together with it.',
      ),
    facts === undefined &&
      problem(
        'the database could not be read',
        unknown.join('; ') || 'no config var DATABASE_URL',
        'Check that DATABASE_URL is set and that the token has the scope read-protected, then run assess again.',
      ),
    missing.length > 0 &&
      problem(
        `DigitalOcean does not offer ${missing.join(', ')}`,
        "these extensions are not on its list, and the application's objects may need them",
        'Remove what is not used (DROP EXTENSION), or ask DigitalOcean to add them.',
      ),
    facts !== undefined &&
      cluster.version === '' &&
      problem(
        `PostgreSQL ${facts.major} is newer than DigitalOcean offers`,
        `it offers ${catalogue?.postgres.versions.join(', ') ?? 'nothing that is known'}, and a dump cannot go to an older version`,
        'Wait until DigitalOcean offers it.',
      ),
    facts !== undefined &&
      cluster.size === '' &&
      problem(
        'no cluster size is large enough',
        `the plan is ${postgres[0]?.plan ?? 'unknown'}, and new Standard Edition clusters end at 4 GiB of memory (since 2026-11-30)`,
        'Set `postgres.size` in migration.yml if a smaller one is enough; the Advanced Edition is not supported yet.',
      ),
    facts !== undefined &&
      cluster.size !== '' &&
      catalogue !== undefined &&
      !catalogue.postgres.sizes.includes(cluster.size) &&
      problem(
        `DigitalOcean does not offer the size ${cluster.size}`,
        `it offers ${catalogue.postgres.sizes.slice(0, 8).join(', ')}`,
        'Correct `postgres.size` in migration.yml.',
      ),
  ];
};

const keyValueStore: Finder = ({ inventory, redis: facts, hasRedis, droplet }) => {
  const stores = inventory.addOns.filter(({ service }) => service === 'heroku-redis');
  return [
    stores.length > 1 &&
      problem(
        `the app has ${stores.length} Redis stores`,
        'this version moves the one of REDIS_URL, and the others would stay behind unseen',
        `Detach what is no longer used (${stores.map(({ name }) => name).join(', ')}).`,
      ),
    hasRedis &&
      facts === undefined &&
      problem(
        'Redis could not be read',
        'REDIS_URL gave no connection',
        'See the log of this run, mend it, and run assess again.',
      ),
    facts?.cluster === true &&
      problem(
        'Redis is a cluster',
        'its keys are spread over several servers, and the droplet is one',
        'Move to a single-server plan first; this version refuses it.',
      ),
    droplet !== null &&
      droplet.size === '' &&
      problem(
        'no droplet is large enough for Redis',
        droplet.why,
        'Set `redis.size` in migration.yml, or clear what is not used.',
      ),
  ];
};

const schedule: Finder = ({ inventory, schedules }) => [
  inventory.hasScheduler &&
    schedules.unknown !== undefined &&
    schedules.jobs.length === 0 &&
    problem(
      'the jobs of Heroku Scheduler are not known',
      `it has no supported API, and ${schedules.unknown}`,
      'Declare them under `schedule` in migration.yml (`heroku addons:open scheduler` shows them).',
    ),
];

const strategyNotes: Finder = ({ database: facts, strategyChoice }) => {
  const { strategy, by, why, forecasts, obstacles } = strategyChoice;
  return [
    strategy === 'live' &&
      (facts?.largeObjects ?? 0) > 0 &&
      problem(
        `the database holds ${facts?.largeObjects ?? 0} large objects`,
        'no trigger sees their changes, so they are copied inside the window',
        'Remove orphans first (`vacuumlo`), or move them into bytea columns or to object storage.',
      ),
    forecasts !== null &&
      !forecasts[strategy].fits &&
      problem(
        'the forecast of the downtime does not fit the budget',
        why,
        'See what the practice copy measures, then raise `downtime-budget` or make smaller what is copied inside the window.',
      ),
    // With `strategy: live` they block; for `auto` they say why it did not take live although window does not fit.
    ...(by === 'auto' && forecasts?.window.fits === false ? obstacles : []),
  ];
};

const MOVED_SERVICES = new Set(['heroku-postgresql', 'heroku-redis', 'scheduler']);

const leftBehind: Finder = ({ inventory, environment }) => [
  ...inventory.addOns
    .filter(({ service }) => !MOVED_SERVICES.has(service))
    .map(({ name, plan, configVars }) =>
      problem(
        `the add-on ${plan} (${name}) stays at Heroku`,
        `its config vars (${configVars.join(', ') || 'none'}) are carried over and work only while it exists`,
        'Get an account with its maker and set the new values before Heroku is given up.',
      ),
    ),
  ...inventory.domains
    .filter(({ kind, hostname }) => kind === 'custom' && !environment.domains.includes(hostname))
    .map(({ hostname }) =>
      problem(
        `the domain ${hostname} does not move`,
        'migration.yml does not name it',
        'Add it to `domains`, or leave it at Heroku on purpose.',
      ),
    ),
  ...environment.domains
    .filter((domain) => !inventory.domains.some(({ hostname }) => hostname === domain))
    .map((domain) =>
      problem(
        `the domain ${domain} is not a domain of the Heroku app`,
        'migration.yml names it',
        'Check its spelling in `domains`.',
      ),
    ),
  ...inventory.drains.map(({ host }) =>
    problem(
      `the log drain to ${host} is not carried over`,
      'its address may hold a credential',
      'Set a log destination in App Platform.',
    ),
  ),
  inventory.app.maintenance &&
    problem(
      'the app is in maintenance mode',
      'its visitors are turned away already',
      'Turn it off if that is not on purpose.',
    ),
  inventory.buildpacks.some((name) => name.includes('ruby')) &&
    inventory.configVars !== null &&
    !inventory.configVars.some(({ name }) => name === 'SECRET_KEY_BASE' || name === 'RAILS_MASTER_KEY') &&
    problem(
      'SECRET_KEY_BASE is not a config var',
      'the Ruby buildpack may have made one that exists only inside dynos; without it every session ends at the cutover',
      'Read it with `heroku run printenv SECRET_KEY_BASE` and set it as a config var.',
    ),
];

const databaseNotes: Finder = ({ database: facts, cluster }) => {
  const size = POSTGRES_SIZES.find(({ slug }) => slug === cluster.size);
  const limit = facts?.connectionLimit ?? null;
  return [
    limit !== null &&
      size !== undefined &&
      size.connections < limit &&
      problem(
        `the new database takes ${size.connections} connections, the old one ${limit}`,
        `${size.slug} allows no more`,
        'Check the pools of web and workers, or set a larger `postgres.size`.',
      ),
    facts !== undefined &&
      Number(cluster.version) > facts.major &&
      problem(
        `PostgreSQL moves from ${facts.major} to ${cluster.version}`,
        'DigitalOcean does not offer the same version any more',
        'Read the release notes and let staging prove it.',
      ),
  ];
};

const sizes: Finder = ({ config, inventory, database: facts, redis, cluster, droplet }) => {
  const plan = inventory.addOns.find(({ service }) => service === 'heroku-postgresql')?.plan ?? '';
  const size = POSTGRES_SIZES.find(({ slug }) => slug === cluster.size);
  const gib = (facts?.sizeBytes ?? 0) / 2 ** 30;
  return [
    config.postgres.size !== undefined &&
      !/:(essential|mini|basic|hobby)/.test(plan) &&
      (size?.memoryGib ?? 0) < 4 &&
      problem(
        `${cluster.size} has less memory than ${plan}`,
        'migration.yml sets `postgres.size`',
        'Be sure that staging proves it enough.',
      ),
    size !== undefined &&
      gib * 1.5 > size.diskGib &&
      problem(
        `${cluster.size} includes ${size.diskGib} GiB of disk`,
        `the data and half as much again need ${(gib * 1.5).toFixed(1)} GiB`,
        'Choose a larger `postgres.size`.',
      ),
    droplet !== null &&
      (redis?.usedMemoryBytes ?? 0) / 2 ** 20 > redisMaxMemoryMib(droplet.memoryMib) &&
      problem(
        `Redis uses more memory than ${droplet.size} gives it`,
        `${Math.ceil((redis?.usedMemoryBytes ?? 0) / 2 ** 20)} MiB are in use, and it may use ${redisMaxMemoryMib(droplet.memoryMib)} MiB there`,
        'Choose a larger `redis.size`.',
      ),
    redis?.policy !== undefined &&
      redis.policy !== null &&
      redis.policy !== 'noeviction' &&
      problem(
        `Redis evicts keys today (${redis.policy})`,
        'the new one never does, so that no job is lost: a cache that relies on eviction fills it up',
        'Give cache keys an expiry, or list them under `redis.skip`.',
      ),
  ];
};

const schedulesDiffer: Finder = ({ schedules }) =>
  schedules.differences.map((difference) =>
    problem(
      difference,
      'the declaration and Heroku do not agree',
      'Make `schedule` in migration.yml say what is meant.',
    ),
  );

const notRead: Finder = ({ inventory, unknown, catalogue }) => [
  ...[...inventory.unknown, ...unknown].map((what) =>
    problem(
      `not read: ${what}`,
      'the token or the network did not allow it',
      'Give the named scope and run assess again.',
    ),
  ),
  catalogue === undefined &&
    problem(
      "DigitalOcean's offers and prices are not known",
      'no input digitalocean-token was given',
      'Give a token with app:read, sizes:read and database:read to see them.',
    ),
];
