import type { Strategy } from '../../src/migration/strategy.ts';
import { connectionBudget } from '../capacity.ts';
import type { Parties } from '../parties.ts';
import { driftFindings } from './drift.ts';
import { dueJobsFinding } from './due-jobs.ts';
import type { Finding } from './findings.ts';
import { migrationsFinding } from './pending-migrations.ts';
import { windowFinding } from './window.ts';

/**
 * What a cutover must meet to begin, and no longer once it has begun: it then holds Heroku's connections and changes the
 * new side itself. `workspace` has the checkout, which tells the pools.
 */
export async function beforeItBegins(
  workspace: string,
  parties: Parties,
  strategy: Strategy,
): Promise<Finding[]> {
  const { subject, clock } = parties;
  const looks = await Promise.all([
    driftFindings(parties),
    migrationsFinding(parties, strategy),
    connectionsFinding(workspace, parties),
  ]);
  return [windowFinding(subject, clock), dueJobsFinding(subject, clock), ...looks.flat()];
}

/** As migrate-db has checked it, with what Heroku holds open and what DigitalOcean takes at this moment. */
async function connectionsFinding(workspace: string, parties: Parties): Promise<Finding> {
  const { state, found, remedy } = await connectionBudget(workspace, parties);
  const what = 'connection pools fit the new cluster';
  return state === 'failed' ? { what, found, remedy: remedy ?? '' } : { what, found };
}
