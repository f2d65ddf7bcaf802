import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog } from '../../src/log.ts';
import { endState, shopEnvironments } from '../end-state.ts';
import {
  accessOfTheRunner,
  everythingInTheAccount,
  orphansAmong,
  sessionsOfActions,
} from '../left-behind.ts';
import { judge } from '../load/judge.ts';
import { startLoad, type Load } from '../load/load.ts';
import { runPipeline } from '../pipeline.ts';
import type { WorkflowResult } from '../runner/options.ts';
import { stopAll, temporaryDirectory } from '../servers/process.ts';
import { hostNameOf, startWorld, type World } from '../world.ts';
import { brokenBy } from './broken.ts';
import { draw, type Draw } from './draw.ts';
import { secretsLeft } from './secrets-left.ts';
import { environmentOf, letAMinutePass, letJobsExpire, weatherOf, type Weather } from './weather.ts';

export interface ChaosVerdict {
  seed: number;
  environment: string;
  strategy: string;
  traffic: string;
  runners: number;
  /** What went wrong, and at which step. */
  struck: string[];
  /** What was drawn, and nothing met: an order to an API that nobody asked, a deploy that got no lock. */
  missed: string[];
  /** How often the pipeline was run until it ended well; a roll-back afterwards is said. */
  attempts: number;
  rolledBack: boolean;
  authoritative: 'heroku' | 'digitalocean';
  downtimeMs: number;
  seconds: number;
  /** Empty when every invariant holds. */
  broken: string[];
}

const RATE = 8;
/** As a patient person would go on. */
const MOST_ATTEMPTS = 4;
/** “Re-run failed jobs”, and when that has not helped either a new run: a changed schema is copied by no re-run. */
const NEW_RUN_AT = 3;
const A_MOMENT_MS = 1500;

/** A migration in its world, with what goes wrong around it. */
interface Story {
  world: World;
  drawn: Draw;
  directory: string;
  weather: Weather;
  tell: (line: string) => void;
}

/**
 * One whole migration in which things go wrong, run again as a person would until it ends well, and rolled back when it
 * does not. Whatever happened, one side serves, everything that was acknowledged is there once, no job was lost or run on
 * both sides, no schedule fired on both, every webhook was acknowledged, and nothing is left behind: no secret in anything
 * that was written, no runner among the trusted sources, no session, nothing in the account that belongs to nobody.
 */
export async function chaosRun(
  seed: number,
  tell: (line: string) => void,
  drawn: Draw = draw(seed),
): Promise<ChaosVerdict> {
  const begunAt = Date.now();
  const { environment, strategy, traffic, runners } = drawn;
  const directory = temporaryDirectory('chaos');
  const world = await startWorld({
    log: silentLog,
    environments: environment === 'production' ? ['staging', 'production'] : ['staging'],
    sizeMb: 1,
    ...{ seed, directory, strategy, traffic },
    ...(runners === 1 ? {} : { runners }),
  });
  try {
    for (const { app } of world.oldSides.values()) await app.settled();
    const before = await everythingInTheAccount(world);
    const load = visitors({ world, drawn }, directory, seed);
    await delay(A_MOMENT_MS);
    const weather = weatherOf(drawn, world, tell);
    const story = { world, drawn, directory, weather, tell };
    const { attempts, rolledBack } = await untilItEndsWell(story);
    weather.clear();
    await delay(world.ttl.playedMs + A_MOMENT_MS);
    const struck = weather.struck();
    return {
      ...{ seed, environment, strategy, traffic, runners, attempts, rolledBack },
      struck: struck.filter(({ met }) => met).map(({ what }) => what),
      missed: struck.filter(({ met }) => !met).map(({ what }) => what),
      ...(await conclusion(story, load, { seed, before, rolledBack })),
      seconds: Math.round((Date.now() - begunAt) / 1000),
    };
  } finally {
    await world.stop();
    await stopAll();
  }
}

