import { z } from 'zod';
import {
  createApp,
  newestDeployment,
  proposeApp,
  readApp,
  updateApp,
  waitForDeployment,
  type App,
} from '../../src/digitalocean/app.ts';
import type { VariableFate } from '../../src/digitalocean/app-environment.ts';
import { keepEncrypted, mergeSpec } from '../../src/digitalocean/app-spec-merge.ts';
import { buildAppSpec, type AppSpec } from '../../src/digitalocean/app-spec.ts';
import { readRecord, writeRecord, type DnsRecord } from '../../src/digitalocean/dns.ts';
import { validateDomains, type DomainReadiness } from '../../src/digitalocean/domain.ts';
import { parseImageReference } from '../../src/digitalocean/image-reference.ts';
import { requireOurs } from '../../src/digitalocean/ownership.ts';
import { findVpc } from '../../src/digitalocean/vpc.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { readAddOns } from '../../src/heroku/inventory.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { appVariables } from '../../src/migration/app-variables.ts';
import { canonicalJson } from '../../src/migration/json.ts';
import { latestSection } from '../../src/migration/record.ts';
import { defineStep, runSteps, type Step } from '../../src/migration/saga.ts';
import { keyedDigest } from '../../src/migration/secrets.ts';
import { readSource } from '../../src/migration/source.ts';
import { readTarget, type Target } from '../../src/migration/target.ts';
import { OPEN_KEY } from '../../src/redis/rights.ts';
import { herokuOf } from '../parties.ts';
import { admitRunner } from '../runner-access.ts';
import { waitUntilHealthy } from './health.ts';
import { targetSubject } from './target-subject.ts';
import { withJournal } from './journal.ts';
import type { Provisioning } from './provision.ts';
import type { ProvisionReport, Resource } from './summary.ts';

/** How long the first certificates may take before this only tells that they are missing. */
const CERTIFICATE_LIMIT_MS = 10 * 60_000;
/** The app's mark: an app has no tags. */
const OWNER_VARIABLE = 'H2D_MIGRATION';
/** A keyed digest of all secrets: DigitalOcean never shows them again, so a change is seen by it. */
const DIGEST_VARIABLE = 'H2D_SECRETS_DIGEST';

/** The app on App Platform: deployed, healthy, with certificates, and closed until the switch. */
export async function provisionApplication(p: Provisioning): Promise<ProvisionReport> {
  requireCopy(p);
  const { spec, fates, target } = await p.edge.log.group('App spec', () => plannedSpec(p));
  if (p.dryRun) return planOnly(p, spec, fates);

  await admitRunner(p.edge, p.client, target);
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
  const app = await requireApp(p);
  const domains = await log.group('Certificates', () => certificates(p, app.id));
  await log.group('Health', () => waitUntilHealthy(p, app));

  const changed = journalled.changed || redeployed;
  return {
    changed,
    resources: [appResource(p, changed), ...domains.map(domainResource)],
    notes: notesOf(fates),
  };
}

const attemptedCopy = z.looseObject({
  outcome: z.enum(['copied', 'undone', 'unfinished', 'stuck', 'superseded']),
});

/** A component that starts on an incomplete schema would collide with the restore. */
function requireCopy(p: Provisioning): void {
  // The newest attempt counts: one that failed may have left part of a schema. `catch-up` has another outcome.
  const newest = latestSection(p.subject.record, 'migrate-db', attemptedCopy);
  if (newest?.outcome === 'copied') return;
  throw new ConfigurationError(
    'The record holds no finished copy of the databases: run migrate-db with `command: copy` first. ' +
      'The application must not touch a database whose schema is not complete. Nothing was changed.',
  );
}

