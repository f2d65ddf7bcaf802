import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { heading } from '../../src/report/summary.ts';
import { together } from '../../src/together.ts';
import { herokuOf } from '../parties.ts';
import { openSubject, recordPhase } from '../subject.ts';
import { orThrowAway } from '../throw-away.ts';
import { readAsked, type Asked } from './asked.ts';
import { assessmentOf } from './assessment.ts';
import { decisionsFor } from './decided-for.ts';
import { doctor } from './doctor.ts';
import { earlierRuns, measuredBefore } from './earlier-runs.ts';
import { init } from './init.ts';
import { assessOthers } from './other-apps.ts';
import { failChoices, failWhen, setOutputs, tell } from './outcome.ts';
import { readOthers, type OthersFound } from './pipeline.ts';
import { askAboutApp } from './proposed-app.ts';
import { readApp, readOffers, type AppFound, type MovedApp } from './read-app.ts';
import { recordedAssessment } from './recorded.ts';
import { rehearsedBefore, type RehearsedBefore } from './rehearsed-before.ts';
import { assessSummary } from './summary.ts';

/**
 * Reads everything on the old side, decides a target for each thing, prices both sides and names what stands in the way
 * and what a person must decide. It changes nothing, anywhere, unless `init` asks for a pull request. Whether blockers or
 * open decisions fail the job is the input `fail-on`; the record and the summary are written before.
 */
export async function assess(edge: Edge): Promise<void> {
  if (edge.inputs.boolean('doctor')) return doctor(edge);
  const failOn = edge.inputs.choice('fail-on', failChoices);
  const wantsInit = edge.inputs.boolean('init');
  const asked = askedOrThrowAway(edge, await readAsked(edge));

  const { found, others: othersFound, offers } = await readAll(edge, asked);
  if ('moved' in found) return tellMoved(edge, asked, found);
  refuseUnknownMove(asked, found.inventory);

  const decidedFor = decisionsFor(asked, found, othersFound?.apps ?? []);
  const decided = decidedFor(found);
  const subject = await openSubject(edge, decided.config, decided.environment);
  const [rehearsed, earlier] = await Promise.all([
    decided.proposed ? NEVER_REHEARSED : rehearsedBefore(edge, decided.config, decided.environment),
    earlierRuns(edge, subject, decided.proposed),
  ]);
  const under = {
    catalogue: offers.catalogue,
    recordedOffers: [...rehearsed.offers, ...earlier.offers],
    unknown: offers.unknown,
    now: edge.clock.now(),
  };
  // This very record's copy is newer than any that was rehearsed.
  const measured = { ...rehearsed.measured.measured, ...measuredBefore(subject.record).measured };
  const planned = { ...decided, ...under, measured };
  const answer = await askAboutApp(edge, assessmentOf(found, planned));
  const own = assessmentOf(found, { ...planned, answer });
  const others = othersFound && assessOthers(othersFound, decidedFor, under);

  tell(edge, own, others);
  await recordPhase(edge, subject, 'assess', recordedAssessment(own, others));
  setOutputs(edge, own, others);
  await edge.summary(assessSummary(own, others, earlier.week, rehearsed.told));
  if (wantsInit) await init(edge, [own, ...(others?.assessments ?? [])]);
  failWhen(failOn, own);
}

/** Before there is a migration.yml. */
const NEVER_REHEARSED: RehearsedBefore = { measured: {}, told: [], offers: [] };

/** With the input `throw-away` the plan is that of a rehearsal, with names of its own. */
function askedOrThrowAway(edge: Edge, asked: Asked): Asked {
  if (asked.kind !== 'declared') return asked;
  return { ...asked, environment: orThrowAway(edge, asked.config, asked.environment) };
}

/** Everything that is read, side by side: whatever fails for good ends the others, too. */
async function readAll(
  edge: Edge,
  asked: Asked,
): Promise<{
  found: AppFound | MovedApp;
  others: OthersFound | undefined;
  offers: Awaited<ReturnType<typeof readOffers>>;
}> {
  const app = asked.herokuApp;
  // What has moved carries the mark of the environment itself.
  const migrationId =
    asked.kind === 'declared'
      ? (asked.environment.throwAway?.of ?? asked.environment.migrationId)
      : undefined;
  const wanted = {
    app,
    inPipeline: edge.inputs.boolean('all-in-pipeline'),
    environments:
      asked.kind === 'declared' && edge.inputs.boolean('all-environments')
        ? Object.values(asked.config.environments).map(({ herokuApp }) => herokuApp)
        : [],
  };
  const withOthers = wanted.inPipeline || wanted.environments.length > 0;
  let shared: HerokuClient | undefined;
  // One client, so that all requests keep one pace; each task is given the same signal.
  const heroku = (signal: AbortSignal): HerokuClient => (shared ??= herokuOf(edge, signal));
  const [found, others, offers] = await together(edge.signal, [
    async (signal) => readApp({ ...edge, signal }, heroku(signal), { app, migrationId }),
    async (signal) => (withOthers ? readOthers({ ...edge, signal }, heroku(signal), wanted) : undefined),
    async (signal) => readOffers({ ...edge, signal }),
  ]);
  return { found, others, offers };
}

/** Without its migration.yml nobody can tell whether a parked app has moved or is in the middle of it. */
function refuseUnknownMove({ kind }: Asked, { app, parked }: HerokuInventory): void {
  if (kind === 'declared' || !parked) return;
  throw new ConfigurationError(
    `On Heroku the app ${app.name} runs the empty placeholder of a cutover: it has moved, or is about to. ` +
      'Check out the migration.yml that it moves with, and run assess for its environment.',
  );
}

async function tellMoved(edge: Edge, asked: Asked, { inventory }: MovedApp): Promise<void> {
  if (asked.kind !== 'declared') throw new Error('Only a declared environment is known to have moved.');
  const { config, environment, herokuApp } = asked;
  edge.log.info(
    `${herokuApp} has moved: Heroku is fenced and parked. Nothing is planned, nothing was changed.`,
  );
  const subject = await openSubject(edge, config, environment);
  await recordPhase(edge, subject, 'assess', { outcome: 'moved', changed: false, inventory });
  edge.setOutput('moved', true);
  await edge.summary(
    [
      heading(`${herokuApp} has moved to DigitalOcean`, 2),
      'Heroku is fenced and parked since its cutover. Nothing is left to plan, and nothing was changed.',
    ].join('\n\n'),
  );
}
