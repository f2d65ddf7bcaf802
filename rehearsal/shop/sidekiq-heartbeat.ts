import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { secondsNow } from './sidekiq-client.ts';
import type { WorkerState } from './sidekiq-state.ts';

/** Sidekiq reports (and reads its signals) every 5 to 10 s; the shop every second, since a rehearsal lasts minutes. */
const beatMs = 1000;
const expireSeconds = 60;

/**
 * Reports the process to Redis under Sidekiq's keys and hands over the signals that somebody left there, until
 * `signal` is aborted; then the process is taken off the list.
 */
export async function beat(
  redis: Redis,
  state: WorkerState,
  onSignal: (name: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const left = await report(redis, state);
      if (left !== null) onSignal(left);
    } catch (error) {
      console.error(`at=error heartbeat: ${error instanceof Error ? error.message : 'unknown reason'}`);
    }
    await delay(beatMs, undefined, { signal }).catch(() => undefined);
  }
  try {
    await report(redis, state);
    await redis
      .multi()
      .srem('processes', state.identity)
      .del(state.identity, `${state.identity}:work`)
      .exec();
  } catch (error) {
    console.error(`at=error last heartbeat: ${error instanceof Error ? error.message : 'unknown reason'}`);
  }
}

/** Returns the signal that was waiting, if any. */
async function report(redis: Redis, state: WorkerState): Promise<string | null> {
  const { identity, processed, failed, running } = state;
  const day = new Date().toISOString().slice(0, 10);
  const batch = redis
    .multi()
    .rpop(`${identity}-signals`)
    .sadd('processes', identity)
    .hset(identity, {
      info: JSON.stringify(infoOf(state)),
      busy: running.size,
      concurrency: state.concurrency,
      beat: secondsNow(),
      quiet: String(state.isQuiet()),
      rtt_us: 500,
      rss: Math.round(process.memoryUsage.rss() / 1024),
    })
    .expire(identity, expireSeconds)
    .del(`${identity}:work`);
  for (const [thread, { queue, raw, runAt }] of running) {
    batch.hset(
      `${identity}:work`,
      thread,
      JSON.stringify({ queue, payload: raw, run_at: Math.floor(runAt) }),
    );
  }
  batch.expire(`${identity}:work`, expireSeconds);
  for (const [name, count] of [
    ['processed', processed],
    ['failed', failed],
  ] as const) {
    if (count > 0) batch.incrby(`stat:${name}`, count).incrby(`stat:${name}:${day}`, count);
  }
  const results = (await batch.exec()) ?? [];
  const refused = results.find(([error]) => error !== null)?.[0];
  if (refused) throw refused;
  state.processed -= processed;
  state.failed -= failed;
  const left = results[0]?.[1];
  return typeof left === 'string' ? left : null;
}

function infoOf(state: WorkerState): Record<string, unknown> {
  const [hostname] = state.identity.split(':');
  return {
    hostname,
    started_at: state.startedAt,
    pid: process.pid,
    tag: 'shop',
    concurrency: state.concurrency,
    queues: state.queues,
    weights: [{}],
    labels: [],
    identity: state.identity,
    version: '7.3.0',
    embedded: false,
  };
}