async function plannedSpec(
  p: Provisioning,
): Promise<{ spec: AppSpec; fates: VariableFate[]; target: Target }> {
  const { plan, names, client, edge, subject } = p;
  const image = parseImageReference(edge.inputs.required('image'));
  const heroku = herokuOf(edge);
  const [source, addOns, target, vpc] = await Promise.all([
    readSource(heroku, plan.herokuApp, edge),
    readAddOns(heroku, plan.herokuApp),
    readTarget(client, targetSubject(p)),
    findVpc(client, names.vpc),
  ]);
  if (vpc === undefined || (plan.redis !== null && target.redis === undefined)) {
    throw new ConfigurationError(
      'The infrastructure is not complete: run provision with `stage: infrastructure` first. Nothing was changed.',
    );
  }
  const { variables, fates } = appVariables({
    configVars: source.configVars,
    addOns,
    config: subject.config,
    answers: answersOf(subject.config, subject.environment),
    appName: names.app,
    addresses: newAddresses(p, target),
  });
  const credentials = edge.inputs.optionalSecret('registry-credentials');
  // `user:token`: an error of the registry would quote the token alone.
  if (credentials !== undefined) edge.mask(credentials.slice(credentials.indexOf(':') + 1));
  const secrets = [
    credentials ?? '',
    ...variables.filter(({ secret }) => secret).map(({ key, value }) => `${key}=${value}`),
  ];
  const spec = buildAppSpec({
    name: names.app,
    region: plan.region,
    vpcId: vpc.id,
    image,
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
      { key: OWNER_VARIABLE, value: names.tag, secret: false },
      { key: DIGEST_VARIABLE, value: keyedDigest(p.key, canonicalJson(secrets)), secret: false },
    ],
    domains: plan.domains,
    healthPath: subject.config.checks.find(({ status }) => status === 200)?.path,
    gate: plan.language === null ? undefined : { language: plan.language, key: OPEN_KEY },
  });
  for (const { name, fate, reason } of fates) {
    if (fate !== 'kept') edge.log.info(`Config var ${name}: ${fate} (${reason})`);
  }
  return { spec, fates, target };
}

/** Where the application finds its databases: the private network, which nothing outside reaches. */
function newAddresses(p: Provisioning, target: Target): Parameters<typeof appVariables>[0]['addresses'] {
  const { owner, privatePostgres, redis } = target;
  const databaseUrl = new URL(
    `postgresql://${privatePostgres.host}:${privatePostgres.port}/${owner.database}`,
  );
  databaseUrl.username = encodeURIComponent(owner.user);
  databaseUrl.password = encodeURIComponent(owner.password);
  // libpq takes this for "encrypted"; node-postgres would take it for "verified against the system's CAs".
  if (p.plan.language !== 'node') databaseUrl.searchParams.set('sslmode', 'require');
  p.edge.maskUrl(databaseUrl.href);
  const databaseCa = owner.tls.mode === 'verify' ? owner.tls.ca : '';
  if (redis === undefined) return { databaseUrl: databaseUrl.href, databaseCa, redis: undefined };

  const { username = '', password = '', tls } = redis.app;
  const url = `rediss://${username}:${password}@${redis.privateHost}:${redis.port}/0`;
  p.edge.maskUrl(url);
  const ca = tls.mode === 'verify' ? tls.ca : '';
  return {
    databaseUrl: databaseUrl.href,
    databaseCa,
    redis: { url, ca, serverName: p.names.redisServerName },
  };
}

/** The spec to send: the live one with the plan laid over it. */
function specToSend(live: App, spec: AppSpec): ReturnType<typeof mergeSpec> {
  const planned: Record<string, unknown> = { ...spec };
  const sameSecrets = digestOf(live.spec) === digestOf(planned);
  return mergeSpec(live.spec, sameSecrets ? keepEncrypted(live.spec, planned) : planned);
}

const variablesSchema = z.object({
  envs: z.array(z.object({ key: z.string(), value: z.string().nullish() })).nullish(),
});

function digestOf(spec: Record<string, unknown>): string | undefined {
  return valueOf(spec, DIGEST_VARIABLE);
}

function valueOf(spec: Record<string, unknown>, name: string): string | undefined {
  const parsed = variablesSchema.safeParse(spec);
  return parsed.data?.envs?.find(({ key }) => key === name)?.value ?? undefined;
}

async function readOwnApp(p: Provisioning): Promise<App | undefined> {
  const live = await readApp(p.client, p.names.app);
  if (live !== undefined)
    requireOurs('app', p.names.app, [valueOf(live.spec, OWNER_VARIABLE) ?? ''], p.names.tag);
  return live;
}

async function requireApp(p: Provisioning): Promise<App> {
  const app = await readOwnApp(p);
  if (app !== undefined) return app;
  throw new Error(`The app ${p.names.app} was there a moment ago and is gone: run this again.`);
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
        await proposeApp(client, spec, undefined);
        const app = await createApp(client, spec);
        edge.log.info(`App ${p.names.app}: created`);
        return { id: app.id, change: 'created' };
      }
      const merged = specToSend(live, spec);
      for (const part of merged.kept) edge.log.info(`Kept, as the plan does not speak of it: ${part}`);
      if (!merged.changed) {
        edge.log.info(`App ${p.names.app}: unchanged, nothing is deployed`);
        return { id: live.id, change: 'unchanged' };
      }
      await proposeApp(client, merged.spec, live.id);
      await updateApp(client, live.id, merged.spec);
      edge.log.info(`App ${p.names.app}: updated`);
      return { id: live.id, change: 'updated' };
    },
  });
}

