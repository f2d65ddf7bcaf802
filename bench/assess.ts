import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { totalmem } from 'node:os';
import { messageOf } from '../src/errors.ts';
import type { Log } from '../src/log.ts';
import { startGround } from '../test/worlds/ground.ts';
import { openWorld, type Assessed, type World } from '../test/worlds/world.ts';
import { missedGoals } from './assess/goals.ts';
import { manyApps, type Size } from './assess/many-apps.ts';
import { cores } from './cpu.ts';
import { spreadOf, type Spread } from './measure.ts';
import type { BenchOptions } from './options.ts';

export interface AssessResult {
  environment: Record<string, unknown>;
  /** What could not be measured, and the promises that were not kept, each with the reason. */
  failed: Record<string, string>;
  size: Size;
  /** The program as the runner starts it, and from its sources, which Node must turn into JavaScript first. */
  bundle?: EntryResult;
  source?: EntryResult;
}

export interface EntryResult {
  seconds: Spread;
  /** The most memory that the process had at one time. */
  peakBytes: Spread;
  /** Of Heroku and DigitalOcean together, in one run. */
  requests: number;
  /** Lines of the record: apps that were assessed, the one that was asked for included. */
  apps: number;
  /** Tables that it counted in the database. */
  tables: number;
  /** The share of the time that Postgres is only watched: the input `sample`. */
  sampleSeconds: number;
}

const SIZE: Size = { apps: 40, tables: 1_000, keys: 100_000 };
const SAMPLE_SECONDS = 5;

/** assess of a whole pipeline as a process of its own, each time a new one, as each job of a workflow is. */
export async function benchAssess(options: BenchOptions, log: Log): Promise<AssessResult> {
  const environment = {
    ...{ cores, memoryGb: Math.round(totalmem() / 1e9), node: process.versions.node },
  };
  const result: AssessResult = { environment, failed: {}, size: SIZE };
  const ground = await startGround({ max_locks_per_transaction: '256', shared_buffers: '128MB' });
  const started = performance.now();
  const world = await openWorld(ground, manyApps(SIZE));
  log.info(
    `Made ${SIZE.apps} apps, ${SIZE.tables} tables and ${SIZE.keys} keys in ${inSeconds(performance.now() - started)} s`,
  );
  try {
    const root = join(import.meta.dirname, '..');
    const entries = [
      ['bundle', join(root, 'dist/assess/index.js')],
      ['source', join(root, 'actions/assess/index.ts')],
    ] as const;
    for (const [name, entry] of entries) {
      try {
        if (!existsSync(entry)) throw new Error('It has not been built: npm run build');
        result[name] = await measureEntry(world, entry, options.rounds, (line) =>
          log.info(`${name}: ${line}`),
        );
      } catch (thrown) {
        log.warning(`The ${name} was not measured: ${messageOf(thrown)}`);
        result.failed[name] = messageOf(thrown);
      }
    }
    const missed = missedGoals(result);
    for (const [goal, why] of Object.entries(missed)) log.warning(`The ${goal} was missed: ${why}`);
    Object.assign(result.failed, missed);
    return result;
  } finally {
    await world.stop();
    await ground.stop();
  }
}

async function measureEntry(
  world: World,
  entry: string,
  rounds: number,
  tell: (line: string) => void,
): Promise<EntryResult> {
  const seconds: number[] = [];
  const peaks: number[] = [];
  const counts = new Set<string>();
  let last: Assessed | undefined;
  let requests = 0;
  // The first round does not count: files come into memory.
  for (let round = 0; round <= rounds; round += 1) {
    const peakFile = join(world.directory, `peak-${round}`);
    const before = requestsOf(world);
    const started = performance.now();
    last = await world.assess(
      'production',
      { 'all-in-pipeline': 'true', sample: `${SAMPLE_SECONDS}s` },
      { entry, environment: { NODE_OPTIONS: `--import ${tellingPeakTo(peakFile)}` } },
    );
    const took = performance.now() - started;
    requests = requestsOf(world) - before;
    const peak = Number(readFileSync(peakFile, 'utf8')) * 1024;
    const apps = appsIn(last);
    if (apps !== SIZE.apps)
      throw new Error(`It assessed ${apps} of ${SIZE.apps} apps: is it of older sources?`);
    tell(
      `${round === 0 ? 'warm-up' : `round ${round}`}: ${inSeconds(took)} s, ${(peak / 1e6).toFixed(0)} MB, ${requests} requests`,
    );
    if (round === 0) continue;
    seconds.push(took / 1000);
    peaks.push(peak);
    counts.add(last.outputs['plan-digest'] ?? '');
  }
  if (last === undefined || counts.size !== 1) throw new Error('Two rounds gave two plans.');
  return {
    seconds: spreadOf(seconds),
    peakBytes: spreadOf(peaks),
    requests,
    apps: appsIn(last),
    tables: tablesIn(last),
    sampleSeconds: SAMPLE_SECONDS,
  };
}

/** Code for Node to run first: it does nothing until the end. Kilobytes, as the kernel counts them. */
function tellingPeakTo(path: string): string {
  const code = `import { writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(${JSON.stringify(path)}, String(process.resourceUsage().maxRSS)));`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

function requestsOf({ heroku, ground }: World): number {
  return heroku.requests.length + ground.digitalOcean.requests.length;
}

function appsIn({ section }: Assessed): number {
  const { apps } = (section['pipeline'] ?? { apps: [] }) as { apps: unknown[] };
  return apps.length + 1;
}

function tablesIn({ section }: Assessed): number {
  const database = section['database'] as { tables: unknown[]; tablesLeftOut?: number } | null;
  return (database?.tables.length ?? 0) + (database?.tablesLeftOut ?? 0);
}

function inSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}
