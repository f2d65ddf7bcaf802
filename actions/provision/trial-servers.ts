import { randomBytes } from 'node:crypto';
import { redisAuthority, type RedisAuthority } from '../../src/digitalocean/redis-certificates.ts';
import {
  ACL_FILE,
  CONFIGURATION,
  redisConfiguration,
  redisUsers,
  TLS_DIRECTORY,
} from '../../src/digitalocean/redis-configuration.ts';
import { REDIS_IMAGE } from '../../src/digitalocean/redis-image.ts';
import { postgresImage } from '../../src/docker/images.ts';
import { lastLines } from '../../src/docker/last-lines.ts';
import {
  readContainer,
  readLog,
  startContainer,
  type Container,
  type ContainerOrder,
  type Trial,
} from '../../src/docker/throw-away.ts';
import { withFiles } from '../../src/docker/written-files.ts';
import { messageOf } from '../../src/errors.ts';
import type { Target, TargetRedis } from '../../src/migration/target.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/postgres/names.ts';
import { withRedis } from '../../src/redis/connect.ts';
import type { Provisioning } from './provision.ts';

/** Where the image finds its database, by Docker's own name service. */
const POSTGRES = 'h2d-postgres';
const REDIS = 'h2d-redis';
const POSTGRES_TLS = '/etc/postgres-tls';

const START_LIMIT_MS = 90_000;
const PAUSE_MS = 200;

/**
 * Throw-away servers as the plan's are: PostgreSQL of the same major version, Redis from the droplet's own configuration,
 * both with TLS and one user for the application. Answered in the form of a target, so that the application gets its
 * addresses in the very words that it will get on DigitalOcean.
 */
export async function startTrialServers(p: Provisioning, trial: Trial): Promise<Target> {
  const authority = await redisAuthority(randomBytes(32), trial.mark);
  const [postgres, redis] = await Promise.all([
    startPostgres(p, trial, authority),
    p.plan.redis === null ? undefined : startRedis(p, trial, authority, p.plan.redis.memoryMib),
  ]);
  return { ...postgres, redis };
}

export function trialPostgresImage({ edge, plan }: Provisioning): string {
  return (
    edge.inputs.optional('try-postgres-image') ?? postgresImage(Number.parseInt(plan.cluster.version, 10))
  );
}

export function trialRedisImage({ subject }: Provisioning): string {
  return subject.config.redis.image ?? REDIS_IMAGE;
}

