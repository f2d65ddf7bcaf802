import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { SagaOptions, Step } from '../../src/migration/saga.ts';
import { runSteps } from '../../src/migration/saga.ts';
import { cutoverSteps, noChecks, resultsOf } from '../cutover/steps.ts';
import { dashboardOf } from '../dashboard.ts';
import { withNames } from '../names.ts';
import type { Parties } from '../parties.ts';
import { copiedStrategy, plannedStrategy } from '../strategy.ts';
import type { Guarded } from './guard.ts';
import { inItsPlace, never } from './in-its-place.ts';
import { isOwnCutover, judgeCutover } from './judge-cutover.ts';
import { goBack, wayBack } from './roll-back.ts';

/** A cutover: undone when it is abandoned before its point of no return, gone on with after it. */
export async function guardedCutover(edge: Edge, parties: Parties, journal: Journal): Promise<Guarded> {
  const strategy = (await copiedStrategy(journal)) ?? plannedStrategy(parties.subject);
  const serving = servingSteps(cutoverSteps(parties, noChecks, strategy));
  return {
    isOwn: isOwnCutover,
    judge: (sight, watched) => judgeCutover(sight, watched, serving),
    undo: (onStep) =>
      inItsPlace(edge, parties, journal, async (now, lease) => {
        const way = await wayBack(now, await journal.steps('cutover'));
        if (way !== 'undo') return way === 'reverse' ? 'passed' : 'nothing';
        await goBack({ ...edge, signal: never }, now, journal, lease, onStep);
        return 'undone';
      }),
    complete: (onStep) => complete(edge, parties, journal, onStep),
  };
}

/** Between the point of no return and the smoke test, which included. */
function servingSteps(steps: readonly Step[]): string[] {
  const names = steps.map(({ name }) => name);
  const from = steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn === true);
  return names.slice(from + 1, names.indexOf('smoke') + 1);
}

/** What "Re-run failed jobs" would do, without waiting for somebody who presses it. */
function complete(
  edge: Edge,
  gathered: Parties,
  journal: Journal,
  onStep: NonNullable<SagaOptions['onStep']>,
): Promise<'completed' | 'nothing'> {
  return inItsPlace(edge, gathered, journal, async (parties, lease) => {
    const begunBack = (await journal.steps('roll-back')).some(({ status }) => status !== 'undone');
    if (begunBack) return 'nothing';
    const strategy = (await copiedStrategy(journal)) ?? plannedStrategy(parties.subject);
    const acting = { ...withNames(edge, parties), dashboard: dashboardOf(edge) };
    const checks = { ...noChecks, resultOf: resultsOf(journal) };
    await runSteps(journal, lease, cutoverSteps(acting, checks, strategy), {
      phase: 'cutover',
      log: edge.log,
      clock: edge.clock,
      signal: never,
      onStep,
    });
    return 'completed';
  });
}
