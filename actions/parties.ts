import { readApp } from '../src/digitalocean/app.ts';
import type { DigitalOcean } from '../src/digitalocean/client.ts';
import { createDigitalOcean } from '../src/digitalocean/client.ts';
import type { Errand } from '../src/digitalocean/runner-mark.ts';
import type { Clock } from '../src/clock.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import type { Resolver } from '../src/dns/resolvers.ts';
import { ConfigurationError, messageOf } from '../src/errors.ts';
import { frontDoorSecret as deriveFrontDoorSecret } from '../src/front-door/secret.ts';
import type { Edge } from '../src/github/run.ts';
import type { HerokuClient } from '../src/heroku/client.ts';
import { createHeroku } from '../src/heroku/client.ts';
import type { Log } from '../src/log.ts';
import type { Journal } from '../src/migration/journal.ts';
import { openJournal } from '../src/migration/journal.ts';
import type { Lease } from '../src/migration/lease.ts';
import { acquireLease } from '../src/migration/lease.ts';
import { targetNames } from '../src/migration/names.ts';
import { requireMigrationKey } from '../src/migration/secrets.ts';
import { readSource, requirePostgres } from '../src/migration/source.ts';
import type { Target } from '../src/migration/target.ts';
import { readTarget } from '../src/migration/target.ts';
import { withConnection } from '../src/postgres/connect.ts';
import type { PostgresAddress } from '../src/postgres/connect.ts';
import type { PostgresTools } from '../src/postgres/tools.ts';
import { findPostgresTools } from '../src/postgres/tools.ts';
import type { RedisAddress } from '../src/redis/connect.ts';
import type { Dashboard } from './dashboard.ts';
import { admitRunner, openAsAdmitted, sweepDeadJobs } from './runner-access.ts';
import type { Subject } from './subject.ts';

/** The Heroku side, with addresses as they are at this moment: they may rotate at any hour. */
export interface OldSide {
  /** Works in a cancelled run, too: undoing and finishing need it there. */
  heroku: HerokuClient;
  /** For acts that wait for long: ends when the run is cancelled. */
  interruptible: HerokuClient;
  app: string;
  database: PostgresAddress;
  /** `undefined` for an app without a Redis. */
  redis: RedisAddress | undefined;
}

export interface NewSide extends Target {
  client: DigitalOcean;
  /** Host name under which App Platform serves the app, whatever its domains. */
  ingressHost(): Promise<string>;
}

/** Everybody who takes part in a phase that touches both sides. */
export interface Parties {
  subject: Subject;
  oldSide: OldSide;
  newSide: NewSide;
  /** For actions that have the inputs. */
  dashboard?: Dashboard | undefined;
  /** Who serves the zone of the domains; `undefined` without one, and in a phase that moves no names: see `withNames`. */
  dns: DnsProvider | undefined;
  /** Through whom names are seen as the public sees them; empty in a phase that moves none. */
  resolvers: readonly Resolver[];
  tools: PostgresTools;
  /** By which the new side knows the forwarder of `traffic: front-door`; masked. */
  frontDoorSecret: string;
  /** By which this job is let in: its name among all others in the trusted sources. */
  pass: string;
  /** The lease's epoch; 0 for a phase that changes nothing and holds none. */
  epoch: number;
  /** Throws when another run has taken over. */
  checkLease: () => Promise<void>;
  /** For files that do not outlive the job. */
  directory: string;
  log: Log;
  clock: Clock;
  signal: AbortSignal;
}

export function herokuOf(edge: Edge, signal: AbortSignal | null = edge.signal): HerokuClient {
  return createHeroku({
    token: edge.inputs.secret('heroku-token'),
    apiUrl: edge.inputs.url('heroku-api-url'),
    dataApiUrl: edge.inputs.url('heroku-data-api-url'),
    log: edge.log,
    clock: edge.clock,
    redact: (text) => edge.redact(text),
    ...(signal === null ? {} : { signal }),
  });
}

export function digitalOceanOf(edge: Edge, signal: AbortSignal | null = edge.signal): DigitalOcean {
  return createDigitalOcean({
    token: edge.inputs.secret('digitalocean-token'),
    apiUrl: edge.inputs.url('digitalocean-api-url'),
    log: edge.log,
    clock: edge.clock,
    redact: (text) => edge.redact(text),
    ...(signal === null ? {} : { signal }),
  });
}

/** Both sides as they are found through the APIs, open to this runner. */
export interface Reached {
  heroku: HerokuClient;
  client: DigitalOcean;
  redis: RedisAddress | undefined;
  database: PostgresAddress;
  /** Of `database`. */
  major: number;
  target: Target;
  /** By which this job is let in: its name among all others in the trusted sources. */
  pass: string;
  /** Open and readable; to be closed. */
  journal: Journal;
  /** Takes this runner out again before the job ends: for one that waits. The journal is closed by then. */
  leave: () => Promise<void>;
}

/**
 * Finds both sides again through the APIs and lets this runner in. A visit throws a MoveAtWorkError, with nothing touched,
 * while a cutover or roll-back of another run is at work.
 */
