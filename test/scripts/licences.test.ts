import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { ACCEPTED_LICENCES, licenceNotes, licenceSection, packagesIn } from '../../scripts/licences.ts';

const project = join(import.meta.dirname, '..', '..');
const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { license?: string }>;
};
const licences = new Map(
  Object.entries(packages).map(([path, { license }]) => [path.split('node_modules/').at(-1), license]),
);
const licenceOf = (name: string): string | undefined => licences.get(name);

/** The packages that an entry and all that it imports name, but for types alone. */
function importedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set();
  seen.add(file);
  const source = readFileSync(file, 'utf8');
  const statements = [
    ...source.matchAll(/^(?:import|export) (?!type )(?:[^'"]*? from )?'([^']+)'/gm),
    ...source.matchAll(/\bimport\('([^']+)'\)/g),
  ];
  const found = new Set<string>();
  for (const [, name = ''] of statements) {
    if (isBuiltin(name)) continue;
    if (name.startsWith('.')) for (const one of importedBy(join(dirname(file), name), seen)) found.add(one);
    else found.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
  }
  return found;
}

const bundles = globSync('dist/*/LICENSES.txt', { cwd: project });

test.each(bundles)('%s has the text of every licence in it, and each asks for no more than that', (file) => {
  const bundled = packagesIn([readFileSync(join(project, file), 'utf8')], licenceOf);
  expect(bundled.length).toBeGreaterThan(5);
  const short = bundled.filter(
    ({ text, licence }) => text.length < 500 || !ACCEPTED_LICENCES.includes(licence),
  );
  expect(short.map(({ name, licence, text }) => ({ name, licence, text }))).toEqual([]);
  const action = file.split('/')[1] ?? '';
  const imported = importedBy(join(project, 'actions', action, 'index.ts'));
  expect(imported.size).toBeGreaterThan(3);
  const names = bundled.map(({ name }) => name);
  expect([...imported].filter((name) => !names.includes(name))).toEqual([]);
});

test('there is one for each bundle', () => {
  expect(bundles.map((file) => dirname(file))).toEqual(
    globSync('dist/*/index.js', { cwd: project }).map((file) => dirname(file)),
  );
});

function installed(manifests: Record<string, object>, readmes: Record<string, string> = {}): string {
  const modules = temporaryDirectory('licences');
  for (const [name, manifest] of Object.entries(manifests)) {
    mkdirSync(join(modules, name), { recursive: true });
    writeFileSync(join(modules, name, 'package.json'), JSON.stringify(manifest));
    if (readmes[name] !== undefined) writeFileSync(join(modules, name, 'README.md'), readmes[name]);
  }
  return modules;
}

const MIT = 'Copyright (c) 2014 Somebody\n\nPermission is hereby granted';

test('what each chunk holds is one list, and a line of a licence that is a word like any other is no package', () => {
  const of = (name: string) => ({ one: 'MIT', two: 'ISC', the: 'MIT' })[name];
  const notes = [
    'two\nISC\nText of two\nthe\nend\n',
    'one\nMIT\n\nText of one\n\ntwo\nISC\nText of two\nthe\nend\n',
  ];
  expect(packagesIn(notes, of)).toEqual([
    { name: 'one', licence: 'MIT', text: 'Text of one' },
    { name: 'two', licence: 'ISC', text: 'Text of two\nthe\nend' },
  ]);
});

test('a package without a file has the text of its README, or of its repository with its author', () => {
  const modules = installed(
    {
      'in-readme': { author: 'Somebody' },
      beside: { author: { name: 'A Team' }, repository: { url: 'git+https://example.com/many.git' } },
      sibling: { repository: 'https://example.com/many' },
    },
    { 'in-readme': `# in-readme\n\n## License\n\n${MIT}\n\n[there]: https://example.com\n` },
  );
  const notes = licenceNotes(
    [
      { name: 'beside', licence: 'Apache-2.0', text: '' },
      { name: 'in-readme', licence: 'MIT', text: '' },
      { name: 'sibling', licence: 'Apache-2.0', text: 'Apache License, Version 2.0' },
    ],
    modules,
  );
  expect(notes).toContain(`in-readme\nMIT\n\n${MIT}\n`);
  expect(notes).toContain(
    'beside\nApache-2.0\n\nBy A Team. The text as in sibling, of the same repository:\n\nApache License, Version 2.0\n',
  );
});

test('a package without any text, and one whose licence asks for more, stop the build', () => {
  const modules = installed({ bare: { author: 'Somebody', repository: 'https://example.com/bare' } });
  expect(() => licenceNotes([{ name: 'bare', licence: 'MIT', text: '' }], modules)).toThrow(
    'No text of the licence of bare (MIT) is found',
  );
  expect(() => licenceNotes([{ name: 'bare', licence: 'AGPL-3.0', text: 'x' }], modules)).toThrow(
    'bare is under AGPL-3.0',
  );
});

test('only a heading with a text below it is a licence', () => {
  expect(licenceSection('License\n-------\n\nMIT\n')).toBeUndefined();
  expect(licenceSection(`License\n-------\n\n${MIT}\n\n## More\n`)).toBe(MIT);
});
