import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog } from '../../src/log.ts';
import { endState, shopEnvironments } from '../end-state.ts';
import { judge } from '../load/judge.ts';
import { startLoad, type Load } from '../load/load.ts';
import { runPipeline, type PipelineOptions } from '../pipeline.ts';
import type { WorkflowResult } from '../runner/options.ts';
import { stopAll, temporaryDirectory } from '../servers/process.ts';
import { hostNameOf, startWorld, type World } from '../world.ts';
import { draw, type Draw } from './draw.ts';
import type { Scene } from './fault.ts';

export interface ChaosVerdict {
  seed: number;
  strategy: string;
  /** What went wrong, and at which step; what was drawn for a step that never began did not. */
  struck: string[];
  /** How often the pipeline was run until it ended well; a roll-back afterwards is said. */
  attempts: number;
  rolledBack: boolean;
  authoritative: 'heroku' | 'digitalocean';
  downtimeMs: number;
  /** Empty when every invariant holds. */
  broken: string[];
}

const ENVIRONMENT = 'staging';
const RATE = 8;
/** As a patient person would press “Re-run failed jobs”. */
const MOST_ATTEMPTS = 4;
const A_MOMENT_MS = 1500;

/**
 * One whole migration of staging in which things go wrong, run again as a person would until it ends well, and rolled back
 * when it does not. Whatever happened, one side serves, everything that was acknowledged is there once, and no job was lost
 * or run on both sides.
 */
export async function chaosRun(seed: number, tell: (line: string) => void): Promise<ChaosVerdict> {
  const drawn = draw(seed);
  const directory = temporaryDirectory('chaos');
  const world = await startWorld({
    log: silentLog,
    environments: [ENVIRONMENT],
    sizeMb: 1,
    seed,
    directory,
    strategy: drawn.strategy,
  });
  try {
    const side = world.oldSides.get(ENVIRONMENT);
    if (side === undefined) throw new Error('The world has no such environment.');
    await side.app.settled();
    const load = visitors(world, directory, seed);
    await delay(A_MOMENT_MS);
    const weather = weatherOf(drawn, { world, environment: ENVIRONMENT, side, random: drawn.random }, tell);
    const { attempts, rolledBack } = await untilItEndsWell(world, directory, weather, tell);
    await delay(world.ttl.playedMs + A_MOMENT_MS);
    return {
      ...{ seed, strategy: drawn.strategy, struck: weather.struck, attempts, rolledBack },
      ...(await conclusion(world, directory, load, seed)),
    };
  } finally {
    await world.stop();
    await stopAll();
  }
}

interface Weather {
  struck: string[];
  killStep: NonNullable<PipelineOptions['killStep']>;
}

/** Strikes where the step begins that was drawn; after a dead machine a minute passes for its lease, and nothing else. */
function weatherOf(drawn: Draw, scene: Scene, tell: (line: string) => void): Weather {
  const left = [...drawn.faults];
  const struck: string[] = [];
  let begun = 0;
  return {
    struck,
    killStep: (job, _step, line) => {
      const title = /^##\[group\](.*)/.exec(line)?.[1];
      // The guard watches: what ends it is another run's business, and it prints no steps.
      if (title === undefined || job.endsWith('guard')) return false;
      begun += 1;
      const next = left[0];
      if (next === undefined || begun < next.at) return false;
      left.shift();
      const what = `${next.fault.name} (${job}: ${title})`;
      struck.push(what);
      tell(what);
      const answer = next.fault.strike(scene);
      if (answer === 'runner' || answer === true) setTimeout(() => void letAMinutePass(scene.world), 1000);
      return answer ?? false;
    },
  };
}

