import type { Edge } from '../../src/github/run.ts';
import type { Journal, StepRow } from '../../src/migration/journal.ts';
import { undoAll } from '../../src/migration/saga.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { withNames } from '../names.ts';
import type { Parties } from '../parties.ts';
import type { Guarded } from './guard.ts';
import { inItsPlace, never } from './in-its-place.ts';
import { isOwnWayBack, judgeWayBack } from './judge-way-back.ts';
import { goBack, wayBack } from './roll-back.ts';
import { rollBackSteps } from './steps.ts';

/**
 * A way back. Abandoned before Heroku may write, it is undone: that opens the new side in a moment, while going on would
 * first drain, prove and boot Heroku. After it, it is gone on with. One that undid a cutover goes on undoing.
 */
export function guardedWayBack(edge: Edge, gathered: Parties, journal: Journal): Guarded {
  const acting = { ...edge, signal: never };
  return {
    isOwn: isOwnWayBack,
    judge: judgeWayBack,
    undo: (onStep) =>
      inItsPlace(edge, withNames(edge, gathered), journal, async (parties, lease) => {
        const cutover = await journal.steps('cutover');
        const begun = await standing(journal);
        if (begun.length === 0) {
          if ((await wayBack(parties, cutover)) !== 'undo') return 'nothing';
          await goBack(acting, parties, journal, lease, onStep);
          return 'completed';
        }
        if (await hasLiftedFence(parties, begun)) return 'passed';
        await undoAll(journal, lease, rollBackSteps(parties, cutover), {
          phase: 'roll-back',
          log: edge.log,
          clock: edge.clock,
          onStep,
          reason: 'its run fell silent before Heroku might write',
        });
        return 'undone';
      }),
    complete: (onStep) =>
      inItsPlace(edge, withNames(edge, gathered), journal, async (parties, lease) => {
        // Somebody else may have led it to its end: then there is nothing to go on with, and nothing to begin.
        if (!(await hasLiftedFence(parties, await standing(journal)))) return 'nothing';
        await goBack(acting, parties, journal, lease, onStep);
        return 'completed';
      }),
  };
}

async function standing(journal: Journal): Promise<StepRow[]> {
  return (await journal.steps('roll-back')).filter(({ status }) => status !== 'undone');
}

/** As the saga settles it: of a step that was begun and has no result, Heroku's database tells. */
async function hasLiftedFence({ subject, oldSide }: Parties, begun: readonly StepRow[]): Promise<boolean> {
  const row = begun.find(({ pointOfNoReturn }) => pointOfNoReturn);
  if (row?.status !== 'intent') return row?.status === 'done';
  return (await readFence(oldSide.database, subject.environment.migrationId)) === 'open';
}
