import { canonicalJson } from '../../src/migration/json.ts';
import { looksSecret } from '../../src/migration/no-secrets.ts';
import type { RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import type { Assessment } from './assessment.ts';
import { lineOf, type AppLine, type OtherApps } from './other-apps.ts';

/** Below what the record takes of one section (2 MiB), with room for what phases add. */
const LARGEST = 1_500_000;
const MOST_APPS = 500;

/**
 * What the record holds of an assessment: the plan with its digest, and the evidence. Its size is bounded: of very many
 * tables the largest are kept and the others counted.
 */
export function recordedAssessment(
  own: Assessment,
  others: OtherApps | undefined,
): { outcome: string; changed: boolean } & Record<string, unknown> {
  const { plan, digest, inventory, database, redis, redisInDepth, activity } = own;
  const section = {
    outcome: plan.verdict,
    changed: false,
    planDigest: digest,
    plan,
    ...(own.proposed ? { proposed: true } : {}),
    inventory,
    redis: redisInDepth === undefined ? (redis ?? null) : withoutKeys(redisInDepth),
    ...(activity === undefined ? {} : { activity }),
    ...(others === undefined ? {} : { pipeline: recordedPipeline(others) }),
  };
  if (database === undefined) return { ...section, database: null };
  const room = LARGEST - canonicalJson(section).length;
  return { ...section, database: bounded(database, room) };
}

/** The largest tables come first. */
function bounded(database: NonNullable<Assessment['database']>, room: number): Record<string, unknown> {
  const { tables, ...rest } = database;
  let left = room - canonicalJson(rest).length;
  const kept = tables.filter((table) => {
    left -= canonicalJson(table).length + 1;
    return left > 0;
  });
  const leftOut = tables.length - kept.length;
  return { ...rest, tables: kept, ...(leftOut === 0 ? {} : { tablesLeftOut: leftOut }) };
}

/** The name of a single key may be a session or a person; what many names have in common is kept. */
function withoutKeys(facts: RedisAssessFacts): Record<string, unknown> {
  const { sample } = facts;
  if (sample === null) return { ...facts };
  return {
    ...facts,
    sample: {
      ...sample,
      prefixes: sample.prefixes.filter(({ pattern }) => !looksSecret(pattern)),
      biggest: sample.biggest.map(({ type, bytes, expires, database }) => ({
        type,
        bytes,
        expires,
        database,
      })),
      streams: sample.streams.map(({ entries, groups, database }) => ({ entries, groups, database })),
    },
  };
}

function recordedPipeline({
  pipeline,
  assessments,
  parked,
  unknown,
  reviewApps,
}: OtherApps): Record<string, unknown> {
  const apps: AppLine[] = assessments.map(lineOf);
  return {
    name: pipeline,
    apps: apps.slice(0, MOST_APPS),
    ...(apps.length > MOST_APPS ? { appsLeftOut: apps.length - MOST_APPS } : {}),
    parked: parked.slice(0, MOST_APPS),
    notRead: unknown.slice(0, MOST_APPS),
    reviewApps,
  };
}