async function letAMinutePass(world: World): Promise<void> {
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${ENVIRONMENT}`);
  await cluster
    ?.query(
      'migration_journal',
      `update journal.lease set renewed_at = renewed_at - interval '60 s', expires_at = expires_at - interval '60 s'`,
    )
    // There is no journal yet, or it is just failing over: then the lease runs out by itself.
    .catch(() => undefined);
}

async function untilItEndsWell(
  world: World,
  directory: string,
  { killStep }: Weather,
  tell: (line: string) => void,
): Promise<{ attempts: number; rolledBack: boolean }> {
  const order = { actor: 'alex', approve: true, directory: join(directory, 'runner'), killStep };
  mkdirSync(order.directory, { recursive: true });
  const run = (rerunOf?: WorkflowResult): Promise<WorkflowResult> =>
    runPipeline(world, {
      ...order,
      file: 'migrate.yml',
      inputs: { application: 'shop', through: ENVIRONMENT },
      ...(rerunOf === undefined ? {} : { rerunOf }),
    });
  let result = await run();
  for (let attempt = 1; attempt < MOST_ATTEMPTS; attempt += 1) {
    if (result.conclusion === 'success') return { attempts: attempt, rolledBack: false };
    tell(`attempt ${attempt} failed in ${failedJobs(result)}`);
    await letAMinutePass(world);
    result = await run(result);
  }
  if (result.conclusion === 'success') return { attempts: MOST_ATTEMPTS, rolledBack: false };
  tell(`attempt ${MOST_ATTEMPTS} failed in ${failedJobs(result)}: rolling back`);
  await letAMinutePass(world);
  await runPipeline(world, {
    ...order,
    file: 'roll-back.yml',
    inputs: { application: 'shop', environment: ENVIRONMENT },
  });
  return { attempts: MOST_ATTEMPTS, rolledBack: true };
}

function failedJobs({ jobs }: WorkflowResult): string {
  return jobs
    .filter(({ conclusion }) => conclusion === 'failure')
    .map(({ id }) => id)
    .join(', ');
}

async function conclusion(
  world: World,
  directory: string,
  load: Load,
  seed: number,
): Promise<Pick<ChaosVerdict, 'authoritative' | 'downtimeMs' | 'broken'>> {
  // Whoever comes now is served.
  const late = visitors(world, join(directory, 'late'), seed + 1);
  await delay(A_MOMENT_MS);
  const reports = await Promise.all([late.stop(), load.stop()]);
  const { authoritative, conditions } = await endState(world, ENVIRONMENT);
  const sides = shopEnvironments(world, ENVIRONMENT);
  const serving = authoritative === 'heroku' ? sides.heroku : sides.digitalocean;
  const other = authoritative === 'heroku' ? sides.digitalocean : sides.heroku;
  if (serving === undefined) throw new Error(`${authoritative} counts, and has no database.`);
  const found = await judge({
    ledgers: reports.map(({ ledger }) => ledger),
    authoritative: serving,
    ...(other === undefined ? {} : { other }),
  });
  const counts: [string, number][] = [
    ['acknowledged writes missing', found.writes.missing],
    ['acknowledged writes doubled', found.writes.doubled],
    ['jobs lost', found.jobs.lost],
    ['jobs run on both sides', found.jobs.twice],
    ['jobs stranded on the other side', authoritative === 'heroku' ? 0 : found.stranded],
    ['requests refused after all was over', reports[0].refusedRequests],
    ['orders acknowledged and then not found', reports[0].forgottenOrders + reports[1].forgottenOrders],
  ];
  return {
    authoritative,
    downtimeMs: reports[1].downtimeMs,
    broken: [
      ...counts.filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`),
      ...conditions.filter(({ holds }) => !holds).map(({ what }) => `not so: ${what}`),
      ...(found.writes.found === 0 ? ['nothing was written: a verdict about nothing'] : []),
    ],
  };
}

function visitors(world: World, directory: string, seed: number): Load {
  mkdirSync(directory, { recursive: true });
  return startLoad({
    hostName: hostNameOf(ENVIRONMENT),
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    rate: RATE,
    seed,
    directory,
  });
}
