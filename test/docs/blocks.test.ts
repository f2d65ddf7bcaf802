import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { blocks, documents, project, where, yaml, type Block } from './blocks.ts';

// What a reader copies out of a document works: configuration parses, workflows are workflows, commands and files exist.

const has = ({ text }: Block, key: string): boolean => new RegExp(`^${key}:`, 'm').test(text);

test('there are blocks to look at', () => {
  expect(yaml.length).toBeGreaterThan(20);
});

test.each(yaml.map((block) => [where(block), block] as const))('%s is YAML', (_where, { text }) => {
  expect(parse(text)).toBeDefined();
});

test.each(
  blocks.filter(({ language }) => language === 'json').map((block) => [where(block), block] as const),
)('%s is JSON', (_where, { text }) => {
  expect(JSON.parse(text)).toBeDefined();
});

const configurations = yaml.filter((block) => has(block, 'application') && has(block, 'environments'));
test.each(configurations.map((block) => [where(block), block] as const))(
  '%s is a migration.yml',
  (place, { text }) => {
    expect(Object.keys(parseMigrationConfig(text, place).environments)).not.toEqual([]);
  },
);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'blocks-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test('every workflow in a document parses without an error in the parser that GitHub publishes', () => {
  const workflows = yaml.filter((block) => has(block, 'jobs') && has(block, 'on'));
  expect(workflows.length).toBeGreaterThan(0);
  const places = new Map(
    workflows.map((block, index) => {
      const file = join(directory, `${index}.yml`);
      writeFileSync(file, block.text);
      return [file, where(block)];
    }),
  );
  const program = join(project, 'test/workflows/official-parser.ts');
  const answer = execFileSync(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    program,
    ...places.keys(),
  ]);
  const errors = Object.entries(JSON.parse(answer.toString()) as Record<string, string[]>).filter(
    ([, messages]) => messages.length > 0,
  );
  expect(errors.map(([file, messages]) => [places.get(file), messages])).toEqual([]);
});

test('every command of ours that a document names is there', () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')));
  const named = documents.flatMap((document) =>
    [...readFileSync(join(project, document), 'utf8').matchAll(/\bnpm run ([a-z]+(?::[a-z]+)?)/g)].map(
      ([, name = '']) => ({ document, name }),
    ),
  );
  expect(named.length).toBeGreaterThan(10);
  const unknown = named.filter(({ name }) => scripts[name] === undefined);
  expect(unknown).toEqual([]);
});

test('every link from one document to another leads to a file, and to a heading of it', () => {
  const headings = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    );
  const broken = documents.flatMap((document) => {
    const text = readFileSync(join(project, document), 'utf8').replaceAll(/^```[^]*?^```/gm, '');
    return [...text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(
      ([link, path = '', heading]) => {
        const target = path === '' ? join(project, document) : join(project, dirname(document), path);
        if (!existsSync(target)) return [`${document}: ${link}`];
        if (heading === undefined || !target.endsWith('.md')) {
          return heading === undefined || existsSync(join(target, 'README.md'))
            ? []
            : [`${document}: ${link}`];
        }
        return headings(target).includes(heading)
          ? []
          : [`${document}: ${link} (${relative(project, target)})`];
      },
    );
  });
  expect(broken).toEqual([]);
});
