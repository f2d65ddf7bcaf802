import { z } from 'zod';
import {
  createApp,
  deployAgain,
  newestDeployment,
  proposeApp,
  updateApp,
  waitForDeployment,
  type App,
} from '../../src/digitalocean/app.ts';
import type { VariableFate } from '../../src/digitalocean/app-environment.ts';
import { keepEncrypted, mergeSpec } from '../../src/digitalocean/app-spec-merge.ts';
import type { AppSpec } from '../../src/digitalocean/app-spec.ts';
import { validateDomains, type DomainReadiness } from '../../src/digitalocean/domain.ts';
import { explainGitHubRefusal, type GitHubSource } from '../../src/digitalocean/github-source.ts';
import { parseImageReference, type ImageSource } from '../../src/digitalocean/image-reference.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { latestSection } from '../../src/migration/record.ts';
import { defineStep, runSteps, type Step } from '../../src/migration/saga.ts';
import { NotProvisionedError } from '../../src/migration/target.ts';
import { admitRunner } from '../runner-access.ts';
import { DIGEST_VARIABLE, variableOf } from './app-mark.ts';
import { plannedApplication, type LiveApp } from './application-plan.ts';
import { chosenSource, requireCommit, requireSameCode } from './built-source.ts';
import { provisionFrontDoor } from './front-door.ts';
import { waitUntilHealthy } from './health.ts';
import { withJournal } from './journal.ts';
import { readOwnApp } from './own-app.ts';
import { ownDomains } from './own-domains.ts';
import { plannedSpec } from './planned-spec.ts';
import { comparePrices, differingPrices, type PriceLine } from './prices.ts';
import type { Provisioning } from './provision.ts';
import { forgetOldPasswords, requirePasswords } from './redis-passwords.ts';
import { isToDo } from './resource.ts';
import type { ProvisionReport } from './summary.ts';
import { ttlSteps } from './ttl.ts';

/** How long the first certificates may take before this only tells that they are missing. */
const CERTIFICATE_LIMIT_MS = 10 * 60_000;

/** The app on App Platform: deployed, healthy, with certificates, and closed until the switch. */
export async function provisionApplication(p: Provisioning): Promise<ProvisionReport> {
  if (p.dryRun) return planOnly(p);
  requireCopy(p);
  const source = chosenSource(p);
  const { image: build } = p.subject.config;
  const commit = build === undefined ? undefined : requireCommit(p);
  const before = await readOwnApp(p);
  const { spec, fates, target, secretsRead, sent } = await p.edge.log.group('App spec', async () =>
    plannedSpec(p, source, before),
  );
  const resources = await p.edge.log.group('Plan', async () =>
    plannedApplication(p, spec, await liveApp(p, spec)),
  );

  await admitRunner(p.edge, p.client, target);
  await requirePasswords(p, target);
  const { migrationId } = p.subject.environment;
  const { log, clock, signal } = p.edge;
  const journalled = await withJournal(p.edge, target.journal, migrationId, (journal, lease) =>
    runSteps(journal, lease, [appStep(p, spec), ...ttlSteps(p)], {
      phase: 'provision application',
      log,
      clock,
      signal,
    }),
  );
  const redeployed = await log.group('Deployment', () => waitUntilDeployed(p));
  const rebuilt =
    build === undefined || commit === undefined
      ? false
      : await log.group('What was built', async () =>
          requireSameCode(
            { client: p.client, components: p.plan.components, build, commit },
            (await requireApp(p)).id,
            before?.active_deployment?.id,
          ),
        );
  const app = await requireApp(p);
  const forwarderBuilt = await provisionFrontDoor(p, target, app);
  const domains = await log.group('Certificates', () => certificates(p, app.id));
  await log.group('Health', () => waitUntilHealthy(p, app));
  const passwordsForgotten = await forgetOldPasswords(p, target);

  const { usdPerMonth } = await proposeApp(p.client, app.spec, app.id);
  return {
    changed:
      journalled.changed ||
      redeployed ||
      rebuilt ||
      forwarderBuilt ||
      passwordsForgotten ||
      resources.some((line) => line.kind !== 'Domain' && isToDo(line)),
    resources,
    notes: [...notesOf(fates), certificateNote(domains)],
    priceDifferences: priceDifferences(p, usdPerMonth),
    secretsRead,
    sent,
  };
}

const attemptedCopy = z.looseObject({
  outcome: z.enum(['copied', 'undone', 'unfinished', 'stuck', 'superseded']),
});

