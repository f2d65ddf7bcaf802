import type { Check } from '../../src/checks/result.ts';
import { failedLines, judged } from '../../src/checks/result.ts';
import { wayBackChecks } from '../../src/checks/way-back.ts';
import { MoveAtWorkError } from '../../src/digitalocean/move-at-work.ts';
import { messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { NotProvisionedError } from '../../src/migration/target.ts';
import { CaptureBroken, readCapture, readLease } from '../../src/postgres/capture.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { compareShapes, describeDifference, readBaseline, readShape } from '../../src/postgres/drift.ts';
import { readLag } from '../../src/postgres/lag.ts';
import { captureLimits } from '../live.ts';
import { standingOf } from '../migrate-db/state.ts';
import type { Parties } from '../parties.ts';
import { gatherParties } from '../parties.ts';
import { standBack } from '../stand-back.ts';
import type { Subject } from '../subject.ts';
import { recordPhase } from '../subject.ts';
import { watchSummary } from './summary.ts';

/**
 * `command: watch`: while the way back is open, how far Heroku lags behind the new side, how large the logs are and
 * whether the schema has changed. Made to run on a schedule: it changes nothing, is green while there is nothing to watch
 * or while it stands back before a cutover or roll-back, and fails when the way back is closing, early enough to do
 * something about it.
 */
export async function watch(edge: Edge, subject: Subject): Promise<void> {
  const seen = await look(edge, subject);
  if ('before' in seen)
    return standBack(edge, subject, { phase: 'verify', command: 'watch', checks: [] }, seen.before);
  if ('nothing' in seen) {
    edge.log.info(seen.nothing);
    await recordPhase(edge, subject, 'verify', {
      command: 'watch',
      outcome: 'nothing-to-do',
      changed: false,
      why: seen.nothing,
      checks: [],
    });
    return;
  }
  const { checks } = seen;
  for (const { what, found } of checks) edge.log.info(`${what}: ${found}`);
  const failed = failedLines(checks);
  await recordPhase(edge, subject, 'verify', {
    command: 'watch',
    outcome: failed.length === 0 ? 'verified' : 'failed',
    changed: false,
    checks,
  });
  await edge.summary(watchSummary(checks));
  if (failed.length > 0)
    throw new Error(['The way back to Heroku is closing:', ...failed.map((line) => `  ${line}`)].join('\n'));
}

async function look(
  edge: Edge,
  subject: Subject,
): Promise<{ checks: Check[] } | { nothing: string } | { before: MoveAtWorkError }> {
  try {
    const { parties, journal } = await gatherParties(edge, subject);
    try {
      return await lookAtWayBack(parties, journal);
    } finally {
      await journal.close();
    }
  } catch (error) {
    // A schedule begins before production is prepared, and comes in the middle of a cutover: that is no failure.
    if (error instanceof MoveAtWorkError) return { before: error };
    if (error instanceof NotProvisionedError) return { nothing: `Nothing is prepared yet: ${error.message}` };
    throw error;
  }
}

/** What there is to see of the way back; nothing while Heroku serves. */
export async function lookAtWayBack(
  parties: Parties,
  journal: Journal,
): Promise<{ checks: Check[] } | { nothing: string }> {
  const standing = await standingOf(parties, journal);
  if (standing.serves === 'heroku') return { nothing: 'Heroku serves: there is no way back to watch.' };
  if (standing.serves === 'unsettled') {
    return {
      checks: [
        judged('way-back/open', 'way-back', 'The way back is open', {
          passed: false,
          found: `a cutover has begun and stopped at "${standing.stoppedAt}"`,
          remedy: 'Run its job again, which completes or undoes it, or run roll-back.',
        }),
      ],
    };
  }
  if (!standing.reverse)
    return { nothing: 'DigitalOcean serves, and no way back is kept: there is nothing to watch.' };
  return { checks: await readWayBack(parties) };
}

async function readWayBack(parties: Parties): Promise<Check[]> {
  const { subject, newSide, signal } = parties;
  const { migrationId } = subject.environment;
  const what = 'The way back is open';
  try {
    return await withConnection(newSide.owner, { applicationName: 'h2d watch', signal }, async (client) => {
      const tables = await readCapture(client, migrationId);
      const baseline = tables === undefined ? undefined : await readBaseline(client, migrationId);
      if (tables === undefined || baseline === undefined) {
        return [
          judged('way-back/open', 'way-back', what, {
            passed: false,
            found: 'the capture of the way back is not there any more',
            remedy:
              'Nothing written since can be carried back. If that is meant, end the migration; if not, find out who removed it.',
          }),
        ];
      }
      const [lag, shape, leaseLeftMs] = [
        await readLag(client, tables),
        await readShape(client),
        await readLease(client, migrationId),
      ];
      const { schema, rewritten, captureTouched, server } = compareShapes(baseline, shape);
      return [
        judged('way-back/open', 'way-back', what, {
          passed: true,
          found: `${tables.length} tables are captured`,
        }),
        ...wayBackChecks({
          lag,
          limits: captureLimits({ subject }),
          schemaChanges: schema.map(describeDifference),
          damaged: [
            ...rewritten.map((relation) => `${relation} was written anew by ALTER TABLE`),
            ...captureTouched.map((relation) => `the capture of ${relation} was touched`),
            ...(server === 'failover' ? ['another server answers than at the switch (a fail-over)'] : []),
          ],
          leaseLeftMs,
        }),
      ];
    });
  } catch (error) {
    if (!(error instanceof CaptureBroken)) throw error;
    return [
      judged('way-back/open', 'way-back', what, {
        passed: false,
        found: messageOf(error),
        remedy: 'The way back is closed: what was written since can only be carried back by hand.',
      }),
    ];
  }
}
