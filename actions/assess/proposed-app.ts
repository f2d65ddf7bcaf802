import { proposeApp, readApp } from '../../src/digitalocean/app.ts';
import { buildAppSpec } from '../../src/digitalocean/app-spec.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { explainGitHubRefusal } from '../../src/digitalocean/github-source.ts';
import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { SourceBuild } from '../../src/migration/config.ts';
import { automatic, blocked, told, type Item } from '../../src/migration/item.ts';
import { targetNames } from '../../src/migration/names.ts';
import type { Plan } from '../../src/migration/plan.ts';
import { OPEN_KEY } from '../../src/redis/rights.ts';
import { ownDomains } from '../provision/own-domains.ts';
import type { Assessment } from './assessment.ts';

/** Which image it will be is known when it is built: this one is public, so nothing about it is refused. */
const STAND_IN = {
  registry_type: 'DOCKER_HUB',
  registry: 'library',
  repository: 'hello-world',
  tag: 'latest',
};
/** Statuses of a spec that App Platform does not take; others say something about the token or the network. */
const REFUSED = [400, 409, 422];

/**
 * Lets App Platform itself say whether it takes the planned app, and at what price (`POST /apps/propose`, which makes and
 * changes nothing and needs `app:read` only). It is told components, sizes, schedules, commands and domains: no config var.
 * Nothing is asked without a token, nor for a target that holds no app.
 */
export async function askAboutApp(edge: Edge, assessment: Assessment): Promise<Item[]> {
  const { plan, config, environment, catalogue } = assessment;
  const token = edge.inputs.optionalSecret('digitalocean-token');
  if (token === undefined || catalogue === undefined || environment.throwAway !== undefined) return [];
  if (plan.components.length === 0) return [];
  const { log, clock, signal } = edge;
  const apiUrl = edge.inputs.url('digitalocean-api-url');
  const { app: name } = targetNames(environment.migrationId, config.application);
  const healthPath = config.checks.find(({ status }) => status === 200)?.path;
  try {
    return [
      await answerOf(
        createDigitalOcean({ token, apiUrl, log, clock, signal, redact: (text) => edge.redact(text) }),
        name,
        plan,
        healthPath,
        config.image,
      ),
    ];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof DigitalOceanError || error instanceof ConfigurationError)) throw error;
    return [notAsked(edge.redact(error.message))];
  }
}

async function answerOf(
  client: DigitalOcean,
  name: string,
  plan: Plan,
  healthPath: string | undefined,
  build: SourceBuild | undefined,
): Promise<Item> {
  // One that is there already may have its name and its domains.
  const live = await readApp(client, name);
  try {
    const spec = specOf(plan, name, healthPath, build);
    const { usdPerMonth, nameAvailable } = await proposeApp(client, spec, live?.id);
    return nameAvailable || live !== undefined ? accepted(plan, usdPerMonth) : nameTaken(name);
  } catch (error) {
    if (!(error instanceof DigitalOceanError) || !REFUSED.includes(error.status)) throw error;
    const explained = build === undefined ? error : explainGitHubRefusal(error, build);
    if (explained instanceof ConfigurationError) return refused(explained);
    // It is only a stand-in: what App Platform says of it says nothing about the plan.
    if (/image|registry|repository/i.test(error.message)) throw error;
    return refused(error);
  }
}

/** As provision will send it, but for its network, which does not exist yet, the image, and every variable. */
function specOf(
  plan: Plan,
  name: string,
  healthPath: string | undefined,
  build: SourceBuild | undefined,
): object {
  const spec = buildAppSpec({
    name,
    region: plan.region,
    vpcId: '',
    source: build ?? { registry_type: 'DOCKER_HUB', registry: '', repository: '', digest: '' },
    registryCredentials: undefined,
    processes: plan.components.map(({ schedule, ...component }) => ({
      ...component,
      ...(schedule === null ? {} : { schedule }),
    })),
    variables: [],
    domains: ownDomains(plan),
    healthPath,
    logDestinations: [],
    gate: { language: plan.language ?? 'node', key: OPEN_KEY },
  });
  const standIn = (components: readonly object[]): object[] =>
    build === undefined
      ? components.map((component) => ({ ...component, image: STAND_IN }))
      : [...components];
  return {
    ...spec,
    vpc: undefined,
    services: standIn(spec.services),
    workers: standIn(spec.workers),
    jobs: standIn(spec.jobs),
  };
}

const ABOUT = { id: 'app/spec', area: 'app' } as const;

function accepted({ components }: Plan, usdPerMonth: number | null): Item {
  const price = usdPerMonth === null ? 'it named no price' : `it prices the app at $${usdPerMonth} a month`;
  return automatic({
    ...ABOUT,
    what: `the app of ${components.length} components`,
    becomes: 'an app on App Platform, which takes its spec',
    why: `asked of App Platform itself, without image and config vars (apps/propose); ${price}`,
  });
}

function refused({ message }: Error): Item {
  return blocked({
    ...ABOUT,
    what: 'App Platform does not take the planned app',
    why: `asked without making anything (apps/propose): ${message}`,
    remedy: 'Change in migration.yml what the reason names, and run assess again.',
  });
}

function nameTaken(name: string): Item {
  return blocked({
    ...ABOUT,
    what: `App Platform has an app named "${name}" already`,
    why: 'this token does not see it: it is another team’s',
    remedy: 'Give `application` another name in migration.yml, or ask whoever has it.',
  });
}

function notAsked(why: string): Item {
  return told({
    id: 'app/not-read/app-platform',
    area: 'app',
    what: 'not asked: whether App Platform takes the planned app',
    becomes: 'not in this report',
    why,
    remedy: 'Give a digitalocean-token with app:read; provision asks again before it makes anything.',
  });
}
