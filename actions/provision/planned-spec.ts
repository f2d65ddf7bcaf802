import type { App } from '../../src/digitalocean/app.ts';
import type { VariableFate } from '../../src/digitalocean/app-environment.ts';
import { buildAppSpec, type AppSpec } from '../../src/digitalocean/app-spec.ts';
import type { GitHubSource } from '../../src/digitalocean/github-source.ts';
import type { ImageSource } from '../../src/digitalocean/image-reference.ts';
import {
  credentialOf,
  logDestinationOf,
  type LogDestination,
} from '../../src/digitalocean/log-destination.ts';
import { findVpc } from '../../src/digitalocean/vpc.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { readAddOns } from '../../src/heroku/inventory.ts';
import { readOwnLogDrains } from '../../src/heroku/log-drains.ts';
import { appVariables } from '../../src/migration/app-variables.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { componentMetadata, equivalentsIn } from '../../src/migration/dyno-metadata.ts';
import { canonicalJson } from '../../src/migration/json.ts';
import { scheduleVariables } from '../../src/migration/schedule-variable.ts';
import { keyedDigest } from '../../src/migration/secrets.ts';
import { readSource } from '../../src/migration/source.ts';
import { NotProvisionedError, readTarget, type Target } from '../../src/migration/target.ts';
import { LOG_DESTINATION } from '../../src/migration/traffic-items.ts';
import { OPEN_KEY } from '../../src/redis/rights.ts';
import { herokuOf } from '../parties.ts';
import { DIGEST_VARIABLE, OWNER_VARIABLE } from './app-mark.ts';
import { buildpackSecrets, type BuildpackSecrets, type SecretRead } from './buildpack-secrets.ts';
import { frontDoorVariables } from './front-door.ts';
import { newAddresses } from './new-addresses.ts';
import { ownDomains } from './own-domains.ts';
import type { Provisioning } from './provision.ts';
import { targetSubject } from './target-subject.ts';

export interface PlannedSpec extends SpecOnTarget {
  target: Target;
}

interface SpecOnTarget {
  spec: AppSpec;
  /** What became of every config var, and what was added. */
  fates: VariableFate[];
  /** What a dyno was asked for, now. */
  secretsRead: SecretRead[];
  /** A keyed digest of each variable of the app: of a secret, App Platform never shows the value again. */
  sent: { name: string; digest: string }[];
}

/**
 * The app spec as the plan wants it, with the addresses, config vars and secrets as they are at this moment. `live` is
 * the app that is there already: what only it has is taken from it. Changes nothing; it may start one one-off dyno.
 *
 * @throws NotProvisionedError while the infrastructure is not complete
 */
export async function plannedSpec(
  p: Provisioning,
  source: ImageSource | GitHubSource,
  live: App | undefined,
): Promise<PlannedSpec> {
  const { plan, names, client } = p;
  const [target, vpc] = await Promise.all([readTarget(client, targetSubject(p)), findVpc(client, names.vpc)]);
  if (vpc === undefined || (plan.redis !== null && target.redis === undefined)) {
    throw new NotProvisionedError(
      'The infrastructure is not complete: run provision with `stage: infrastructure` first. Nothing was changed.',
    );
  }
  const of = { source, target, vpcId: vpc.id };
  return { ...(await specOn(p, of, (accounted) => buildpackSecrets(p, live, accounted))), target };
}

/**
 * The same for a target of any kind: for a throw-away one, before anything is made, it tells what the image will get.
 *
 * @param secretsOfDynos given the names that something else decides: what exists only inside dynos
 */
