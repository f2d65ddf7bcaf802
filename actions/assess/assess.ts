import { z } from 'zod';

import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { readCatalogue, type Catalogue } from '../../src/digitalocean/prices.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { readInventory, type HerokuInventory } from '../../src/heroku/inventory.ts';
import { readSchedulerJobs } from '../../src/heroku/scheduler.ts';
import { appVariables, plannedAddresses } from '../../src/migration/app-variables.ts';
import { buildPlan, planDigest, type Plan, type PlanInput } from '../../src/migration/plan.ts';
import { latestSection } from '../../src/migration/record.ts';
import { readSource, requirePostgres, type Source } from '../../src/migration/source.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readDatabaseFacts, type DatabaseFacts } from '../../src/postgres/facts.ts';
import { readLiveFacts, type LiveFacts } from '../../src/postgres/live-facts.ts';
import { readFence } from '../../src/postgres/fence.ts';
import { withRedis } from '../../src/redis/connect.ts';
import { readRedisFacts, type RedisFacts } from '../../src/redis/facts.ts';
import { heading } from '../../src/report/summary.ts';
import { herokuOf } from '../parties.ts';
import { readSubject, recordPhase, type Subject } from '../subject.ts';
import { assessSummary } from './summary.ts';

/**
 * Reads everything on the old side, decides a target for each thing, prices both sides and names what stands in the
 * way. It changes nothing, anywhere. The job fails when there are blockers, after the record and the summary are written.
 */
export async function assess(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const heroku = herokuOf(edge);
  const unknown: string[] = [];

  const source = await orTell(unknown, 'config vars', () =>
    readSource(heroku, subject.environment.herokuApp, edge),
  );
  const inventory = await edge.log.group(`Inventory of ${subject.environment.herokuApp}`, () =>
    readInventory(heroku, subject.environment.herokuApp, source?.configVars),
  );
  if (inventory.parked && (await hasMoved(edge, subject, source))) {
    return tellMoved(edge, subject, inventory);
  }
  edge.setOutput('moved', false);
  const [database, redis, scheduler, catalogue] = await edge.log.group('Databases, schedule and prices', () =>
    Promise.all([
      orTell(unknown, 'the database', () => databaseFacts(edge, source)),
      orTell(unknown, 'Redis', () => redisFacts(edge, source)),
      schedulerJobs(edge, inventory),
      orTell(unknown, "DigitalOcean's offers", () => catalogueOf(edge)),
    ]),
  );

  const plan = makePlan({ subject, source, inventory, ...database, redis, scheduler, catalogue, unknown });
  const digest = planDigest(plan);
  tell(edge, plan, digest);

  await recordPhase(edge, subject, 'assess', {
    outcome: plan.blockers.length > 0 ? 'blocked' : 'ready',
    changed: false,
    planDigest: digest,
    plan,
    inventory,
    database: database?.database ?? null,
    redis: redis ?? null,
  });
  edge.setOutput('plan-digest', digest);
  edge.setOutput('strategy', plan.strategy);
  edge.setOutput('blockers', plan.blockers.length);
  edge.setOutput('warnings', plan.warnings.length);
  edge.setOutput('cost-before', plan.costs.before.usdPerMonth);
  edge.setOutput('cost-after', plan.costs.after.usdPerMonth);
  await edge.summary(assessSummary(plan, digest, inventory, database?.database, redis));
  refuseBlocked(plan);
}

/** Whether the cutover has passed its point of no return: then there is nothing left to plan. */
async function hasMoved(edge: Edge, subject: Subject, source: Source | undefined): Promise<boolean> {
  const { herokuApp, migrationId } = subject.environment;
  if (source === undefined) return false;
  return (
    (await readFence(requirePostgres(source, herokuApp), migrationId, { signal: edge.signal })) === 'closed'
  );
}

async function tellMoved(edge: Edge, subject: Subject, inventory: HerokuInventory): Promise<void> {
  const { herokuApp } = subject.environment;
  edge.log.info(
    `${herokuApp} has moved: Heroku is fenced and parked. Nothing is planned, nothing was changed.`,
  );
  await recordPhase(edge, subject, 'assess', { outcome: 'moved', changed: false, inventory });
  edge.setOutput('moved', true);
  await edge.summary(
    [
      heading(`${herokuApp} has moved to DigitalOcean`, 2),
      'Heroku is fenced and parked since its cutover. Nothing is left to plan, and nothing was changed.',
    ].join('\n\n'),
  );
}

