import { randomBytes } from 'node:crypto';
import { readFromDyno } from '../../src/migration/buildpack-secrets.ts';
import type { AppSpec } from '../../src/digitalocean/app-spec.ts';
import { parseImageReference } from '../../src/digitalocean/image-reference.ts';
import { createDocker, requireDocker, type Docker } from '../../src/docker/docker.ts';
import { loggedIn } from '../../src/docker/registry-login.ts';
import { clearTrial, createNetwork, openTrial, type Trial } from '../../src/docker/throw-away.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { targetNames } from '../../src/migration/names.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import type { Target } from '../../src/migration/target.ts';
import { closeWrites } from '../../src/postgres/rights.ts';
import { heading, table } from '../../src/report/summary.ts';
import { digitalOceanOf } from '../parties.ts';
import { readSubject, recordPhase, refuseUnsupported } from '../subject.ts';
import type { BuildpackSecrets } from './buildpack-secrets.ts';
import { specOn } from './planned-spec.ts';
import { readLivePrices } from './prices.ts';
import { deadlineOf, requirePlan, type Provisioning } from './provision.ts';
import { bootService, runToItsEnd } from './trial-boot.ts';
import { requireSchedule } from './trial-schedule.ts';
import { makeSchema, readSourceSchema } from './trial-schema.ts';
import { startTrialServers, trialPostgresImage, trialRedisImage } from './trial-servers.ts';

/** A process of the app, and how long it took. */
interface Booted {
  name: string;
  milliseconds: number;
}

/**
 * Boots the image on this machine as App Platform will, before anything is made there: against a throw-away PostgreSQL
 * with Heroku's schema and a throw-away Redis, both closed for writes as before the switch, with the variables of the app
 * spec, until its health check passes. It changes nothing anywhere, and what it starts here is gone afterwards.
 */
export async function tryImage(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  refuseUnsupported(subject);
  const client = { ...digitalOceanOf(edge), deadline: deadlineOf(edge) };
  const p: Provisioning = {
    edge,
    subject,
    plan: requirePlan(subject),
    names: targetNames(subject.environment.migrationId, subject.config.application),
    key: requireMigrationKey(edge.inputs.secret('migration-key')),
    client,
    prices: await readLivePrices(client),
    dns: undefined,
    dryRun: false,
  };
  if (subject.config.image !== undefined) {
    throw new ConfigurationError(
      'App Platform builds the image (`image: { build: app-platform }` in migration.yml), so that there is none to try before: leave this command out.',
    );
  }
  const image = edge.inputs.required('image').trim();
  parseImageReference(image);
  const closed = edge.inputs.choice('try-network', ['closed', 'open']) === 'closed';
  const docker = createDocker({ redact: (text) => edge.redact(text), signal: edge.signal });
  await requireDocker(docker);

  const booted = await withTrial(edge, docker, (trial) => bootedIn(p, trial, image, closed));
  const rows = booted.map(({ name, milliseconds }) => [name, `healthy after ${seconds(milliseconds)}`]);
  edge.log.info('The image boots: everything that was started for it is gone again.');
  await edge.summary(
    [heading(`The image boots: ${subject.environment.name}`), table(['Process', 'Result'], rows)].join(
      '\n\n',
    ),
  );
  await recordPhase(edge, subject, 'provision', {
    command: 'try-image',
    outcome: 'boots',
    changed: false,
    image,
    network: closed ? 'closed' : 'open',
    processes: booted,
  });
}

/** What was begun is also cleared away by the post step, for a job that is ended in the middle of it. */
async function withTrial<T>(edge: Edge, docker: Docker, body: (trial: Trial) => Promise<T>): Promise<T> {
  const mark = `h2d-trial-${randomBytes(4).toString('hex')}`;
  const trial = await openTrial(docker, mark, edge.environment.temporaryDirectory);
  edge.saveState('trial', mark);
  edge.saveState('trial-directory', trial.directory);
  try {
    return await body(trial);
  } finally {
    await clear(edge, mark, trial.directory);
  }
}

/** The post step: nothing of a trial stays, whatever became of its job. */
export async function clearLeftTrial(edge: Edge): Promise<void> {
  const mark = edge.getState('trial');
  if (mark !== '') await clear(edge, mark, edge.getState('trial-directory'));
}

/** Without the job's signal, which may be aborted already. */
async function clear(edge: Edge, mark: string, directory: string): Promise<void> {
  try {
    await clearTrial(createDocker({ redact: (text) => edge.redact(text) }), mark, directory);
  } catch (error) {
    edge.log.warning(
      `Containers and network of the trial (${mark}) could not be removed: ${messageOf(error)}`,
    );
  }
}

