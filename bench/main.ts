import { cpus } from 'node:os';
import { cleanUpOnExit, stopAll } from '../rehearsal/servers/process.ts';
import { ConfigurationError, messageOf } from '../src/errors.ts';
import type { Log } from '../src/log.ts';
import { benchAssess, type AssessResult } from './assess.ts';
import { benchCutover, type CutoverResult } from './cutover.ts';
import { cutoverJson, cutoverLines } from './cutover/report.ts';
import { parseOptions, type BenchOptions } from './options.ts';
import { benchPostgres, type PostgresResult } from './postgres.ts';
import { assessJson, assessLines } from './assess/report.ts';
import { postgresJson, postgresLines } from './postgres/report.ts';
import { benchRedis, type RedisResult } from './redis.ts';
import { redisJson, redisLines } from './redis/report.ts';

/** Our copies against what one would use without them, side by side on this machine. */
async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  const log = printingLog(options);
  log.info(`${cpus().length} CPUs, Node ${process.versions.node}, medians of ${options.rounds} rounds`);
  const results: {
    postgres?: PostgresResult;
    redis?: RedisResult;
    assess?: AssessResult;
    cutover?: CutoverResult;
  } = {};
  for (const subject of options.subjects) {
    // None of its parts was named.
    if (options.parts[subject].size === 0) continue;
    if (subject === 'postgres') results.postgres = await benchPostgres(options, log);
    else if (subject === 'redis') results.redis = await benchRedis(options, log);
    else if (subject === 'assess') results.assess = await benchAssess(options, log);
    else results.cutover = await benchCutover(options, log);
  }
  for (const line of [
    ...(results.postgres === undefined ? [] : postgresLines(results.postgres)),
    ...(results.redis === undefined ? [] : redisLines(results.redis)),
    ...(results.assess === undefined ? [] : assessLines(results.assess)),
    ...(results.cutover === undefined ? [] : cutoverLines(results.cutover)),
  ])
    log.info(line);
  const failed = {
    ...results.postgres?.failed,
    ...results.redis?.failed,
    ...results.assess?.failed,
    ...results.cutover?.failed,
  };
  if (Object.keys(failed).length > 0) process.exitCode = 1;
  if (!options.json) return;
  const json = {
    ...(results.postgres === undefined ? {} : { postgres: postgresJson(results.postgres) }),
    ...(results.redis === undefined ? {} : { redis: redisJson(results.redis) }),
    ...(results.assess === undefined ? {} : { assess: assessJson(results.assess) }),
    ...(results.cutover === undefined ? {} : { cutover: cutoverJson(results.cutover) }),
  };
  // One subject is its own object, so that a reader need not know which was asked for.
  const [only, ...others] = Object.values(json);
  process.stdout.write(`${JSON.stringify(others.length === 0 ? only : json)}\n`);
}

/** With --json standard output holds nothing but the result. */
function printingLog({ json }: BenchOptions): Log {
  const print = (line: string): void => {
    (json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  return { info: print, warning: print, debug: () => undefined, group: (_title, body) => body() };
}

cleanUpOnExit();
try {
  await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(
    `${thrown instanceof ConfigurationError || !(thrown instanceof Error) ? messageOf(thrown) : (thrown.stack ?? thrown.message)}\n`,
  );
  process.exitCode = 1;
} finally {
  await stopAll();
}
// At once: by itself a process that has played a world may go round in Node's own clean-up for ever.
process.stdout.write('', () => process.exit());
