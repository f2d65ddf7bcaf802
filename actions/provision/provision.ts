import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import type { Edge } from '../../src/github/run.ts';
import { parseDuration } from '../../src/migration/duration.ts';
import { targetNames, type TargetNames } from '../../src/migration/names.ts';
import { blockersIn } from '../../src/migration/item.ts';
import type { PlanWithCluster } from '../../src/migration/own-postgres.ts';
import { planSchema } from '../../src/migration/plan.ts';
import { latestSection } from '../../src/migration/record.ts';
import { requireMigrationKey, type MigrationKey } from '../../src/migration/secrets.ts';
import { dnsOf } from '../names.ts';
import { digitalOceanOf } from '../parties.ts';
import { recordPhase, refuseUnsupported, type Subject } from '../subject.ts';
import { readSubjectOrThrowAway } from '../throw-away.ts';
import { provisionApplication } from './application.ts';
import { destroy } from './destroy.ts';
import { provisionInfrastructure } from './infrastructure.ts';
import { readLivePrices, tellDifference, type LivePrices } from './prices.ts';
import { provisionRegistry } from './registry.ts';
import { proposeFilesAlone, proposeRepositoryFiles } from './repository-files.ts';
import { totalOf } from './resource.ts';
import { provisionSummary, type ProvisionReport } from './summary.ts';
import { tryImage } from './try-image.ts';

/** What both stages work with. */
export interface Provisioning {
  edge: Edge;
  subject: Subject;
  plan: PlanWithCluster;
  names: TargetNames;
  key: MigrationKey;
  /** Its waiting ends at the deadline that the input `timeout` sets. */
  client: DigitalOcean;
  /** Who serves the zone of the domains; `undefined` without one. */
  dns: DnsProvider | undefined;
  prices: LivePrices;
  /** Only say what would be done. */
  dryRun: boolean;
}

/**
 * Makes the plan real in stages: `registry` before the image is pushed, where that is DigitalOcean's; `infrastructure`
 * (network, cluster, journal, Redis) before the copy; `application` (the app, warm and closed) after it. Or takes all of it away again (`command: destroy`); or tries the image before any of it
 * (`command: try-image`). Everything is found by name
 * and mark before it is created, so a second run changes nothing and says so, and a run that died is continued.
 */
export async function provision(edge: Edge): Promise<void> {
  const command = edge.inputs.choice('command', ['apply', 'propose-files', 'try-image', 'destroy']);
  if (command === 'destroy') return destroy(edge);
  if (command === 'propose-files') return proposeFilesAlone(edge);
  if (command === 'try-image') return tryImage(edge);
  const stage = edge.inputs.choice('stage', ['registry', 'infrastructure', 'application']);
  if (stage === 'registry') {
    // Needs no key, and makes nothing for a migration that the next stage refuses for its key.
    requireMigrationKey(edge.inputs.secret('migration-key'));
    return provisionRegistry(edge);
  }
  const subject = await readSubjectOrThrowAway(edge);
  refuseUnsupported(subject);
  refuseServingThrowAway(stage, subject);
  const client = { ...digitalOceanOf(edge), deadline: deadlineOf(edge) };
  const plan = requirePlan(subject);
  const key = requireMigrationKey(edge.inputs.secret('migration-key'));
  const provisioning: Provisioning = {
    edge,
    subject,
    plan,
    names: targetNames(subject.environment.migrationId, subject.config.application),
    key,
    client,
    dns: dnsOf(edge, subject.config, client),
    prices: await readLivePrices(client),
    dryRun: edge.inputs.boolean('dry-run'),
  };

  const report: ProvisionReport =
    stage === 'infrastructure'
      ? await provisionInfrastructure(provisioning)
      : await provisionApplication(provisioning);

  const proposes = stage === 'infrastructure' && subject.environment.throwAway === undefined;
  const notes = proposes ? await proposeRepositoryFiles(provisioning) : [];
  const outcome = provisioning.dryRun ? 'planned' : report.changed ? 'done' : 'unchanged';
  for (const line of report.priceDifferences) edge.log.warning(tellDifference(line));
  edge.log.info(OUTCOMES[outcome]);
  await edge.summary(provisionSummary(stage, outcome, { ...report, notes: [...report.notes, ...notes] }));
  if (provisioning.dryRun) {
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', outcome);
    edge.setOutput('changed', false);
    return;
  }
  await recordPhase(edge, subject, 'provision', {
    stage,
    outcome,
    changed: report.changed,
    resources: report.resources,
    usdPerMonth: totalOf(report.resources),
    priceDifferences: report.priceDifferences,
    // Names and keyed digests: the record is read by everybody who may read the repository.
    secretsRead: (report.secretsRead ?? []).map(({ name, digest }) => ({ name, digest })),
    sent: report.sent ?? [],
    ...(report.offered === undefined ? {} : { offered: report.offered }),
  });
}

/** Data is all that is rehearsed there: an app would have the real one's config vars, and send real mails. */
function refuseServingThrowAway(stage: string, { environment }: Subject): void {
  if (environment.throwAway === undefined || stage === 'infrastructure') return;
  throw new ConfigurationError(
    'A throw-away target holds data and no app: leave `stage: application` out of a rehearsal. Nothing was changed.',
  );
}

/** When waiting ends: the input `timeout` counts for the whole run, as a job's own limit does. */
export function deadlineOf(edge: Edge): number {
  const text = edge.inputs.required('timeout');
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds === 0) {
    throw new ConfigurationError(`The input timeout is "${text}" and must be a duration such as 45m or 90s.`);
  }
  return edge.clock.now().getTime() + milliseconds;
}

const OUTCOMES = {
  planned: 'This was a dry run: nothing was changed.',
  done: 'What the plan says exists now.',
  unchanged: 'Everything was there already: nothing was changed.',
};

/** The plan that assess recorded: what is made here is what the reviewer saw. */
export function requirePlan(subject: Subject): PlanWithCluster {
  const section = latestSection(subject.record, 'assess', z.object({ plan: planSchema }));
  if (section === undefined) {
    throw new ConfigurationError(
      `The record ${subject.recordPath} holds no plan: run assess first and pass its record on. Nothing was changed.`,
    );
  }
  const { plan } = section;
  const blockers = blockersIn(plan.items);
  if (blockers.length > 0) {
    throw new ConfigurationError(
      `The plan is blocked (${blockers.map(({ what }) => what).join('; ')}): mend that and run assess again. Nothing was changed.`,
    );
  }
  const { cluster } = plan;
  // Such a plan is blocked when assess makes it; a record may be older than that, or changed by hand.
  if (cluster === null) {
    throw new ConfigurationError(
      'The plan has no Postgres cluster, and the journal of this migration is kept in it: run assess again. Nothing was changed.',
    );
  }
  return { ...plan, cluster };
}
