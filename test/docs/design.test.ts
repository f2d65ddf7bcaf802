import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from '@jest/globals';
import { documents, project, textOf } from './blocks.ts';

// The shape that docs/design.md draws is the one that is there, its one rule of dependencies holds, and nothing is written
// that nobody is led to.

const design = textOf('docs/design.md');
const sources = globSync('{actions,src}/**/*.ts', { cwd: project });

/** What a file imports from us, as paths from the project. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(project, file), 'utf8');
  return [
    ...source.matchAll(/^(?:import|export) (?:[^'"]*? from )?'(\.[^']+)'/gm),
    ...source.matchAll(/\bimport\('(\.[^']+)'\)/g),
  ].map(([, path = '']) => relative(project, join(project, dirname(file), path)));
}

/** Which of these files imports something that it may not. */
function breaches(
  files: readonly string[],
  forbidden: (imported: string, file: string) => boolean,
): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter((imported) => forbidden(imported, file))
      .map((imported) => `${file} imports ${imported}`),
  );
}

test('each folder of the project and of src/ has its line', () => {
  const folders = [
    ...new Set(
      sources.filter((file) => /^src\/.*\//.test(file)).map((file) => file.split('/').slice(0, 2).join('/')),
    ),
    ...['rehearsal', 'bench', 'examples', 'scripts', 'dist', 'test', 'actions'],
  ];
  expect(folders.length).toBeGreaterThan(18);
  expect(folders.filter((folder) => !new RegExp(`^${folder}/`, 'm').test(design))).toEqual([]);
});

test('each folder that is drawn is there', () => {
  const drawn = [...design.matchAll(/^(src\/[a-z-]+)\/ /gm)].map(([, folder = '']) => folder);
  expect(drawn.filter((folder) => !sources.some((file) => file.startsWith(`${folder}/`)))).toEqual([]);
});

test('actions → src → libraries, never back', () => {
  const files = sources.filter((file) => file.startsWith('src/'));
  expect(breaches(files, (imported) => !imported.startsWith('src/'))).toEqual([]);
  const ours = sources.filter((file) => file.startsWith('actions/'));
  expect(breaches(ours, (imported) => !/^(actions|src)\//.test(imported))).toEqual([]);
});

test('postgres, redis, heroku and digitalocean import neither each other nor github nor report', () => {
  const apart = ['postgres', 'redis', 'heroku', 'digitalocean'];
  const folderOf = (path: string): string => /^src\/([a-z-]+)\//.exec(path)?.[1] ?? '';
  const files = sources.filter((file) => apart.includes(folderOf(file)));
  expect(files.length).toBeGreaterThan(100);
  expect(
    breaches(
      files,
      (imported, file) =>
        folderOf(imported) !== folderOf(file) &&
        [...apart, 'github', 'report'].includes(folderOf(imported)) &&
        // The droplet's Redis is of both.
        !(file.startsWith('src/digitalocean/redis-') && folderOf(imported) === 'redis'),
    ),
  ).toEqual([]);
});

test('the forwarder’s program imports nothing but Node’s own modules and itself', () => {
  const program = 'src/front-door/program/';
  const files = sources.filter((file) => file.startsWith(program));
  expect(files.length).toBeGreaterThan(3);
  expect(breaches(files, (imported) => !imported.startsWith(program))).toEqual([]);
  const foreign = files.flatMap((file) =>
    [...readFileSync(join(project, file), 'utf8').matchAll(/^import (?!type )[^'"]*'([^.'][^']*)'/gm)]
      .map(([, name = '']) => name)
      .filter((name) => !name.startsWith('node:')),
  );
  expect(foreign).toEqual([]);
});

test('what is exported is used by another file', () => {
  const files = globSync('{actions,src,rehearsal,bench,scripts,test}/**/*.{ts,mjs}', { cwd: project });
  const users = new Map<string, Set<string>>();
  const texts = files.map((file) => ({ file, text: readFileSync(join(project, file), 'utf8') }));
  for (const { file, text } of texts)
    for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g))
      users.set(word, (users.get(word) ?? new Set()).add(file));
  const exported = texts
    .filter(({ file }) => !file.startsWith('test/'))
    .flatMap(({ file, text }) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|const|class|let) (\w+)/gm)].map(
        ([, name = '']) => ({
          file,
          name,
        }),
      ),
    );
  expect(exported.length).toBeGreaterThan(1000);
  expect(exported.filter(({ name }) => users.get(name)?.size === 1)).toEqual([]);
});

test('the README leads to every document', () => {
  const readme = textOf('README.md');
  const unknown = documents.filter(
    (document) =>
      /^(docs\/.*|[A-Z]+\.md)$/.test(document) &&
      document !== 'README.md' &&
      !readme.includes(`(${document}`),
  );
  expect(unknown).toEqual([]);
});