async function untilItEndsWell({
  world,
  drawn,
  directory,
  weather,
  tell,
}: Story): Promise<{ attempts: number; rolledBack: boolean }> {
  const order = {
    ...{ actor: 'alex', approve: true, directory: join(directory, 'runner') },
    vars: { ACTIONS_STEP_DEBUG: 'true' },
  };
  mkdirSync(order.directory, { recursive: true });
  let result: WorkflowResult | undefined;
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
    if (attempt === NEW_RUN_AT) letJobsExpire(world);
    result = await runPipeline(world, {
      ...order,
      ...weather.options(),
      file: 'migrate.yml',
      inputs: { application: 'shop', through: drawn.environment },
      ...(result === undefined || attempt === NEW_RUN_AT ? {} : { rerunOf: result }),
    });
    const endedWell = result.conclusion === 'success';
    weather.attemptEnded(endedWell);
    if (endedWell) return { attempts: attempt, rolledBack: false };
    tell(`attempt ${attempt}: ${result.conclusion} in ${unfinishedJobs(result).join(', ')}`);
    for (const line of errorsOf(result)) tell(`  ${line}`);
    await letAMinutePass(world);
  }
  const [job = drawn.environment] = result === undefined ? [] : unfinishedJobs(result);
  const environment = environmentOf(job, drawn);
  tell(`rolling ${environment} back`);
  letJobsExpire(world);
  await runPipeline(world, {
    ...order,
    ...weather.options(),
    file: 'roll-back.yml',
    // What stops it is to stay as it is: nobody is left to run it again.
    inputs: { application: 'shop', environment, guard: false },
  });
  return { attempts: MOST_ATTEMPTS, rolledBack: true };
}

function unfinishedJobs({ jobs }: WorkflowResult): string[] {
  return jobs.filter(({ conclusion }) => ['failure', 'cancelled'].includes(conclusion)).map(({ id }) => id);
}

/** What each step that failed says first. */
function errorsOf({ jobs }: WorkflowResult): string[] {
  return jobs.flatMap(({ id, steps }) =>
    steps
      .filter(({ outcome }) => outcome === 'failure')
      .flatMap(({ log }) => /^##\[error\](.*)/m.exec(readFileSync(log, 'utf8'))?.[1] ?? [])
      .map((error) => `${id}: ${error}`),
  );
}

async function conclusion(
  { world, drawn: { environment }, drawn, directory }: Story,
  load: Load,
  { seed, before, rolledBack }: { seed: number; before: readonly string[]; rolledBack: boolean },
): Promise<Pick<ChaosVerdict, 'authoritative' | 'downtimeMs' | 'broken'>> {
  // Whoever comes now is served.
  const late = visitors({ world, drawn }, join(directory, 'late'), seed + 1);
  await delay(A_MOMENT_MS);
  const [lateReport, report] = await Promise.all([late.stop(), load.stop()]);
  const { authoritative, conditions } = await endState(world, environment);
  const sides = shopEnvironments(world, environment);
  const serving = authoritative === 'heroku' ? sides.heroku : sides.digitalocean;
  const other = authoritative === 'heroku' ? sides.digitalocean : sides.heroku;
  if (serving === undefined) throw new Error(`${authoritative} counts, and has no database.`);
  const judgement = await judge({
    ledgers: [lateReport.ledger, report.ledger],
    authoritative: serving,
    ...(other === undefined ? {} : { other }),
  });
  return {
    authoritative,
    downtimeMs: report.downtimeMs,
    broken: [
      ...brokenBy({ judgement, load: report, late: lateReport, conditions, authoritative, rolledBack }),
      ...(environment === 'production' ? await notSoInStaging(world) : []),
      ...(await leftBehind(world, directory, before)),
    ],
  };
}

/** Nobody looks at it any more, and it is in one of the two states all the same. */
async function notSoInStaging(world: World): Promise<string[]> {
  const { conditions } = await endState(world, 'staging');
  return conditions.filter(({ holds }) => !holds).map(({ what }) => `not so in staging: ${what}`);
}

async function leftBehind(world: World, directory: string, before: readonly string[]): Promise<string[]> {
  const access = await accessOfTheRunner(world);
  const sessions = await Promise.all(
    [...world.oldSides.keys()].map((environment) => sessionsOfActions(world, environment)),
  );
  return [
    ...access.map((list) => `the runner's address is still admitted: ${list}`),
    ...sessions.flat().map((session) => `a session is still open: ${session}`),
    ...orphansAmong(await everythingInTheAccount(world), before),
    ...(await secretsLeft(
      world,
      ['runner', 'github'].map((folder) => join(directory, folder)),
    )),
  ];
}

function visitors(
  { world, drawn: { environment } }: Pick<Story, 'world' | 'drawn'>,
  directory: string,
  seed: number,
): Load {
  mkdirSync(directory, { recursive: true });
  return startLoad({
    hostName: hostNameOf(environment),
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    rate: RATE,
    seed,
    directory,
  });
}