async function bootedIn(p: Provisioning, trial: Trial, image: string, closed: boolean): Promise<Booted[]> {
  const { edge } = p;
  const { log } = edge;
  const schemaCommand = edge.inputs.optional('try-schema-command');
  // Each takes a while and none needs another.
  const [schema] = await log.group('Images and schema', () =>
    Promise.all([
      schemaCommand === undefined ? readSourceSchema(p) : undefined,
      pullOwn(p, trial, image),
      ...[trialPostgresImage(p), ...(p.plan.redis === null ? [] : [trialRedisImage(p)])].map((one) =>
        pull(p, trial, one),
      ),
    ]),
  );
  await log.group('Schedule', () => requireSchedule(p, trial, image));
  const target = await log.group('Throw-away servers', async () => {
    await createNetwork(trial, closed);
    return startTrialServers(p, trial);
  });
  const spec = await log.group('Variables', () => trialSpec(p, image, target));
  await log.group('Schema', async () => {
    if (schema !== undefined) await makeSchema(p, target, schema);
    if (schemaCommand !== undefined)
      await runToItsEnd(p, trial, spec, {
        title: 'What makes the schema',
        name: 'schema',
        component: { run_command: schemaCommand },
        image,
      });
    // As before the switch: it must boot where it may read and not write. The throw-away Redis is closed from the start.
    await closeWrites({ ...target.owner, tls: target.loader.tls }, { signal: edge.signal });
  });
  return log.group('Boot', async () => {
    for (const job of spec.jobs.filter(({ kind }) => kind === 'PRE_DEPLOY')) {
      await runToItsEnd(p, trial, spec, {
        title: `The release phase ${job.name}`,
        name: `app-${job.name}`,
        component: job,
        image,
      });
      log.info(`${job.name}: ended well`);
    }
    const booted: Booted[] = [];
    for (const service of spec.services) {
      const milliseconds = await bootService(p, trial, spec, service, image);
      log.info(`${service.name}: healthy after ${seconds(milliseconds)}`);
      booted.push({ name: service.name, milliseconds });
    }
    return booted;
  });
}

async function pull(p: Provisioning, trial: Trial, image: string): Promise<void> {
  await trial.docker(['pull', '--quiet', image]);
  p.edge.log.info(`Pulled ${image}`);
}

/** The app's own, with what App Platform will pull it with, and for its machines, whatever this one is. */
async function pullOwn(p: Provisioning, trial: Trial, image: string): Promise<void> {
  const login = registryLogin(p, image);
  const docker =
    login === undefined
      ? trial.docker
      : createDocker({
          redact: (text) => p.edge.redact(text),
          signal: p.edge.signal,
          configDirectory: await loggedIn(trial.directory, image, login),
        });
  await docker(['pull', '--quiet', '--platform', 'linux/amd64', image]);
  p.edge.log.info(`Pulled ${image}`);
}

/** As it is pulled on App Platform; `undefined`: with what this machine is logged in with, if anything. */
function registryLogin(
  { edge }: Provisioning,
  image: string,
): { user: string; password: string } | undefined {
  const given = edge.inputs.optionalSecret('registry-credentials');
  if (given !== undefined) {
    const [user, password] = splitOnce(given);
    edge.mask(password);
    return { user, password };
  }
  if (!image.startsWith('registry.digitalocean.com/')) return undefined;
  // DigitalOcean's registry takes an API token as both.
  const token = edge.inputs.secret('digitalocean-token');
  return { user: token, password: token };
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}

/**
 * The app spec for the throw-away servers. Config vars hold what they hold on Heroku, or nobody would know whether the
 * app boots with them; no dyno is started for what only dynos have, and random values stand in.
 */
async function trialSpec(p: Provisioning, image: string, target: Target): Promise<AppSpec> {
  const of = { source: parseImageReference(image), target, vpcId: '' };
  const { spec } = await specOn(p, of, (accounted) => Promise.resolve(inDynos(p, accounted)));
  return spec;
}

function inDynos({ edge, plan }: Provisioning, accounted: ReadonlySet<string>): BuildpackSecrets {
  const names = readFromDyno(plan.items).filter((name) => !accounted.has(name));
  const reason = 'for this trial a random value';
  return {
    variables: names.map((key) => {
      const value = randomBytes(64).toString('hex');
      edge.mask(value);
      return { key, value, secret: true };
    }),
    fates: names.map((name) => ({ name, fate: 'added', reason })),
    read: [],
  };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
