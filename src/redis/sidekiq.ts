import type { Redis } from 'ioredis';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

export interface SidekiqProcess {
  identity: string;
  busy: number;
  quiet: boolean;
}

export interface SidekiqFacts {
  present: boolean;
  processes: SidekiqProcess[];
  busy: number;
  queues: { name: string; size: number }[];
  retry: number;
  schedule: number;
  dead: number;
  cron: number;
}

export function readSidekiq(redis: Redis): Promise<SidekiqFacts> {
  void redis;
  return Promise.reject(new Error('not yet'));
}

/** Tells every running Sidekiq process to fetch no more jobs; returns how many were told. */
export function quietSidekiq(redis: Redis): Promise<number> {
  void redis;
  return Promise.reject(new Error('not yet'));
}

export function waitUntilIdle(
  redis: Redis,
  options: { limitMs: number; log: Log; clock: Clock; signal?: AbortSignal },
): Promise<{ idle: boolean; busy: number; waitedMs: number }> {
  void redis;
  void options;
  return Promise.reject(new Error('not yet'));
}

/** Renames the job keys under `heroku-to-digitalocean:<id>:` in one step; returns the number of keys. */
export function setAsideJobs(redis: Redis, migrationId: string): Promise<number> {
  void redis;
  void migrationId;
  return Promise.reject(new Error('not yet'));
}

export function bringBackJobs(redis: Redis, migrationId: string): Promise<number> {
  void redis;
  void migrationId;
  return Promise.reject(new Error('not yet'));
}
