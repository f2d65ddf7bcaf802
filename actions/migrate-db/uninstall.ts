import type { Edge } from '../../src/github/run.ts';
import { defineStep, runSteps } from '../../src/migration/saga.ts';
import { endLive } from '../../src/postgres/live.ts';
import { heading } from '../../src/report/summary.ts';
import { tellingFailure } from '../failed-phase.ts';
import { forward, liveOptions } from '../live.ts';
import { withLease } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { recordPhase } from '../subject.ts';
import { planOnly, refuseUnlessHerokuServes } from './state.ts';
import { UNINSTALL_FAILED } from './summary.ts';

/**
 * `uninstall`: gives the live strategy up before the cutover. Afterwards the source's schema is as it was before the
 * first copy, and the new side is no longer kept in step. Repeating it is harmless.
 */
export async function uninstallCommand(edge: Edge, subject: Subject): Promise<void> {
  const { herokuApp } = subject.environment;
  if (edge.inputs.boolean('dry-run')) {
    await planOnly(edge, subject, async (parties, journal) => {
      await refuseUnlessHerokuServes(parties, journal);
      return `remove the capture, its logs and its schema from the database of ${herokuApp}; the copy on the new side then falls behind.`;
    });
    return;
  }
  await tellingFailure(edge, { subject, phase: 'migrate-db', words: UNINSTALL_FAILED }, (onStep) =>
    withLease(edge, subject, async (parties, journal, lease) => {
      await refuseUnlessHerokuServes(parties, journal);
      await journal.retire(lease, ['migrate-db'], 'uninstalled');
      const uninstall = defineStep({
        name: 'uninstall',
        act: async () => {
          await endLive(forward(parties), liveOptions(parties));
          return null;
        },
      });
      await runSteps(journal, lease, [uninstall], {
        phase: 'migrate-db',
        whenUndone: 'Heroku serves.',
        log: edge.log,
        clock: edge.clock,
        signal: edge.signal,
        onStep,
      });
    }),
  );
  edge.log.info(`Nothing of the migration is left in the database of ${herokuApp}.`);
  await recordPhase(edge, subject, 'migrate-db', {
    command: 'uninstall',
    outcome: 'uninstalled',
    changed: true,
  });
  await edge.summary(
    [
      heading(`Nothing is left of the capture on ${herokuApp}`, 2),
      'The copy on the new side is no longer kept in step. To move after all, run `command: copy` again.',
    ].join('\n\n'),
  );
}