const destroyedSchema = z.looseObject({ command: z.literal('destroy'), outcome: z.literal('destroyed') });

/** A component that starts on an incomplete schema would collide with the restore. */
function requireCopy(p: Provisioning): void {
  // What was copied before everything was destroyed is gone.
  const { sections } = p.subject.record;
  const gone = sections.findLastIndex(({ data }) => destroyedSchema.safeParse(data).success);
  // The newest attempt counts: one that failed may have left part of a schema. `catch-up` has another outcome.
  const newest = latestSection(
    { ...p.subject.record, sections: sections.slice(gone + 1) },
    'migrate-db',
    attemptedCopy,
  );
  if (newest?.outcome === 'copied') return;
  throw new ConfigurationError(
    'The record holds no finished copy of the databases: run migrate-db with `command: copy` first. ' +
      'The application must not touch a database whose schema is not complete. Nothing was changed.',
  );
}

/** The spec to send: the live one with the plan laid over it. */
function specToSend(live: App, spec: AppSpec): ReturnType<typeof mergeSpec> {
  const planned: Record<string, unknown> = { ...spec };
  const sameSecrets = digestOf(live.spec) === digestOf(planned);
  return mergeSpec(live.spec, sameSecrets ? keepEncrypted(live.spec, planned) : planned);
}

function digestOf(spec: Record<string, unknown>): string | undefined {
  return variableOf(spec, DIGEST_VARIABLE);
}

async function liveApp(p: Provisioning, spec: AppSpec): Promise<LiveApp | undefined> {
  const app = await readOwnApp(p);
  if (app === undefined) return undefined;
  const newest = await newestDeployment(p.client, app);
  return { app, merged: specToSend(app, spec), failed: hasFailed(newest?.phase) };
}

function hasFailed(phase: string | undefined): boolean {
  return phase === 'ERROR' || phase === 'CANCELED';
}

async function requireApp(p: Provisioning): Promise<App> {
  const app = await readOwnApp(p);
  if (app !== undefined) return app;
  throw new Error(`The app ${p.names.app} was there a moment ago and is gone: run this again.`);
}

/** Names of apps are unique beyond one team, so that the one who has it may not be seen. */
function nameTaken(name: string): ConfigurationError {
  return new ConfigurationError(
    `App Platform has an app named "${name}" already, and this token does not see it: it is another team's. Give \`application\` ` +
      'another name in migration.yml, or ask whoever has it. Nothing was deployed.',
  );
}

function appStep(p: Provisioning, spec: AppSpec): Step {
  const { client, edge } = p;
  return defineStep({
    name: 'app',
    settle: async () => {
      const live = await readOwnApp(p);
      return live !== undefined && !specToSend(live, spec).changed ? 'done' : 'not-done';
    },
    act: async () => {
      const live = await readOwnApp(p);
      if (live === undefined) {
        const { nameAvailable } = await readable(p, () => proposeApp(client, spec, undefined));
        if (!nameAvailable) throw nameTaken(p.names.app);
        const app = await readable(p, () => createApp(client, spec));
        edge.log.info(`App ${p.names.app}: created`);
        return { id: app.id, change: 'created' };
      }
      const merged = specToSend(live, spec);
      for (const part of merged.kept) edge.log.info(`Kept, as the plan does not speak of it: ${part}`);
      if (!merged.changed) {
        edge.log.info(`App ${p.names.app}: unchanged, nothing is deployed`);
        return { id: live.id, change: 'unchanged' };
      }
      await readable(p, () => proposeApp(client, merged.spec, live.id));
      await readable(p, () => updateApp(client, live.id, merged.spec));
      edge.log.info(`App ${p.names.app}: updated`);
      return { id: live.id, change: 'updated' };
    },
  });
}

/** What App Platform may not read at GitHub it refuses: then the error has the page to open. */
async function readable<T>({ subject }: Provisioning, send: () => Promise<T>): Promise<T> {
  const { image: build } = subject.config;
  try {
    return await send();
  } catch (error) {
    throw build === undefined ? error : explainGitHubRefusal(error, build);
  }
}

/** Waits for what was started; deploys again when the last deployment failed. Returns whether it did the latter. */
async function waitUntilDeployed(p: Provisioning): Promise<boolean> {
  const { client, edge } = p;
  const app = await requireApp(p);
  const newest = await newestDeployment(client, app);
  if (newest !== undefined && !hasFailed(newest.phase)) {
    await waitForDeployment(client, app.id, newest.id);
    return false;
  }
  const isFirstLook = newest?.phase === 'ERROR' && app.active_deployment == null;
  edge.log.info(
    isFirstLook
      ? 'The first deployment failed: deploying again'
      : 'The last deployment failed: deploying again',
  );
  await waitForDeployment(client, app.id, await deployAgain(client, app.id, false));
  return true;
}

