import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { World } from './world.ts';

const EXAMPLES = join(import.meta.dirname, '..', 'examples');

const configSchema = z.looseObject({ redis: z.looseObject({}) });

/** What assess.yml, which calls an action by itself, is given where the companies are not at their own addresses. */
const ADDRESSES = {
  'heroku-api-url': 'HEROKU_API_URL',
  'heroku-data-api-url': 'HEROKU_DATA_API_URL',
  'scheduler-api-url': 'SCHEDULER_API_URL',
  'heroku-metrics-url': 'HEROKU_METRICS_URL',
  'heroku-github-url': 'HEROKU_GITHUB_URL',
  'digitalocean-api-url': 'DIGITALOCEAN_API_URL',
};

/**
 * The repository of a team that copied `examples/` and answered what assess asked: the workflows as they stand there, and
 * the example's migration.yml with what only this world can know, which is its Redis's port and its shop's jobs. Returns
 * the directory, for `PipelineOptions.workspace`.
 */
export function writeExampleRepository({ workspace }: World, directory: string): string {
  const workflows = join(directory, '.github', 'workflows');
  mkdirSync(workflows, { recursive: true });
  for (const name of readdirSync(EXAMPLES).filter((name) => name !== 'migration.yml')) {
    const text = readFileSync(join(EXAMPLES, name), 'utf8');
    writeFileSync(join(workflows, name), name === 'assess.yml' ? withAddresses(text) : text);
  }
  const read = (path: string) => configSchema.parse(parse(readFileSync(path, 'utf8')));
  const example = read(join(EXAMPLES, 'migration.yml'));
  const own = read(join(workspace, 'migration.yml'));
  writeFileSync(
    join(directory, 'migration.yml'),
    stringify({
      ...example,
      redis: { ...example.redis, port: own.redis['port'] },
      schedule: own['schedule'],
      decisions: own['decisions'],
    }),
  );
  cpSync(join(workspace, 'Dockerfile'), join(directory, 'Dockerfile'));
  return directory;
}

function withAddresses(text: string): string {
  const place = /^( +)environment: production\n(?= +heroku-token:)/m;
  if (!place.test(text)) throw new Error('examples/assess.yml has no step to give the addresses to.');
  return text.replace(place, (line, indent: string) => {
    const given = Object.entries(ADDRESSES).map(
      ([input, variable]) => `${indent}${input}: \${{ vars.${variable} }}\n`,
    );
    return [line, ...given].join('');
  });
}
