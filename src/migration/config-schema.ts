import { z } from 'zod';

import { IMAGE_BY_DIGEST } from '../digitalocean/redis-image.ts';
import { BYTE_SIZE } from './byte-size.ts';
import { capacitySchema } from './capacity-config.ts';
import { checkSchema, compareSchema, thirdPartiesSchema } from './check-schema.ts';
import { cronProblem } from './cron.ts';
import { WEEKDAYS } from './cutover-window.ts';
import { DURATION } from './duration.ts';

// The file as the user writes it: keys in kebab-case, durations as text. config.ts turns it into what the phases read.

const HOST_NAME = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;
const COMPONENT = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const duration = z
  .string({ error: 'must be a duration in quotes or with a unit, such as 60s or 5m' })
  .regex(DURATION, { error: 'must be a duration such as 500ms, 60s, 5m or 1h' });

const byteSize = z
  .string({ error: 'must be a size with a unit such as 500MB or 2GB' })
  .regex(BYTE_SIZE, { error: 'must be a size such as 500MB, 2GB or 1TB' });

const hostName = z.string().regex(HOST_NAME, {
  error:
    'must be a host name in lower case such as shop.example.com (no https://, no path; wildcards are not supported yet)',
});

const variableName = z
  .string()
  .regex(VARIABLE, { error: 'must be the name of a config var such as RAILS_ENV' });

const decisions = z.record(
  z.string().regex(/^[a-z]\S*\/\S+$/, {
    error: 'must be the id of an item as the summary of assess shows it, such as add-on/papertrail',
  }),
  z
    .string({ error: 'must be one of the options that the summary of assess names, as text' })
    .min(1, { error: 'must not be empty' }),
);

const timeOfDay = z
  .string({ error: 'must be a time of day such as 02:30' })
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time of day such as 02:30' });

const window = z
  .strictObject({
    'not-before': timeOfDay.describe('When it opens, such as 02:00.'),
    'not-after': timeOfDay.describe(
      'When the cutover shall be over, by the upper end of its forecast. Not later than `not-before`: on the next day.',
    ),
    'time-zone': z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone such as UTC or Europe/Berlin' })
      .default('UTC')
      .describe('Time zone of both.'),
    days: z
      .array(z.enum(WEEKDAYS))
      .default([])
      .describe('Days on which it opens (monday, tuesday, …); every day unless given.'),
  })
  .describe('When the cutover may take place; at any time unless given.');

/**
 * Runners that may share a copy. Where they are behind one address, so many jobs can be told apart in the trusted sources
 * (see `runner-mark.ts`); and the servers do not give more than a handful of runners can carry.
 */
export const MOST_RUNNERS = 6;

/** What the whole file and each environment may say of the cluster. */
const postgresKeys = {
  size: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: "must be one of DigitalOcean's sizes such as db-s-1vcpu-1gb" })
    .optional()
    .describe('Size of the cluster; the plan chooses one unless given.'),
  storage: byteSize
    .optional()
    .describe(
      'Disk of the cluster, when it shall be more than its size includes; rounded up to 10 GiB, and priced by the GiB.',
    ),
  pool: z
    .strictObject({
      mode: z
        .enum(['transaction', 'session'])
        .describe(
          'Who has a connection: one transaction, or one client for as long as it is there. `transaction` needs prepared statements turned off in the application.',
        ),
      size: z
        .int()
        .min(1)
        .max(1000)
        .describe('Connections that the pool keeps to Postgres, of those that the cluster takes.'),
    })
    .optional()
    .describe('A connection pool (PgBouncer) between the application and Postgres; none unless given.'),
  runners: z
    .int()
    .min(1)
    .max(MOST_RUNNERS)
    .optional()
    .describe(
      'How many runners copy it side by side, for a database that one cannot copy within six hours (docs/large-databases.md); 1 unless given.',
    ),
};

/** Likewise of Redis. */
const redisKeys = {
  size: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: "must be one of DigitalOcean's sizes such as s-1vcpu-1gb" })
    .optional()
    .describe('Size of the droplet; the plan chooses one unless given.'),
  port: z.int().min(1).max(65535).describe('Port of Redis with TLS.'),
  image: z
    .string()
    .regex(IMAGE_BY_DIGEST, {
      error: 'must be an image by its digest such as redis:7.4-alpine@sha256:…',
    })
    .optional()
    .describe(
      'Image of Redis, by digest. Another one than the droplet runs is taken up by the next `provision`: Redis restarts once.',
    ),
  skip: z
    .array(z.string().min(1, { error: 'must not be empty' }))
    .describe('Patterns of keys that need not be carried over, such as cache:*.'),
  passwords: z
    .strictObject({
      app: z.int().min(1).max(1000).default(1).describe("Number of the application's password."),
      admin: z.int().min(1).max(1000).default(1).describe("Number of the migration's own password."),
    })
    .optional()
    .describe('Raise a number for a new password, and run `provision` with both stages.'),
};

