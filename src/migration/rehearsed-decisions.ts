import { createHash } from 'node:crypto';

import { configFor, type EnvironmentConfig, type MigrationConfig } from './config.ts';
import { answersOf } from './decisions.ts';
import { canonicalJson } from './json.ts';

/** What of migration.yml a rehearsal has tried: a production cutover asks for one that tried the same. */
export interface RehearsedDecisions {
  /** What the file says for every environment: a cutover of staging tries these. */
  shared: string;
  /** What holds in this one environment: its own shadow tries these. */
  own: string;
}

/**
 * Digests of everything that decides how a migration goes. When it may begin, how long a rehearsal counts, what it may
 * cost in downtime and whether somebody must approve are left out: they are judged anew each time, and to change one of
 * them makes no rehearsal untrue.
 */
export function rehearsedDecisions(
  file: MigrationConfig,
  environment: EnvironmentConfig,
): RehearsedDecisions {
  const { region, herokuApp, domains } = environment;
  const own = configFor(file, environment);
  return {
    shared: digestOf({ ...triedBy(file), decisions: withoutWaivers(file.decisions) }),
    own: digestOf({
      ...triedBy(own),
      environment: { region, herokuApp, domains: sorted(domains) },
      decisions: withoutWaivers(answersOf(own, environment)),
    }),
  };
}

/** Keys that are added to the file one day are in it until somebody says here that they need not be. */
function triedBy(config: MigrationConfig): Record<string, unknown> {
  return {
    ...config,
    environments: undefined,
    rehearsalMaxAgeMs: undefined,
    downtimeBudgetMs: undefined,
    // How many hands copy it changes nothing of what is there afterwards.
    postgres: { ...config.postgres, runners: undefined },
    redis: { ...config.redis, skip: sorted(config.redis.skip) },
    schedule: sorted(config.schedule),
    checks: sorted(config.checks),
    config: { ...config.config, drop: sorted(config.config.drop) },
  };
}

/** Whether a rehearsal is asked for is no part of what it tries. */
function withoutWaivers(answers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(answers).filter(([id]) => !id.startsWith('rehearsal/')));
}

/** In which order the file lists things decides nothing. */
function sorted<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, text: canonicalJson(value) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ value }) => value);
}

function digestOf(value: unknown): string {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`;
}
