import { ConfigurationError } from '../../../src/errors.ts';
import type { Edge } from '../../../src/github/run.ts';
import type { UnofficialAddress } from '../../../src/heroku/unofficial.ts';
import type { HerokuInventory } from '../../../src/heroku/inventory.ts';
import { readInventory } from '../../../src/heroku/inventory.ts';
import { FINALIZE, finalizedAt } from '../../../src/migration/finalized.ts';
import type { Journal, StepRow } from '../../../src/migration/journal.ts';
import type { Json } from '../../../src/migration/json.ts';
import type { Lease } from '../../../src/migration/lease.ts';
import type { SagaOutcome, StepReport } from '../../../src/migration/saga.ts';
import { runSteps } from '../../../src/migration/saga.ts';
import type { Finding } from '../../cutover/findings.ts';
import { refuseUnlessWell } from '../../cutover/findings.ts';
import { schedulerOf } from '../../dashboard.ts';
import { tellingFailure } from '../../failed-phase.ts';
import type { Parties } from '../../parties.ts';
import { gatherParties, withLease } from '../../parties.ts';
import type { Subject } from '../../subject.ts';
import { readSubject, recordPhase } from '../../subject.ts';
import { wasFrontDoor } from '../front-door-traffic.ts';
import { pastOf } from '../past.ts';
import { outsideConsumers } from './outside-consumers.ts';
import { remainsOf } from './remains.ts';
import { residueOf } from './residue.ts';
import { END_OF_THE_WAY_BACK, finalizeSteps } from './steps.ts';
import { FINALIZE_FAILED, finalizeSummary } from './summary.ts';

/**
 * Ends the way back on purpose, for one who stays: the schedules on Heroku, the captures on both sides, the fence and
 * whatever else is ours go, and it is proven that nothing of it is left. Refuses while somebody outside still uses the
 * old side. What Heroku goes on keeping is listed with its price: removing it is a person's decision.
 */
export async function finalize(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  if (edge.inputs.boolean('dry-run')) return planFinalize(edge, subject);
  requireConfirmation(edge, subject);
  const { changed, results, inventory } = await tellingFailure(
    edge,
    { subject, phase: 'roll-back', words: FINALIZE_FAILED },
    (onStep) =>
      withLease(edge, subject, (parties, journal, lease) =>
        endTheWayBack(edge, { parties, scheduler: schedulerOf(edge) }, { journal, lease, onStep }),
      ),
  );
  const remains = remainsOf(inventory);
  const outcome = changed ? 'finalized' : 'unchanged';
  edge.log.info(`The way back has ended, and nothing of the migration is left on either side: ${outcome}.`);
  await recordPhase(edge, subject, 'roll-back', {
    command: 'finalize',
    outcome,
    changed,
    steps: Object.keys(results),
    schedules: results['delete-schedules'] ?? null,
    remains,
  });
  await edge.summary(finalizeSummary(subject, { outcome, remains, schedules: results['delete-schedules'] }));
}

/** Under the lease: looks, ends it, removes and proves. */
export async function endTheWayBack(
  edge: Pick<Edge, 'log' | 'clock' | 'signal'>,
  { parties, scheduler }: { parties: Parties; scheduler: UnofficialAddress },
  { journal, lease, onStep }: { journal: Journal; lease: Lease; onStep: (report: StepReport) => void },
): Promise<SagaOutcome & { inventory: HerokuInventory }> {
  const cutover = await journal.steps('cutover');
  const inventory = await readInventory(parties.oldSide.heroku, parties.oldSide.app, undefined);
  const preFlight = async (): Promise<Json> =>
    refuseUnlessWell(
      await findings(parties, journal, cutover, inventory),
      edge.log,
      'The end of the way back',
    );
  const done = await runSteps(
    journal,
    lease,
    finalizeSteps({ ...parties, scheduler }, pastOf(cutover), preFlight),
    {
      phase: FINALIZE,
      whenUndone: 'The way back is open as before.',
      log: edge.log,
      clock: edge.clock,
      signal: edge.signal,
      onStep,
    },
  );
  return { ...done, inventory };
}

