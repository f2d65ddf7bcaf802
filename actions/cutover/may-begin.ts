import { z } from 'zod';

import { ConfigurationError } from '../../src/errors.ts';
import type { RunEnvironment } from '../../src/github/run-environment.ts';
import type { Clock } from '../../src/clock.ts';
import { decisionsDigest } from '../../src/migration/decisions.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { latestSection } from '../../src/migration/record.ts';
import { openWatch } from '../../src/migration/watch.ts';
import type { Subject } from '../subject.ts';
import { opensAt } from './window.ts';

/**
 * Whether a cutover that is outside its window waits for it: one that has begun is continued at any hour. The guard beside
 * it is told until when to be patient.
 */
export async function waitsForItsWindow(
  { environment, clock }: { environment: RunEnvironment; clock: Pick<Clock, 'now'> },
  subject: Subject,
  journal: Pick<Journal, 'steps' | 'address' | 'migrationId'>,
): Promise<boolean> {
  const hasBegun = (await journal.steps('cutover')).some(({ status }) => status !== 'undone');
  if (hasBegun) return false;
  const waitingUntil = opensAt(subject, clock);
  if (waitingUntil === undefined) return true;
  const watch = await openWatch(journal.address, journal.migrationId);
  try {
    await watch.sign(environment, { waitingUntil });
  } finally {
    await watch.close();
  }
  return true;
}

/** A roll-back that has begun may have closed the new side or opened Heroku: only itself knows how to go on. */
export async function refuseDuringRollBack(journal: Pick<Journal, 'steps'>): Promise<void> {
  const begun = (await journal.steps('roll-back')).filter(({ status }) => status !== 'undone');
  if (begun.length === 0) return;
  throw new ConfigurationError(
    `A roll-back has begun and is not finished (it stopped at "${begun.at(-1)?.name ?? ''}"). Nothing was changed here. ` +
      'Run roll-back again until it ends well; a new cutover can begin after it.',
  );
}

/** The record's plan was made from this very migration.yml, or the approval was for something else. */
export function refuseOtherDecisions({
  config,
  environment,
  record,
}: Pick<Subject, 'config' | 'environment' | 'record'>): void {
  const planned = latestSection(record, 'assess', z.object({ plan: z.object({ decisions: z.string() }) }));
  if (planned?.plan.decisions === decisionsDigest(config, environment)) return;
  throw new ConfigurationError(
    `migration.yml decides something else for ${environment.name} than it did when the plan was made. Nothing was changed. ` +
      'Run migrate.yml again from assess on, and have the new plan approved.',
  );
}
