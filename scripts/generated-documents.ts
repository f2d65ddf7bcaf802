import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

import { migrationJsonSchema } from '../src/migration/config.ts';
import type { ActionFile } from './action-file.ts';
import { actionNames, readActionFile } from './action-file.ts';

/** A file that is wholly or partly made from another one. */
export interface GeneratedDocument {
  /** Relative to the project, with slashes. */
  path: string;
  /** `undefined` when there is no such file. */
  current: string | undefined;
  expected: string;
}

/**
 * Every document that is made from code: the tables of the actions' READMEs, made from `action.yml`, and the JSON Schema
 * of `migration.yml` for editors. `root` is the project's folder. Reads only. Throws when a README is not there or has
 * no place for its tables.
 */
export async function generatedDocuments(root: string): Promise<GeneratedDocument[]> {
  const readmes = actionNames(root).map((name) => actionReadme(root, name));
  return [...(await Promise.all(readmes)), migrationSchema(root)];
}

/** What is not as it would be made now. */
export function staleOf(documents: readonly GeneratedDocument[]): GeneratedDocument[] {
  return documents.filter(({ current, expected }) => current !== expected);
}

async function actionReadme(root: string, name: string): Promise<GeneratedDocument> {
  const path = `actions/${name}/README.md`;
  const current = read(root, path);
  if (current === undefined) throw new Error(`There is no ${path}.`);
  const { inputs, outputs } = readActionFile(root, name);
  const style = (await resolveConfig(join(root, path))) ?? {};
  const tidy = (markdown: string): Promise<string> => format(markdown, { ...style, parser: 'markdown' });
  const withInputs = between(path, current, 'inputs', await tidy(inputTable(inputs)));
  return { path, current, expected: between(path, withInputs, 'outputs', await tidy(outputTable(outputs))) };
}

function migrationSchema(root: string): GeneratedDocument {
  const path = 'migration.schema.json';
  return { path, current: read(root, path), expected: `${JSON.stringify(migrationJsonSchema(), null, 2)}\n` };
}

function inputTable(inputs: ActionFile['inputs']): string {
  const rows = Object.entries(inputs).map(([name, input]) => [
    code(name),
    input.required === true ? 'yes' : 'no',
    input.default === undefined ? '' : code(input.default),
    input.description,
  ]);
  return markdownTable(['input', 'required', 'default', 'description'], rows);
}

function outputTable(outputs: ActionFile['outputs']): string {
  const rows = Object.entries(outputs).map(([name, { description }]) => [code(name), description]);
  return markdownTable(['output', 'description'], rows);
}

/** Descriptions are Markdown of our own: only what would end a cell is escaped. */
function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')).join(' | ')} |\n`;
  return `${line(titles)}${line(titles.map(() => '---'))}${rows.map(line).join('')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Puts `content` between `<!-- name:start -->` and `<!-- name:end -->`. */
function between(path: string, text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to < from || text.split(start).length !== 2 || text.split(end).length !== 2) {
    throw new Error(`${path} must have ${start} and, after it, ${end}, each once.`);
  }
  return `${text.slice(0, from + start.length)}\n\n${content.trim()}\n\n${text.slice(to)}`;
}

function read(root: string, path: string): string | undefined {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