async function certificates(p: Provisioning, appId: string): Promise<DomainReadiness[]> {
  const { plan, client, edge, dns } = p;
  const wanted = ownDomains(plan);
  if (wanted.length === 0) return [];
  const domains = await validateDomains(client, appId, wanted, dns, CERTIFICATE_LIMIT_MS);
  for (const { domain, ready, phase, records } of domains) {
    if (ready) edge.log.info(`${domain}: its certificate is there before DNS points here`);
    else {
      edge.log.warning(
        `${domain}: no certificate yet (${phase}). ` +
          (records.length === 0
            ? 'App Platform asks for no TXT record; it may come only once DNS points there.'
            : `Check the TXT records ${records.map(({ name }) => name).join(', ')} and run this again.`),
      );
    }
  }
  return domains;
}

function certificateNote(domains: readonly DomainReadiness[]): ProvisionReport['notes'][number] {
  return {
    title: 'Domains',
    rows: domains.map(({ domain, ready, phase, records }) => [
      domain,
      ready ? 'certificate is there' : `no certificate yet (${phase})`,
      ready ? '' : `TXT records: ${records.map(({ name }) => name).join(', ') || 'none asked for'}`,
    ]),
  };
}

function notesOf(fates: VariableFate[]): ProvisionReport['notes'] {
  return [{ title: 'Config vars', rows: fates.map(({ name, fate, reason }) => [name, fate, reason]) }];
}

/** Line by line by the price list, and the whole by what App Platform itself says that the spec costs. */
function priceDifferences(p: Provisioning, proposedUsd: number | null): PriceLine[] {
  const lines = comparePrices(p.plan, 'application', p.prices);
  const promised = lines.reduce<number | null>(
    (sum, line) => (sum === null || line.promised === null ? null : sum + line.promised),
    0,
  );
  const whole = proposedUsd === null ? [] : [{ what: `App ${p.names.app}`, promised, now: proposedUsd }];
  return differingPrices([...lines, ...whole]);
}

/**
 * The diff alone. Without an image that of the live app stands in. Before the infrastructure is there the plan alone
 * tells what would be made; then, and without any image, nothing is checked with App Platform yet.
 */
async function planOnly(p: Provisioning): Promise<ProvisionReport> {
  const given = p.edge.inputs.optional('image');
  const there = await readOwnApp(p);
  const known = plannedSource(p, given, there);
  try {
    const { spec, fates } = await plannedSpec(p, known ?? UNKNOWN_IMAGE, there);
    const live = await liveApp(p, spec);
    const proposed =
      known === undefined
        ? undefined
        : await readable(p, () => proposeApp(p.client, live?.merged.spec ?? spec, live?.app.id));
    if (proposed?.nameAvailable === false) throw nameTaken(p.names.app);
    return {
      changed: false,
      resources: await plannedApplication(p, spec, live),
      notes: notesOf(fates),
      priceDifferences: priceDifferences(p, proposed?.usdPerMonth ?? null),
    };
  } catch (error) {
    if (!(error instanceof NotProvisionedError)) throw error;
    p.edge.log.info('The infrastructure is not there yet: the plan alone tells what would be made.');
    return {
      changed: false,
      resources: await plannedApplication(p, undefined, undefined),
      notes: [],
      priceDifferences: priceDifferences(p, null),
    };
  }
}

function plannedSource(
  p: Provisioning,
  given: string | undefined,
  there: App | undefined,
): ImageSource | GitHubSource | undefined {
  if (p.subject.config.image !== undefined) return chosenSource(p);
  return given === undefined ? liveImage(there) : parseImageReference(given);
}

/** Stands in where only the rest of the spec is looked at; it is never sent. */
const UNKNOWN_IMAGE: ImageSource = { registry_type: 'DOCR', registry: '', repository: 'unknown', digest: '' };

const imageSchema = z.object({
  services: z.array(
    z.object({
      image: z.object({
        registry_type: z.enum(['DOCR', 'GHCR', 'DOCKER_HUB']),
        registry: z.string().default(''),
        repository: z.string(),
        digest: z.string(),
      }),
    }),
  ),
});

function liveImage(live: App | undefined): ImageSource | undefined {
  return imageSchema.safeParse(live?.spec).data?.services[0]?.image;
}