function makePlan(found: {
  subject: Subject;
  source: Source | undefined;
  inventory: HerokuInventory;
  database?: DatabaseFacts;
  live?: LiveFacts;
  redis: RedisFacts | undefined;
  scheduler: Awaited<ReturnType<typeof schedulerJobs>>;
  catalogue: Catalogue | undefined;
  unknown: string[];
}): Plan {
  const { subject, source, inventory } = found;
  const hasRedis =
    source?.redis !== undefined || inventory.addOns.some(({ service }) => service === 'heroku-redis');
  const { fates } = appVariables({
    configVars: source?.configVars ?? {},
    addOns: inventory.addOns,
    config: subject.config,
    appName: subject.environment.migrationId,
    addresses: plannedAddresses(hasRedis),
  });
  return buildPlan({
    config: subject.config,
    environment: subject.environment,
    inventory,
    database: found.database,
    live: found.live,
    ...measuredBefore(subject),
    redis: found.redis,
    hasRedis,
    scheduler: found.scheduler,
    catalogue: found.catalogue,
    variables: fates,
    unknown: found.unknown,
  });
}

/** An earlier practice copy tells more than any assumption; there is one when assess runs again on its record. */
function measuredBefore({ record }: Subject): Pick<PlanInput, 'measured'> {
  const copied = latestSection(record, 'migrate-db', copySpeed);
  return copied === undefined ? {} : { measured: copied.speed };
}

const copySpeed = z.object({
  speed: z.object({ copyBytesPerSecond: z.number(), parityBytesPerSecond: z.number() }),
});

/** Read-only, with a limit per statement: assess may run against a busy production. */
async function databaseFacts(
  edge: Edge,
  source: Source | undefined,
): Promise<{ database: DatabaseFacts; live: LiveFacts } | undefined> {
  if (source?.postgres === undefined) return undefined;
  const options = {
    applicationName: 'h2d assess',
    log: edge.log,
    statementTimeoutMs: 30_000,
    signal: edge.signal,
  };
  return withConnection(source.postgres, options, async (client) => {
    await client.query('BEGIN TRANSACTION READ ONLY');
    const facts = { database: await readDatabaseFacts(client), live: await readLiveFacts(client) };
    await client.query('COMMIT');
    return facts;
  });
}

async function redisFacts(edge: Edge, source: Source | undefined): Promise<RedisFacts | undefined> {
  if (source?.redis === undefined) return undefined;
  return withRedis(source.redis, { log: edge.log, signal: edge.signal }, readRedisFacts);
}

async function schedulerJobs(edge: Edge, inventory: HerokuInventory): ReturnType<typeof readSchedulerJobs> {
  if (!inventory.hasScheduler) return { jobs: [] };
  const answer = await readSchedulerJobs({
    schedulerUrl: edge.inputs.url('scheduler-api-url'),
    token: edge.inputs.secret('heroku-token'),
    appId: inventory.app.id,
    signal: edge.signal,
  });
  if ('unknown' in answer) edge.log.warning(`Heroku Scheduler's jobs are not known: ${answer.unknown}.`);
  return answer;
}

async function catalogueOf(edge: Edge): Promise<Catalogue | undefined> {
  const token = edge.inputs.optionalSecret('digitalocean-token');
  if (token === undefined) return undefined;
  const { log, clock, signal } = edge;
  const client = createDigitalOcean({
    token,
    apiUrl: edge.inputs.url('digitalocean-api-url'),
    log,
    clock,
    signal,
  });
  return readCatalogue(client);
}

/** Partial access gives a partial report: what the user can mend is named in it, anything else ends the run. */
async function orTell<T>(unknown: string[], what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    // A wrong token or an app that nobody knows leaves nothing to report on.
    if (/does not know the token|knows no app/.test(error.message)) throw error;
    unknown.push(`${what}: ${error.message}`);
    return undefined;
  }
}

function tell(edge: Edge, plan: Plan, digest: string): void {
  for (const { what, why, remedy } of plan.blockers)
    edge.log.warning(`Blocked: ${what}. Why: ${why}. ${remedy}`);
  for (const { what, why } of plan.warnings) edge.log.info(`Note: ${what} (${why})`);
  for (const line of plan.strategyChoice.arithmetic) edge.log.info(line);
  edge.log.info(`Strategy ${plan.strategy}: ${plan.strategyChoice.why}`);
  edge.log.info(`Plan digest: ${digest}`);
}

function refuseBlocked(plan: Plan): void {
  if (plan.blockers.length === 0) return;
  throw new ConfigurationError(
    [
      `${plan.herokuApp} cannot move yet. Nothing was changed.`,
      ...plan.blockers.map(({ what, why, remedy }) => `- ${what}: ${why}. ${remedy}`),
    ].join('\n'),
  );
}
