import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';
import { parse } from 'yaml';

import { callerWorkflows } from '../../actions/assess/caller-workflows.ts';

const suite = { repository: 'OWNER/heroku-to-digitalocean', ref: 'SHA', version: 'v1.0.0' };
const usual = {
  suite,
  application: 'shop',
  environments: ['staging', 'production'],
  config: 'migration.yml',
};

/** An example without what it says about copying it, and with its schedule switched off. */
function example(name: string): string {
  const lines = readFileSync(join(import.meta.dirname, `../../examples/${name}.yml`), 'utf8').split('\n');
  return lines.slice(2).join('\n');
}

function withoutComments(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
}

/** The lines of a schedule that is not switched on yet. */
function switchedOn(text: string): string {
  return text.replace(/^ {2}# (schedule:)$/m, '  $1').replace(/^ {2}# {3}(- cron: .*)$/gm, '    $1');
}

test.each(['migrate', 'probe', 'rehearse-staging', 'catch-up', 'roll-back', 'finalize', 'destroy'])(
  '%s is the example of that name, but for its schedule, which nobody has asked for yet',
  (name) => {
    const file = callerWorkflows(usual).find(({ path }) => path === `.github/workflows/${name}.yml`);
    const content = file?.content ?? '';
    expect(withoutComments(switchedOn(content))).toEqual(withoutComments(example(name)));
    expect(Object.keys((parse(content) as { on: object }).on)).toEqual(['workflow_dispatch']);
  },
);

test('without staging nothing is proposed that would begin with it, and without production nothing about that', () => {
  const names = (environments: string[]) =>
    callerWorkflows({ ...usual, environments }).map(({ path }) => path.split('/').at(-1));
  expect(names(['production'])).toEqual([
    'probe.yml',
    'catch-up.yml',
    'roll-back.yml',
    'finalize.yml',
    'destroy.yml',
  ]);
  expect(names(['staging'])).toEqual([
    'migrate.yml',
    'probe.yml',
    'rehearse-staging.yml',
    'roll-back.yml',
    'finalize.yml',
    'destroy.yml',
  ]);
  expect(names(['us'])).toEqual([]);
  const [migrate] = callerWorkflows({ ...usual, environments: ['staging'] });
  expect(migrate?.content).toContain('options: [staging]');
});

test('a migration.yml elsewhere has workflows of its own that name it', () => {
  const [migrate] = callerWorkflows({ ...usual, config: 'apps/shop/migration.yml' });
  expect(migrate?.path).toBe('.github/workflows/migrate-shop.yml');
  const { jobs } = parse(migrate?.content ?? '') as { jobs: { migrate: { with: object } } };
  expect(jobs.migrate.with).toMatchObject({ application: 'shop', config: 'apps/shop/migration.yml' });
});