const branch = z
  .string({ error: 'must be the name of a branch, as text' })
  .regex(/^[^\s~^:?*[\\]+$/, { error: 'must be the name of a branch such as main' });

/** A path in the repository, from its root. */
const repositoryPath = z.string().regex(/^(?!\/)(?!.*\.\.)\S+$/, {
  error: 'must be a path from the root of the repository, without .. and spaces',
});

const environment = z
  .strictObject({
    'heroku-app': z
      .string()
      .regex(/^[a-z][a-z0-9-]{1,28}[a-z0-9]$/, { error: "must be a Heroku app's name such as shop-staging" })
      .describe('Name of the Heroku app that moves.'),
    region: z
      .string()
      .regex(/^[a-z]{3}$/, { error: "must be a region of App Platform's three letters, such as fra or nyc" })
      .describe('Region on DigitalOcean, as App Platform names it: fra, ams, lon, nyc, sfo, …'),
    domains: z
      .array(hostName)
      .default([])
      .describe("The app's public host names: those that move with the cutover."),
    protected: z
      .boolean()
      .optional()
      .describe('Whether the cutover needs a gate. Unless told otherwise, true for `production` only.'),
    window: window.optional(),
    postgres: z
      .strictObject(postgresKeys)
      .optional()
      .describe('What of the cluster is otherwise here; all else is as `postgres` of the whole file says.'),
    redis: z
      .strictObject({ ...redisKeys, port: redisKeys.port.optional(), skip: redisKeys.skip.optional() })
      .optional()
      .describe('What of Redis is otherwise here; all else is as `redis` of the whole file says.'),
    branch: branch
      .optional()
      .describe('With `image: { build: app-platform }`: the branch that holds what this environment runs.'),
    decisions: decisions
      .default({})
      .describe('Answers for this environment only; they win over those of the whole file.'),
  })
  .describe('One environment of the application.');

const schedule = z
  .strictObject({
    name: z
      .string()
      .regex(COMPONENT, { error: 'must be 2 to 32 lower-case letters, digits and hyphens, a letter first' })
      .describe('Name of the job on the new side.'),
    command: z.string().min(1, { error: 'must not be empty' }).describe('What Heroku Scheduler runs.'),
    cron: z
      .string()
      .superRefine((text, context) => {
        const problem = cronProblem(text);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .describe('When, in the five fields of cron.'),
    'time-zone': z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone such as UTC or Europe/Berlin' })
      .default('UTC')
      .describe('Time zone of the cron expression. Heroku Scheduler knows UTC only.'),
    'runs-in': z
      .enum(['app-platform', 'sidekiq-cron'])
      .default('app-platform')
      .describe(
        'Who starts it on the new side: App Platform, as a job of its own, or sidekiq-cron in a worker that runs Sidekiq, by the config/schedule.yml that provision proposes.',
      ),
  })
  .describe('One job of Heroku Scheduler: its API does not list them, so they are declared here.');

/** migration.yml as written; its descriptions are shown by editors. */
export const configSchema = z
  .strictObject({
    application: z
      .string()
      .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/, {
        error: 'must be lower-case letters, digits and hyphens, a letter first',
      })
      .describe('Short name of the application; with the environment it names everything on DigitalOcean.'),
    strategy: z
      .enum(['auto', 'window', 'live'])
      .default('auto')
      .describe(
        'How Postgres moves: copied inside a maintenance window, or copied before it and kept in step while it serves; `auto` lets assess choose and say why.',
      ),
    live: z
      .strictObject({
        'log-limit': byteSize
          .default('2GB')
          .describe(
            "What the logs of changes may take on Heroku's disk; beyond it the capture stops rather than fill it.",
          ),
        lease: duration
          .default('48h')
          .describe('How long the capture goes on when nothing drains it; after that it stops by itself.'),
        'on-schema-change': z
          .enum(['stop', 'recopy'])
          .default('stop')
          .describe(
            'When a deploy changes the schema meanwhile: stop and say what changed, or copy the tables concerned again.',
          ),
      })
      .prefault({})
      .describe('Limits of the live strategy.'),
    traffic: z
      .enum(['dns', 'front-door', 'cdn'])
      .default('dns')
      .describe(
        'How visitors reach the new side: by the DNS record behind a maintenance page (`dns`), through a forwarder on Heroku that holds them (`front-door`), or by the origin of a zone that Cloudflare proxies (`cdn`).',
      ),
    'downtime-budget': duration
      .default('5m')
      .describe('The longest downtime that is acceptable; a forecast above it is refused.'),
    'rehearsal-max-age': duration
      .default('14d')
      .describe(
        'How old the rehearsals may be that the gate of a protected environment asks for (docs/rehearsals.md).',
      ),
    environments: z
      .record(
        z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'must be lower-case letters, digits and hyphens' }),
        environment,
      )
      .refine((all) => Object.keys(all).length > 0, { error: 'must name at least one environment' })
      .describe('The environments that move, usually `staging` and `production`.'),
    dns: z
      .strictObject({
        provider: z
          .enum(['digitalocean', 'cloudflare', 'route53', 'command'])
          .describe(
            'Who serves the zone: DigitalOcean, Cloudflare, AWS Route 53, or anybody else through a command of yours.',
          ),
        zone: hostName.describe('The zone that holds the domains.'),
        'zone-id': z
          .string()
          .regex(/^Z[A-Z0-9]{1,31}$/, {
            error: 'must be the id of a hosted zone such as Z0123456789ABCDEFGHIJ',
          })
          .optional()
          .describe('Route 53 only: which hosted zone, when several have the name.'),
        ttl: z
          .int()
          .min(30)
          .max(86400)
          .optional()
          .describe(
            'Seconds that resolvers may keep the new records; 30 unless given, and 60 at Cloudflare, whose least that is on most plans.',
          ),
        command: z
          .string()
          .min(1, { error: 'must not be empty' })
          .optional()
          .describe(
            'With `provider: command`: your command, which reads a request as JSON and answers as docs/dns.md says. Run without a shell; no secret belongs in it.',
          ),
      })
      .optional()
      .describe('Where the records of the domains are written at the cutover.'),
    postgres: z.strictObject(postgresKeys).prefault({}).describe('The Postgres cluster.'),
    redis: z
      .strictObject({
        kind: z
          .enum(['droplet', 'managed'])
          .refine((kind) => kind === 'droplet', {
            error:
              'must be `droplet`: a managed Valkey has one user that nobody can restrict (DigitalOcean has no user management ' +
              'for it), so the new side could not be kept from writing before the switch; move to one after the migration',
          })
          .default('droplet')
          .describe(
            'A droplet that runs Redis with TLS. A managed Valkey cannot be closed before the switch and is refused.',
          ),
        ...redisKeys,
        port: redisKeys.port.default(6379),
        skip: redisKeys.skip.default([]),
      })
      .prefault({})
      .describe('Where Redis goes.'),
    image: z
      .strictObject({
        build: z
          .enum(['workflow', 'app-platform'])
          .default('workflow')
          .describe(
            'Who builds the image: this workflow, from the commit that Heroku runs, tried before anything is made; or App Platform, from a branch at GitHub, when the app is deployed (docs/repository-files.md says what that loses).',
          ),
        repository: z
          .string()
          .regex(/^[\w.-]+\/[\w.-]+$/, { error: 'must be owner and name at GitHub such as acme/shop' })
          .optional()
          .describe('With `build: app-platform`: the repository at GitHub, such as acme/shop.'),
        branch: branch
          .optional()
          .describe('With `build: app-platform`: the branch that holds what Heroku runs.'),
        dockerfile: repositoryPath
          .optional()
          .describe('With `build: app-platform`: its Dockerfile; `Dockerfile` unless given.'),
        directory: repositoryPath
          .optional()
          .describe(
            'With `build: app-platform`: the directory that is built; the whole repository unless given.',
          ),
      })
      .prefault({})
      .describe('Where the image of the application comes from.'),
    language: z
      .enum(['node', 'ruby', 'python'])
      .optional()
      .describe("Language of the application; read from Heroku's buildpacks unless given."),
    workers: z
      .strictObject({
        'quiet-timeout': duration
          .default('60s')
          .describe('How long running jobs may take to end before the cutover is given up.'),
        'when-busy': z
          .enum(['abort', 'go-on'])
          .default('abort')
          .describe(
            'What to do with jobs that are still running then: give the cutover up, or stop their workers all the same, as a deploy does; what a library puts back runs again on the new side.',
          ),
      })
      .prefault({})
      .describe('Background workers.'),
    schedule: z.array(schedule).default([]).describe('The jobs of Heroku Scheduler.'),
    checks: z
      .array(checkSchema)
      .default([])
      .describe(
        'Checks of the new side. What asks for a `path` with GET is asked before and after the cutover, all else by verify.',
      ),
    compare: compareSchema.optional(),
    'third-parties': thirdPartiesSchema,
    capacity: capacitySchema,
    decisions: decisions
      .default({})
      .describe(
        'Your answers to what assess asks: the id of the item, and one of its options. An id or an option that assess does not know is refused.',
      ),
    config: z
      .strictObject({
        drop: z.array(variableName).default([]).describe('Config vars that the new side does not get.'),
        set: z
          .record(
            variableName,
            z.string({ error: 'must be text: write the value in quotes, so that YAML does not change it' }),
          )
          .default({})
          .describe(
            'Config vars that have another value on the new side. Not for secrets: this file is in git.',
          ),
      })
      .prefault({})
      .describe('Config vars that are not carried over as they are.'),
  })
  .describe('What heroku-to-digitalocean cannot discover and you decide.');

/** migration.yml after its defaults are filled in. */
export type ConfigFile = z.output<typeof configSchema>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
