import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigurationError, messageOf } from '../src/errors.ts';
import { silentLog, type Log } from '../src/log.ts';
import { chaos } from './chaos/chaos.ts';
import { createChapters, type Chapters } from './chapters.ts';
import { endState, shopEnvironments } from './end-state.ts';
import { judge } from './load/judge.ts';
import { startLoad } from './load/load.ts';
import type { LoadReport } from './load/report.ts';
import { worstMoments } from './load/worst-moments.ts';
import { parseOptions, type RehearsalOptions } from './options.ts';
import { failOnce, runPipeline } from './pipeline.ts';
import type { WorkflowResult } from './runner/options.ts';
import { findPostgres, findRedis } from './servers/binaries.ts';
import { cleanUpOnExit, stopAll, temporaryDirectory } from './servers/process.ts';
import { conclude, describeVerdict, type Verdict } from './verdict.ts';
import { hostNameOf, startWorld, type World } from './world.ts';

/** A whole migration on one machine: the shipped workflows and bundles, real servers, a shop under load. */
async function rehearse(
  options: RehearsalOptions,
  chapters: Chapters,
  signal: AbortSignal,
): Promise<Verdict> {
  const directory = temporaryDirectory('rehearsal');
  const log: Log = { ...silentLog, warning: (line) => chapters.line(`warning: ${line}`) };
  await seeToServers({ ...log, info: (line) => process.stderr.write(`${line}\n`) });
  chapters.chapter(
    `A shop on Heroku: ${options.sizeMb} MB, ${options.rate} requests a second, strategy ${options.strategy}, traffic ${options.traffic}, seed ${options.seed}`,
  );
  const environments =
    options.environment === 'staging' ? (['staging'] as const) : (['staging', 'production'] as const);
  const world = await startWorld({
    log,
    environments,
    sizeMb: options.sizeMb,
    seed: options.seed,
    directory,
    strategy: options.strategy,
    ...(options.runners === 1 ? {} : { runners: options.runners }),
    traffic: options.traffic,
  });
  for (const side of world.oldSides.values()) await side.app.settled();

  const load = startLoad({
    hostName: hostNameOf(options.environment),
    proxyUrl: world.proxyUrl(''),
    caPem: world.authority.pem,
    rate: options.rate,
    seed: options.seed,
    directory,
  });
  chapters.line(`${hostNameOf(options.environment)} serves and is under load`);
  const reporting = setInterval(() => chapters.line(describeLoad(load.current())), REPORT_EVERY_MS);
  reporting.unref();

  chapters.chapter('The shipped pipeline: migrate.yml');
  const { result, ended } = await migrate(world, options, { chapters, directory, signal });

  chapters.chapter('What became of it');
  // The new side shows itself under load, and every cache has expired.
  await delay(world.ttl.playedMs + 3000, undefined, { signal });
  clearInterval(reporting);
  const report = await load.stop();
  const { authoritative, conditions } = await endState(world, options.environment);
  const sides = shopEnvironments(world, options.environment);
  const other = authoritative === 'heroku' ? sides.digitalocean : sides.heroku;
  const judgement = await judge({
    ledgers: [report.ledger],
    authoritative: authoritative === 'heroku' ? sides.heroku : requireSide(sides.digitalocean),
    ...(other === undefined ? {} : { other }),
  });
  const kept = keepArtifacts(result, directory, options);
  const conclusion = conclude({
    load: report,
    judgement,
    authoritative,
    expected: expectedSide(options),
    ended,
    sections: readSections(kept.record),
    processors: availableParallelism(),
    phasesMs: phasesOf(result),
    strategy: world.strategy,
    traffic: world.traffic,
    namesKeptMs: world.ttl.playedMs,
    disturbed: options.fail !== undefined,
    record: kept.record,
    evidence: existsSync(kept.evidence) ? kept.evidence : null,
    conditions,
  });
  for (const line of describeVerdict(world, conclusion)) chapters.line(line);
  for (const line of worstMoments(report)) chapters.line(`when               ${line}`);
  chapters.line(`step summaries     ${kept.summaries}`);
  chapters.line(
    existsSync(kept.evidence)
      ? `evidence           ${kept.evidence} (open it in a browser)`
      : 'evidence           none was drawn: no phase that draws it came so far',
  );
  await world.stop();
  return conclusion.verdict;
}

/** What the machine lacks is downloaded before the clock runs, and said. */
async function seeToServers(log: Log): Promise<void> {
  await findPostgres(log);
  await findRedis(log);
}

function describeLoad(report: LoadReport): string {
  const seconds = (Date.parse(report.endedAt) - Date.parse(report.startedAt)) / 1000;
  return `the shop: ${report.requests} requests (${(report.requests / seconds).toFixed(1)}/s), ${report.acknowledged} writes acknowledged (${(report.acknowledged / seconds).toFixed(1)}/s), ${report.refusedRequests} requests refused`;
}

