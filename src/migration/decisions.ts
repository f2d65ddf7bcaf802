import { createHash } from 'node:crypto';

import { configFor, type EnvironmentConfig, type MigrationConfig } from './config.ts';
import { EDITION } from './edition.ts';
import { blocked, told, type Item } from './item.ts';
import { canonicalJson } from './json.ts';
import { nearest } from './nearest.ts';
import { isPassing } from './passing.ts';

/**
 * A digest of everything that migration.yml decides for one environment. It is part of the plan's digest, so an approval
 * does not hold for a file that was changed since, be it only a pattern of keys that stay behind. In which order the file
 * lists things decides nothing.
 */
export function decisionsDigest(file: MigrationConfig, environment: EnvironmentConfig): string {
  const config = configFor(file, environment);
  const decided = canonicalJson({
    ...config,
    // An answer is the same one wherever in the file it stands, and so is a size.
    environments: {
      ...environment,
      postgres: undefined,
      redis: undefined,
      branch: undefined,
      domains: sorted(environment.domains),
      decisions: {},
    },
    decisions: answersOf(config, environment),
    // How many hands copy it changes nothing of what is there afterwards.
    postgres: { ...config.postgres, runners: undefined },
    redis: { ...config.redis, skip: sorted(config.redis.skip) },
    schedule: sorted(config.schedule),
    checks: sorted(config.checks),
    declaredChecks: sorted(config.declaredChecks),
    // Who has rung up whom is no decision about the migration.
    thirdParties: {},
    config: { ...config.config, drop: sorted(config.config.drop) },
  });
  return `sha256:${createHash('sha256').update(decided).digest('hex')}`;
}

function sorted<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, text: canonicalJson(value) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ value }) => value);
}

/** Every answer that holds in an environment, by the id of the item. */
export function answersOf(
  config: Pick<MigrationConfig, 'decisions'>,
  environment: Pick<EnvironmentConfig, 'decisions'>,
): Record<string, string> {
  return { ...config.decisions, ...environment.decisions };
}

/**
 * Lays the answers of migration.yml over what assess found. An answered question is `automatic` from then on; an answer
 * that is none of the options, or to something that assess does not ask, is an item of its own that blocks and names
 * what would be right. What is `blocked` cannot be answered away.
 *
 * Answers at the top of a file with several environments may be meant for another one: there an unknown id only blocks
 * when it looks like a misspelt one that is still open here.
 */
export function applyAnswers(
  items: readonly Item[],
  config: Pick<MigrationConfig, 'decisions' | 'environments'>,
  environment: Pick<EnvironmentConfig, 'name' | 'decisions'>,
): Item[] {
  const answers = answersOf(config, environment);
  const byId = new Map(items.map((item) => [item.id, item]));
  const answered = items.map((item) => {
    const option = Object.hasOwn(answers, item.id) ? answers[item.id] : undefined;
    if (item.verdict !== 'decide' || option === undefined || !item.options.includes(option)) return item;
    const why = `${item.why}; migration.yml answers "${option}"`;
    return { ...item, verdict: 'automatic' as const, becomes: option, why };
  });
  const open = answered.filter(({ verdict }) => verdict === 'decide').map(({ id }) => id);
  const others = Object.keys(config.environments).filter((name) => name !== environment.name);

  const wrong = Object.entries(answers).flatMap(([id, option]): Item[] => {
    const item = byId.get(id);
    if (item === undefined) {
      // Whoever is not connected at this moment is no mistake in the file.
      if (isPassing(id)) return [];
      // Which editions there are is DigitalOcean's answer: without it nobody asks, and that it is missing is told.
      if (id === EDITION && [...byId.keys()].some((other) => other.startsWith('app/not-read/digitalocean')))
        return [];
      const near = nearest(id, open);
      const elsewhere = !Object.hasOwn(environment.decisions, id) && others.length > 0;
      if (elsewhere && near === undefined) return [notHere(id, others)];
      return [unknownId(id, near, open, [...byId.keys()])];
    }
    if (item.options.length === 0 || item.options.includes(option)) return [];
    return [unknownOption(item, option)];
  });
  return [...answered, ...wrong];
}

function unknownId(id: string, near: string | undefined, open: string[], all: string[]): Item {
  const meant = near ?? nearest(id, all);
  return blocked({
    id: `decision/${id}`,
    area: 'app',
    what: `migration.yml answers ${id}, which assess does not ask`,
    why: meant === undefined ? 'no item has this id' : `no item has this id; did you mean "${meant}"?`,
    remedy:
      open.length > 0
        ? `Correct or remove it under \`decisions\`. Waiting for an answer: ${open.join(', ')}.`
        : 'Remove it under `decisions`: nothing waits for an answer.',
  });
}

function unknownOption(item: Item, option: string): Item {
  const near = nearest(option, item.options);
  return blocked({
    id: `decision/${item.id}`,
    area: 'app',
    what: `migration.yml answers ${item.id} with "${option}"`,
    why: `its options are ${item.options.join(', ')}${near === undefined ? '' : `; did you mean "${near}"?`}`,
    remedy: 'Write one of them under `decisions` in migration.yml.',
  });
}

function notHere(id: string, others: string[]): Item {
  return told({
    id: `decision/${id}`,
    area: 'app',
    what: `migration.yml answers ${id}, which assess does not ask here`,
    becomes: 'not used in this environment',
    why: `it may be meant for ${others.join(' or ')}`,
    remedy: 'Write it under `decisions` of the environment that it is for.',
  });
}