async function startPostgres(
  p: Provisioning,
  trial: Trial,
  authority: RedisAuthority,
): Promise<Omit<Target, 'redis'>> {
  const { names, plan } = p;
  const passwords = { postgres: newPassword(p), application: newPassword(p) };
  const { certificate, key } = await authority.issue(randomBytes(32), POSTGRES);
  const { script, variables } = withFiles(
    [
      { path: `${POSTGRES_TLS}/server.crt`, content: certificate },
      { path: `${POSTGRES_TLS}/server.key`, content: key },
    ],
    'postgres',
    [
      'docker-entrypoint.sh postgres -c ssl=on',
      `-c ssl_cert_file=${POSTGRES_TLS}/server.crt -c ssl_key_file=${POSTGRES_TLS}/server.key`,
      // Nothing of it is kept.
      '-c fsync=off -c full_page_writes=off',
    ].join(' '),
  );
  const order = {
    name: POSTGRES,
    image: trialPostgresImage(p),
    script,
    variables: { ...variables, POSTGRES_PASSWORD: passwords.postgres, POSTGRES_DB: names.database },
  };
  const at = (host: string): PostgresAddress => ({
    ...{ host, port: 5432, database: names.database, user: 'postgres', password: passwords.postgres },
    // This machine asks by an address, which the certificate does not name; the image asks by the name and verifies.
    tls: { mode: 'unverified' },
  });
  const host = await untilAnswers(p, trial, order, (address) =>
    withConnection(at(address), sessionOf(p), async (client) => {
      await client.query('SELECT 1');
    }),
  );
  const loader = at(host);
  const owner = { ...loader, user: names.databaseUser, password: passwords.application };
  await withConnection(loader, sessionOf(p), async (client) => {
    const user = quoteIdentifier(owner.user);
    await client.query(`CREATE ROLE ${user} LOGIN PASSWORD ${quoteLiteral(owner.password)}`);
    await client.query(
      `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${quoteIdentifier(owner.database)} TO ${user}`,
    );
    await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${user}`);
  });
  const privatePostgres = { host: POSTGRES, port: 5432 };
  return {
    clusterId: trial.mark,
    owner: { ...owner, tls: { mode: 'verify', ca: authority.pem } },
    loader,
    journal: loader,
    privatePostgres,
    privatePool: plan.cluster.pool === null ? undefined : { ...privatePostgres, database: names.database },
  };
}

async function startRedis(
  p: Provisioning,
  trial: Trial,
  authority: RedisAuthority,
  memoryMib: number,
): Promise<TargetRedis> {
  const { names } = p;
  const { port } = p.subject.config.redis;
  const passwords = { admin: newPassword(p), application: newPassword(p) };
  const { certificate, key } = await authority.issue(randomBytes(32), names.redisServerName);
  const { script, variables } = withFiles(
    [
      { path: CONFIGURATION, content: redisConfiguration({ port, dropletMemoryMib: memoryMib }) },
      {
        path: ACL_FILE,
        content: redisUsers({
          adminUser: names.redisAdminUser,
          adminPassword: passwords.admin,
          appUser: names.redisAppUser,
          appPassword: passwords.application,
        }),
      },
      { path: `${TLS_DIRECTORY}/ca.crt`, content: authority.pem },
      { path: `${TLS_DIRECTORY}/server.crt`, content: certificate },
      { path: `${TLS_DIRECTORY}/server.key`, content: key },
    ],
    'redis',
    `docker-entrypoint.sh redis-server ${CONFIGURATION}`,
  );
  const of = (host: string, username: string, password: string): TargetRedis['admin'] => ({
    ...{ host, port, username, password },
    tls: { mode: 'verify', ca: authority.pem, serverName: names.redisServerName },
  });
  const order = { name: REDIS, image: trialRedisImage(p), script, variables };
  const host = await untilAnswers(p, trial, order, (address) =>
    withRedis(of(address, names.redisAdminUser, passwords.admin), { signal: p.edge.signal }, (redis) =>
      redis.ping(),
    ),
  );
  return {
    dropletId: 0,
    firewallId: '',
    admin: of(host, names.redisAdminUser, passwords.admin),
    app: of(host, names.redisAppUser, passwords.application),
    appUser: names.redisAppUser,
    privateHost: host,
    port,
  };
}

/** Starts a server and waits until it answers; its address in the trial's network. */
async function untilAnswers(
  { edge }: Provisioning,
  trial: Trial,
  order: ContainerOrder,
  ask: (address: string) => Promise<unknown>,
): Promise<string> {
  const container = await startContainer(trial, order);
  const until = edge.clock.now().getTime() + START_LIMIT_MS;
  for (;;) {
    const { running, address } = await readContainer(trial, container);
    if (!running) throw await neverStarted(edge, trial, container, order.image, 'it ended by itself');
    try {
      await ask(address);
      return address;
    } catch (error) {
      edge.signal.throwIfAborted();
      if (edge.clock.now().getTime() >= until)
        throw await neverStarted(edge, trial, container, order.image, messageOf(error));
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}

async function neverStarted(
  edge: Provisioning['edge'],
  trial: Trial,
  container: Container,
  image: string,
  why: string,
): Promise<Error> {
  const log = lastLines(edge.redact(await readLog(trial, container, 20)), 20);
  return new Error(`The throw-away server ${image} did not start (${why}). The end of its log:\n${log}`);
}

export function sessionOf({ edge }: Provisioning): {
  applicationName: string;
  log: Provisioning['edge']['log'];
  signal: AbortSignal;
} {
  return { applicationName: 'h2d try image', log: edge.log, signal: edge.signal };
}

function newPassword({ edge }: Provisioning): string {
  const password = randomBytes(24).toString('hex');
  edge.mask(password);
  return password;
}