/** Runs migrate.yml, and once more where a failure was injected that a re-run must mend. */
async function migrate(
  world: World,
  options: RehearsalOptions,
  run: { chapters: Chapters; directory: string; signal: AbortSignal },
): Promise<{ result: WorkflowResult; ended: boolean }> {
  const failure = failOnce(options, undoesItself);
  const order = {
    file: 'migrate.yml',
    inputs: { application: 'shop', through: options.environment },
    actor: 'alex',
    directory: join(run.directory, 'runner'),
    approve: !options.reject,
    signal: run.signal,
    onEvent: (event: Parameters<Chapters['event']>[0]) => run.chapters.event(event),
  };
  mkdirSync(order.directory, { recursive: true });
  const first = await runPipeline(world, {
    ...order,
    ...(failure === undefined ? {} : { killStep: failure.killStep }),
  });
  if (failure === undefined)
    return { result: first, ended: (first.conclusion === 'success') === !options.reject };
  if (!failure.happened()) {
    throw new ConfigurationError(
      `--fail ${options.fail?.phase ?? ''}:${options.fail?.step ?? ''} named a step that never began: look at the names above.`,
    );
  }
  if (options.fail?.phase === 'cutover' && undoesItself(options.fail.step)) {
    return { result: first, ended: first.conclusion === 'failure' };
  }
  run.chapters.chapter('Re-run failed jobs');
  const second = await runPipeline(world, { ...order, rerunOf: first });
  return { result: second, ended: first.conclusion === 'failure' && second.conclusion === 'success' };
}

const BEFORE_POINT_OF_NO_RETURN = [
  'gate',
  'pre-flight',
  'preboot-off',
  'catch-up',
  'last-catch-up',
  'follow-redis',
  'quiet-workers',
  'stop-workers',
  'maintenance-mode',
  'park',
  'front-door-state',
  'front-door',
  'fence',
  'return-taken-jobs',
  'copy',
  'parity',
  'final-drain',
  'reverse-capture',
  'count-jobs',
];

function undoesItself(step: string): boolean {
  return BEFORE_POINT_OF_NO_RETURN.includes(step);
}

/** Where a rehearsal with these options must end. */
function expectedSide(options: RehearsalOptions): 'heroku' | 'digitalocean' {
  const undone = options.fail?.phase === 'cutover' && undoesItself(options.fail.step);
  return options.reject || undone ? 'heroku' : 'digitalocean';
}

function requireSide<T>(side: T | undefined): T {
  if (side !== undefined) return side;
  throw new Error('DigitalOcean is authoritative and has no database: that cannot be judged.');
}

/** The record and the summaries outlive the world: beside the kept directory, or in a directory of their own. */
function keepArtifacts(
  result: WorkflowResult,
  directory: string,
  options: RehearsalOptions,
): { record: string; summaries: string; evidence: string } {
  const target = mkdtempSync(join(tmpdir(), 'heroku-to-digitalocean-rehearsal-'));
  cpSync(result.summaries, join(target, 'summaries'), { recursive: true });
  cpSync(result.artifacts, join(target, 'artifacts'), { recursive: true });
  if (options.keep) cpSync(directory, join(target, 'everything'), { recursive: true });
  const name = `migration-record-${options.environment}`;
  return {
    record: join(target, 'artifacts', name, 'migration-record.json'),
    summaries: join(target, 'summaries'),
    evidence: join(
      target,
      'artifacts',
      `migration-evidence-${options.environment}`,
      'migration-evidence.html',
    ),
  };
}

function readSections(record: string): { phase: string; data: unknown }[] {
  if (!existsSync(record)) return [];
  return (JSON.parse(readFileSync(record, 'utf8')) as { sections: { phase: string; data: unknown }[] })
    .sections;
}

function phasesOf(result: WorkflowResult): Record<string, number> {
  return Object.fromEntries(
    result.jobs.map(({ id, steps }) => [
      id,
      Math.round(steps.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    ]),
  );
}

const REPORT_EVERY_MS = 10_000;

// Measured on two cores.
const ESTIMATE_MS = { staging: 45_000, production: 75_000, chaos: 90_000 };

function estimateMs({ chaos, environment }: RehearsalOptions): number {
  return chaos === undefined ? ESTIMATE_MS[environment] : (ESTIMATE_MS.chaos * chaos.runs) / chaos.parallel;
}

/** What ends a rehearsal early, with the number that its exit code tells, as a shell would. */
const INTERRUPTIONS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  cleanUpOnExit();
  // The story goes to standard error when standard output is for a program.
  const print = (line: string): void => {
    (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  const interrupted = new AbortController();
  for (const [signal, number] of Object.entries(INTERRUPTIONS)) {
    process.once(signal, () => {
      print('Interrupted: ending everything that was started.');
      interrupted.abort(new ConfigurationError('The rehearsal was interrupted.'));
      // Whatever was in the middle of something loses its servers now.
      for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => undefined);
      void stopAll().finally(() => process.exit(128 + number));
    });
  }
  const chapters = createChapters(print, estimateMs(options));
  try {
    const verdict =
      options.chaos !== undefined
        ? await chaos({ ...options.chaos, seed: options.seed }, chapters, interrupted.signal)
        : await rehearse(options, chapters, interrupted.signal);
    await stopAll();
    if (options.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
    return verdict.verdict === 'passed' ? 0 : 1;
  } catch (error) {
    // Everything fails at once when its servers end: the signal's own handler says how this ends.
    if (interrupted.signal.aborted) return new Promise<never>(() => undefined);
    throw error;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigurationError ? messageOf(error) : ((error as Error).stack ?? messageOf(error))}\n`,
  );
  process.exitCode = 1;
  await stopAll();
}
// Not before a slow reader of a pipe has had the last line.
process.stdout.write('', () => process.exit());