/** Looks at everything, says what would be done, and changes nothing. */
async function planFinalize(edge: Edge, subject: Subject): Promise<void> {
  const { parties, journal } = await gatherParties(edge, subject);
  try {
    const cutover = await journal.steps('cutover');
    const inventory = await readInventory(parties.oldSide.heroku, parties.oldSide.app, undefined);
    const ended = await finalizedAt(journal);
    const found = ended === undefined ? await findings(parties, journal, cutover, inventory) : [];
    const problems = found.filter(({ remedy }) => remedy !== undefined);
    const left = await residueOf(parties);
    for (const { what, found: seen, remedy } of found)
      edge.log.info(`${remedy === undefined ? 'ok' : 'NOT OK'}  ${what}: ${seen}. ${remedy ?? ''}`);
    for (const line of left) edge.log.info(`Would remove: ${line}`);
    const remains = remainsOf(inventory);
    await edge.summary(
      finalizeSummary(subject, { outcome: 'planned', remains, left, problems, schedules: undefined }),
    );
    edge.log.info('This was a dry run: everything was looked at, nothing was changed.');
  } finally {
    await journal.close();
  }
  edge.setOutput('record', subject.recordPath);
  edge.setOutput('outcome', 'planned');
  edge.setOutput('changed', false);
}

/** The name of the environment, typed: there is no way back from this. */
function requireConfirmation(edge: Edge, { environment }: Subject): void {
  const typed = edge.inputs.optional('confirm');
  if (typed === environment.name) return;
  throw new ConfigurationError(
    `\`command: finalize\` ends the way back of ${environment.name} to Heroku for good. To say that this is meant, give the ` +
      `environment's name in the input \`confirm\`${typed === undefined ? '' : ` (it is "${typed}")`}. ` +
      '`dry-run: true` says what would be done and what stands in the way. Nothing was changed.',
  );
}

async function findings(
  parties: Parties,
  journal: Journal,
  cutover: readonly StepRow[],
  inventory: HerokuInventory,
): Promise<Finding[]> {
  return [
    finishedCutover(cutover),
    await noRollBack(journal),
    ...(await outsideConsumers(parties, inventory, { forwards: wasFrontDoor(pastOf(cutover)) })),
  ];
}

function finishedCutover(cutover: readonly StepRow[]): Finding {
  const what = 'the cutover is finished';
  const begun = cutover.filter(({ status }) => status !== 'undone');
  const passed = begun.some(({ pointOfNoReturn, status }) => pointOfNoReturn && status === 'done');
  const pending = begun.find(({ status }) => status !== 'done');
  const ended = begun.some(({ name }) => name === 'smoke');
  if (passed && ended && pending === undefined) return { what, found: 'yes, with its smoke test' };
  return {
    what,
    found:
      begun.length === 0
        ? 'no cutover has begun'
        : `it stopped at "${pending?.name ?? begun.at(-1)?.name ?? ''}"`,
    remedy:
      begun.length === 0 ? 'There is no way back to end.' : 'Run its job again until it ends, or roll-back.',
  };
}

async function noRollBack(journal: Journal): Promise<Finding> {
  const what = 'no roll-back is under way';
  const begun = (await journal.steps('roll-back')).filter(({ status }) => status !== 'undone');
  if (begun.length === 0) return { what, found: 'none' };
  return { what, found: `one stopped at "${begun.at(-1)?.name ?? ''}"`, remedy: 'Run roll-back to its end.' };
}

/** Why there is no way back any more; roll-back and its guard say it. */
export async function refuseFinalized(
  journal: Pick<Journal, 'steps'>,
  { environment }: Subject,
): Promise<void> {
  const ended = await finalizedAt(journal);
  if (ended === undefined) return;
  throw new ConfigurationError(
    `The way back of ${environment.name} was ended on purpose at ${ended.toISOString()} (\`command: finalize\`, step "${END_OF_THE_WAY_BACK}"): ` +
      'what the new side took since is not logged, so there is nothing that could be carried to Heroku. Nothing was changed. ' +
      'DigitalOcean serves and loses nothing; to move back is a migration of its own.',
  );
}
