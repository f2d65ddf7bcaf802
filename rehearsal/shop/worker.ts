import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { openPool } from './database.ts';
import { sideOf } from './environment.ts';
import { runJob } from './jobs.ts';
import { openRedis } from './redis.ts';
import { secondsNow } from './sidekiq-client.ts';
import { beat } from './sidekiq-heartbeat.ts';
import { pollDueJobs } from './sidekiq-poller.ts';
import { startProcessor } from './sidekiq-processor.ts';
import type { WorkerState } from './sidekiq-state.ts';

/**
 * The shop's worker: Sidekiq's format and manners, in Node. TSTP (from Redis or the system) quiets it for good; TERM
 * stops it: it finishes what it has begun within SIDEKIQ_TIMEOUT seconds (25) and pushes the rest back.
 */
let quieted = false;
const side = sideOf(process.env);
const state: WorkerState = {
  identity: `${process.env.DYNO ?? hostname()}:${process.pid}:${randomBytes(6).toString('hex')}`,
  startedAt: secondsNow(),
  concurrency: Number(process.env.SIDEKIQ_CONCURRENCY ?? 3),
  queues: ['critical', 'default', 'low'],
  isQuiet: () => quieted,
  running: new Map(),
  processed: 0,
  failed: 0,
};
const timeoutMs = Number(process.env.SIDEKIQ_TIMEOUT ?? 25) * 1000;

const pool = openPool(process.env, state.concurrency);
const redis = openRedis(process.env);
// A fetch that is given up on our side only would take a job and lose it: it has no timeout here, only on the server.
const fetcher = openRedis(process.env, { commandTimeout: undefined });

const beating = new AbortController();
const heart = beat(redis, state, receive, beating.signal);
const poller = pollDueJobs(redis, state);
const processor = startProcessor({
  state,
  redis,
  fetcher,
  run: (payload, signal) => runJob(pool, side, payload, signal),
});
let stopping = false;

function receive(name: string): void {
  if (name === 'TSTP') quiet();
  else if (name === 'TERM') void stop();
}

function quiet(): void {
  if (!quieted) console.log('Quiet: no job is fetched any more.');
  quieted = true;
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  console.log(`Stopping: ${state.running.size} jobs are being run.`);
  quiet();
  await processor.stop(timeoutMs);
  await poller;
  beating.abort();
  await heart;
  redis.disconnect();
  fetcher.disconnect();
  await pool.end();
  console.log('Stopped.');
  process.exit(0);
}

process.on('SIGTSTP', quiet);
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
console.log(`Worker ${state.identity} (${side}) fetches from ${state.queues.join(', ')}.`);