export async function specOn(
  p: Provisioning,
  of: { source: ImageSource | GitHubSource; target: Target; vpcId: string },
  secretsOfDynos: (accounted: ReadonlySet<string>) => Promise<BuildpackSecrets>,
): Promise<SpecOnTarget> {
  const { plan, names, edge, subject } = p;
  const heroku = herokuOf(edge);
  const [old, addOns] = await Promise.all([
    readSource(heroku, plan.herokuApp, edge),
    readAddOns(heroku, plan.herokuApp),
  ]);
  const metadata = equivalentsIn(plan.items);
  const frontDoor = frontDoorVariables(p);
  const commit = commitOf(p, metadata);
  const planned = appVariables({
    configVars: old.configVars,
    addOns,
    config: subject.config,
    answers: answersOf(subject.config, subject.environment),
    appName: names.app,
    addresses: newAddresses(p, of.target),
    dynoMetadata: {
      names: metadata,
      herokuApp: plan.herokuApp,
      imageDigest: 'digest' in of.source ? of.source.digest : (commit ?? ''),
      commit,
    },
  });
  const variables = [...planned.variables, ...frontDoor.variables];
  const fates = [...planned.fates, ...frontDoor.fates];
  const inDynos = await secretsOfDynos(new Set(fates.map(({ name }) => name)));
  const logDestinations = await logDestinationsOf(p);
  const credentials = edge.inputs.optionalSecret('registry-credentials');
  // `user:token`: an error of the registry would quote the token alone.
  if (credentials !== undefined) edge.mask(credentials.slice(credentials.indexOf(':') + 1));
  // Without those of dynos: they are never compared, since they are read only once.
  const secrets = [
    credentials ?? '',
    ...variables.filter(({ secret }) => secret).map(({ key, value }) => `${key}=${value}`),
    ...logDestinations.map((one) => canonicalJson(one)),
  ];
  // What migration.yml sets or drops is not set a second time.
  const perComponent = metadata.filter(
    (name) => fates.some((one) => one.name === name && one.fate !== 'dropped') && !isSet(variables, name),
  );
  const spec = buildAppSpec({
    name: names.app,
    region: plan.region,
    vpcId: of.vpcId,
    source: of.source,
    registryCredentials: credentials,
    processes: plan.components.map(({ name, kind, command, instanceSize, count, schedule }) => ({
      name,
      kind,
      command,
      instanceSize,
      count,
      ...(schedule === null ? {} : { schedule }),
    })),
    variables: [
      ...variables,
      ...inDynos.variables,
      ...scheduleVariables(plan),
      { key: OWNER_VARIABLE, value: names.tag, secret: false },
      { key: DIGEST_VARIABLE, value: keyedDigest(p.key, canonicalJson(secrets)), secret: false },
    ],
    variablesOf: ({ name }) => componentMetadata(perComponent, name),
    domains: ownDomains(plan),
    healthPath: subject.config.checks.find(({ status }) => status === 200)?.path,
    logDestinations,
    gate: plan.language === null ? undefined : { language: plan.language, key: OPEN_KEY },
  });
  const told = [...fates, ...inDynos.fates].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, fate, reason } of told) {
    if (fate !== 'kept') edge.log.info(`Config var ${name}: ${fate} (${reason})`);
  }
  const sent = variables.map(({ key, value }) => ({ name: key, digest: keyedDigest(p.key, value) }));
  return { spec, fates: told, secretsRead: inDynos.read, sent };
}

/** What the image was built from: whoever built it says so. */
function commitOf({ edge }: Provisioning, names: readonly string[]): string | undefined {
  const commit = edge.inputs.optional('commit');
  if (commit !== undefined && !/^[0-9a-f]{40}$/u.test(commit))
    throw new ConfigurationError(
      `The input commit is "${commit}" and must be the 40 hexadecimal digits of the commit that the image was built from.`,
    );
  if (commit === undefined && names.includes('HEROKU_SLUG_COMMIT'))
    edge.log.warning(
      'The code reads HEROKU_SLUG_COMMIT, and nobody says which commit the image holds: give it as the input `commit`, or set the variable under `config: { set }` in migration.yml. Nothing sets it.',
    );
  return commit;
}

function isSet(variables: readonly { key: string }[], name: string): boolean {
  return variables.some(({ key }) => key === name);
}

/** From the log drains that the plan takes along; their addresses are read only then. */
async function logDestinationsOf({ plan, edge }: Provisioning): Promise<LogDestination[]> {
  if (!plan.items.some(({ id, becomes }) => id.startsWith('traffic/drain/') && becomes === LOG_DESTINATION))
    return [];
  const found: LogDestination[] = [];
  for (const url of await readOwnLogDrains(herokuOf(edge), plan.herokuApp)) {
    const destination = logDestinationOf(url);
    if (destination === undefined) {
      edge.log.warning(
        `The log drain to ${URL.parse(url)?.hostname ?? 'an address that cannot be read'} is not taken along: add a log destination by hand.`,
      );
      continue;
    }
    edge.mask(credentialOf(destination) ?? '');
    const namesakes = found.filter(({ name }) => name.startsWith(destination.name)).length;
    const name = namesakes === 0 ? destination.name : `${destination.name} ${namesakes + 1}`;
    found.push({ ...destination, name });
    edge.log.info(`Log destination ${name}: as the log drain of ${plan.herokuApp}`);
  }
  return found;
}
