import { cpSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { actionNames } from '../../scripts/action-file.ts';
import { generatedDocuments, staleOf } from '../../scripts/generated-documents.ts';

const project = join(import.meta.dirname, '..', '..');

test('the tables in the READMEs and the schema for editors say what the code reads; `npm run docs` mends them', async () => {
  const stale = staleOf(await generatedDocuments(project));
  expect(stale.map(({ path }) => path)).toEqual([]);
});

test.each(actionNames(project))(
  'the README of %s names the permissions of the job and the scopes of the tokens',
  (name) => {
    const readme = readFileSync(join(project, 'actions', name, 'README.md'), 'utf8');
    for (const title of ['Permissions', 'Token scopes']) {
      const section = readme.split(`\n## ${title}\n`)[1]?.split('\n## ')[0];
      expect(section?.trim().length ?? 0).toBeGreaterThan(20);
      expect(section).toMatch(/`[a-z_-]+(:[a-z_]+)?/);
    }
  },
);

describe('in another project', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'docs-'));
    mkdirSync(join(root, 'actions'));
    cpSync(join(project, 'actions', 'assess'), join(root, 'actions', 'assess'), { recursive: true });
    cpSync(join(project, 'migration.schema.json'), join(root, 'migration.schema.json'));
    cpSync(join(project, '.prettierrc.json'), join(root, '.prettierrc.json'));
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const stale = async () => staleOf(await generatedDocuments(root)).map(({ path }) => path);
  const edit = (path: string, change: (text: string) => string) =>
    writeFileSync(join(root, path), change(readFileSync(join(root, path), 'utf8')));

  test('a changed input, a changed table and a missing schema are each named', async () => {
    expect(await stale()).toEqual([]);
    edit('actions/assess/action.yml', (text) => text.replace('Path of migration.yml', 'Place of a | b'));
    expect(await stale()).toEqual(['actions/assess/README.md']);
    const [readme] = await generatedDocuments(root);
    expect(readme?.expected).toContain('Place of a \\| b');
    writeFileSync(join(root, 'actions/assess/README.md'), readme?.expected ?? '');
    expect(await stale()).toEqual([]);
    rmSync(join(root, 'migration.schema.json'));
    expect(await stale()).toEqual(['migration.schema.json']);
  });

  test('a README without a place for its tables, or without its action, is an error that names it', async () => {
    edit('actions/assess/README.md', (text) => text.replace('<!-- outputs:end -->', ''));
    await expect(stale()).rejects.toThrow('actions/assess/README.md must have <!-- outputs:start -->');
    rmSync(join(root, 'actions/assess/README.md'));
    await expect(stale()).rejects.toThrow('There is no actions/assess/README.md');
  });

  test('an action.yml with a key that the runner does not know is an error that names it', async () => {
    edit('actions/assess/action.yml', (text) =>
      text.replace('    default: migration.yml', '    defualt: migration.yml'),
    );
    await expect(stale()).rejects.toThrow(/actions\/assess\/action.yml:\n {2}inputs\.config: .*defualt/);
  });
});
