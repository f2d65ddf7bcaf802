import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { MOST_RUNNERS } from '../../src/migration/config-schema.ts';
import type { SharingRunner } from '../../src/migration/shared-copy.ts';
import type { TakenOver } from '../../src/postgres/elsewhere.ts';
import type { Others } from '../../src/postgres/shared-copy.ts';

/** The input `shard`, such as `2/3`: which of how many runners of this run copies here. */
export function readShard({ inputs, environment }: Edge): SharingRunner {
  const text = inputs.optional('shard') ?? '1/1';
  const [, shard, shards] = /^(\d{1,3})\/(\d{1,3})$/.exec(text) ?? [];
  const runner = { shard: Number(shard), shards: Number(shards) };
  if (
    shard === undefined ||
    runner.shard < 1 ||
    runner.shard > runner.shards ||
    runner.shards > MOST_RUNNERS
  ) {
    throw new ConfigurationError(
      `The input shard is "${text}". It takes i/n, such as 2/3: this runner's number and how many share the copy, at most ${MOST_RUNNERS}. Without it one runner copies everything.`,
    );
  }
  return { runId: environment.runId, runAttempt: environment.runAttempt, ...runner };
}

/**
 * What a copy that several runners shared would have taken one of them, at the most: inside the window one copies alone, and
 * how much of the time was the servers' nobody can tell.
 */
export function byOneRunner(milliseconds: number, others: Others | undefined): number {
  return milliseconds * (others?.shards ?? 1);
}

/** Of a copy that several runners shared: how many, and what of theirs the first one had to copy. */
export function sharedWith(
  others: Others | undefined,
  takenOver: readonly TakenOver[],
): { runners?: { shards: number; takenOver: readonly TakenOver[] } } {
  return others === undefined ? {} : { runners: { shards: others.shards, takenOver } };
}