export async function reachBothSides(
  edge: Edge,
  { config, environment }: Subject,
  errand: Errand = 'visit',
): Promise<Reached> {
  const key = requireMigrationKey(edge.inputs.secret('migration-key'));
  // A cancelled run undoes itself, and past the point of no return it finishes: both with these clients.
  const heroku = herokuOf(edge, null);
  const client = digitalOceanOf(edge, null);
  const names = targetNames(environment.migrationId, config.application);
  const [source, target] = await Promise.all([
    readSource(heroku, environment.herokuApp, edge),
    readTarget(client, {
      migrationId: environment.migrationId,
      names,
      key,
      redisPort: config.redis.port,
      redisPasswords: config.redis.passwords,
      mask: (value) => edge.mask(value),
    }),
  ]);
  const database = requirePostgres(source, environment.herokuApp);
  if (source.redis !== undefined && target.redis === undefined) {
    throw new ConfigurationError(
      `${environment.herokuApp} has a Redis and the new side has none yet: run provision with \`stage: infrastructure\` first.`,
    );
  }
  const { pass, lookAgain, leave } = await admitRunner(edge, client, target, errand);
  const [journal, major] = await openAsAdmitted(edge, lookAgain, () =>
    Promise.all([
      openJournal(target.journal, environment.migrationId, (text) => edge.redact(text)),
      majorOf(database, edge.signal),
    ]),
  );
  return {
    ...{ heroku, client, redis: source.redis, database, major, target },
    ...{ pass: pass.holder, journal, leave },
  };
}

/** As `reachBothSides`, for a phase that works with both. The journal is open and readable. */
export async function gatherParties(
  edge: Edge,
  subject: Subject,
  errand: Errand = 'visit',
): Promise<{ parties: Parties } & Pick<Reached, 'journal' | 'leave'>> {
  const { config, environment } = subject;
  const key = requireMigrationKey(edge.inputs.secret('migration-key'));
  const frontDoorSecret = deriveFrontDoorSecret(key, environment.migrationId);
  edge.mask(frontDoorSecret);
  const names = targetNames(environment.migrationId, config.application);
  const { heroku, client, redis, database, major, target, pass, journal, leave } = await reachBothSides(
    edge,
    subject,
    errand,
  );
  const parties: Parties = {
    subject,
    oldSide: {
      heroku,
      interruptible: herokuOf(edge),
      app: environment.herokuApp,
      database,
      redis,
    },
    newSide: {
      ...target,
      client,
      ingressHost: async () => {
        const app = await readApp(client, names.app);
        if (app?.ingressHost === undefined) {
          throw new ConfigurationError(
            `App Platform does not serve ${names.app} yet: run provision with \`stage: application\` first.`,
          );
        }
        return app.ingressHost;
      },
    },
    ...{ dns: undefined, resolvers: [] },
    tools: await findPostgresTools(
      major,
      edge.environment.onHostedRunner ? { install: { log: edge.log } } : {},
    ),
    frontDoorSecret,
    pass,
    epoch: 0,
    checkLease: () => Promise.resolve(),
    directory: edge.environment.temporaryDirectory,
    log: edge.log,
    clock: edge.clock,
    signal: edge.signal,
  };
  return { parties, journal, leave };
}

async function majorOf(database: PostgresAddress, signal: AbortSignal): Promise<number> {
  return withConnection(database, { applicationName: 'h2d version', signal }, async (connection) => {
    const { rows } = await connection.query<{ major: number }>(
      `select current_setting('server_version_num')::int / 10000 as major`,
    );
    return rows[0]?.major ?? 0;
  });
}

/** As `gatherParties`, holding the lease while `body` runs: only one run acts on a migration at a time. */
export async function withLease<T>(
  edge: Edge,
  subject: Subject,
  body: (parties: Parties, journal: Journal, lease: Lease) => Promise<T>,
  errand: Errand = 'visit',
): Promise<T> {
  const { parties, journal } = await gatherParties(edge, subject, errand);
  try {
    return await underLease(edge, parties, journal, (own, lease) => body(own, journal, lease));
  } finally {
    await journal.close();
  }
}

/**
 * Takes the lease for `body` and gives it back; refused with a ConfigurationError while another run holds it. What holders
 * of the lease left in the trusted sources who died with it is taken out at the end: the lists rest until then.
 */
export async function underLease<T>(
  edge: Edge,
  parties: Parties,
  journal: Journal,
  body: (parties: Parties, lease: Lease) => Promise<T>,
): Promise<T> {
  const { log, clock, environment } = edge;
  const { pass } = parties;
  const lease = await acquireLease(journal, { holder: environment, pass, log, clock });
  try {
    return await body(
      {
        ...parties,
        epoch: lease.epoch,
        checkLease: () => lease.check(),
        signal: AbortSignal.any([parties.signal, lease.lost]),
      },
      lease,
    );
  } finally {
    await sweepDeadHolders(edge, parties, journal);
    await lease.release();
  }
}

/** Never throws: a phase that ended well has ended well, and the next one to hold the lease tries again. */
async function sweepDeadHolders(
  edge: Edge,
  { newSide, pass }: Parties,
  journal: Pick<Journal, 'passesOfDead' | 'forgetPasses'>,
): Promise<void> {
  try {
    const dead = (await journal.passesOfDead()).filter((one) => one !== pass);
    await sweepDeadJobs(edge, newSide.client, newSide, dead);
    await journal.forgetPasses(dead);
  } catch (error) {
    edge.log.warning(`What dead jobs left in the trusted sources was not taken out: ${messageOf(error)}`);
  }
}