/** Waits for what was started; deploys again when the last deployment failed. Returns whether it did the latter. */
async function waitUntilDeployed(p: Provisioning): Promise<boolean> {
  const { client, edge } = p;
  const app = await requireApp(p);
  const newest = await newestDeployment(client, app);
  if (newest !== undefined && !['ERROR', 'CANCELED'].includes(newest.phase)) {
    await waitForDeployment(client, app.id, newest.id);
    return false;
  }
  const isFirstLook = newest?.phase === 'ERROR' && app.active_deployment == null;
  edge.log.info(
    isFirstLook
      ? 'The first deployment failed: deploying again'
      : 'The last deployment failed: deploying again',
  );
  const schema = z.object({ deployment: z.object({ id: z.string() }) });
  const { deployment } = await client.request('POST', `/apps/${app.id}/deployments`, schema, {
    force_build: false,
  });
  await waitForDeployment(client, app.id, deployment.id);
  return true;
}

/** Well before the cutover: resolvers keep a record as long as it said when they asked. */
function ttlSteps(p: Provisioning): Step[] {
  const { client, plan, edge } = p;
  const { dns } = plan;
  if (dns === null) return [];
  return plan.domains.map((domain) => {
    const lowered = (record: DnsRecord | undefined): boolean => record === undefined || record.ttl <= dns.ttl;
    return defineStep({
      name: `dns-ttl ${domain}`,
      prior: async () => ({ ttl: (await readRecord(client, dns.zone, domain))?.ttl ?? null }),
      settle: async () => (lowered(await readRecord(client, dns.zone, domain)) ? 'done' : 'not-done'),
      act: async () => {
        const record = await readRecord(client, dns.zone, domain);
        if (record === undefined) {
          edge.log.warning(
            `${domain} has no A or CNAME record in the zone ${dns.zone}: the cutover will create one.`,
          );
          return { ttl: null };
        }
        if (lowered(record)) return { ttl: record.ttl };
        await writeRecord(client, dns.zone, domain, { ...record, ttl: dns.ttl });
        edge.log.info(`${domain}: TTL lowered from ${record.ttl} s to ${dns.ttl} s`);
        return { ttl: dns.ttl };
      },
      undo: async ({ ttl }) => {
        const record = await readRecord(client, dns.zone, domain);
        if (record !== undefined && ttl !== null)
          await writeRecord(client, dns.zone, domain, { ...record, ttl });
      },
    });
  });
}

async function certificates(p: Provisioning, appId: string): Promise<DomainReadiness[]> {
  const { plan, client, edge } = p;
  if (plan.domains.length === 0) return [];
  const domains = await validateDomains(client, appId, plan.domains, plan.dns?.zone, CERTIFICATE_LIMIT_MS);
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

function appResource(p: Provisioning, changed: boolean): Resource {
  const { components } = p.plan;
  const cost = components.reduce((sum, { usdPerMonth }) => sum + (usdPerMonth ?? 0), 0);
  const names = components.map(({ name, kind }) => `${name} (${kind})`).join(', ');
  return {
    kind: 'App',
    name: p.names.app,
    change: changed ? 'changed' : 'kept',
    detail: names,
    usdPerMonth: cost,
  };
}

function domainResource({ domain, ready, phase }: DomainReadiness): Resource {
  return {
    kind: 'Domain',
    name: domain,
    change: ready ? 'kept' : 'not ready',
    detail: phase,
    usdPerMonth: null,
  };
}

function notesOf(fates: VariableFate[]): ProvisionReport['notes'] {
  return [{ title: 'Config vars', rows: fates.map(({ name, fate, reason }) => [name, fate, reason]) }];
}

async function planOnly(p: Provisioning, spec: AppSpec, fates: VariableFate[]): Promise<ProvisionReport> {
  const live = await readOwnApp(p);
  const merged = live === undefined ? undefined : specToSend(live, spec);
  const { usdPerMonth } = await proposeApp(p.client, merged?.spec ?? spec, live?.id);
  const change = live === undefined ? 'to create' : merged?.changed === true ? 'to change' : 'kept';
  const resource: Resource = { ...appResource(p, false), change, usdPerMonth };
  p.edge.log.info(`App ${p.names.app}: ${change}`);
  return { changed: false, resources: [resource], notes: notesOf(fates) };
}
