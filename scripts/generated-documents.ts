import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

import { migrationJsonSchema } from '../src/migration/config.ts';
import { assumptions, type Assumption } from '../src/probe/assumptions.ts';
import { probeIds, probes } from '../src/probe/probes.ts';
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
 * Every document that is made from code: the tables of the actions' READMEs, made from `action.yml`, the JSON Schema of
 * `migration.yml` for editors, and the tables of what is assumed of the platforms. `root` is the project's folder. Reads
 * only. Throws when a README is not there or has no place for its tables.
 */
export async function generatedDocuments(root: string): Promise<GeneratedDocument[]> {
  const readmes = actionNames(root).map((name) => actionReadme(root, name));
  return [...(await Promise.all(readmes)), migrationSchema(root), ...(await assumptionTables(root))];
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

/** None in a project without them: parts of this one are copied for its tests. */
async function assumptionTables(root: string): Promise<GeneratedDocument[]> {
  const path = 'docs/assumptions.md';
  const current = read(root, path);
  if (current === undefined) return [];
  const style = (await resolveConfig(join(root, path))) ?? {};
  let expected = current;
  for (const [name, rows] of [
    ['probes', probeTable()],
    ['heroku', assumptionTable(assumptions.heroku)],
    ['digitalocean', assumptionTable(assumptions.digitalocean)],
  ] as const) {
    expected = between(path, expected, name, await format(rows, { ...style, parser: 'markdown' }));
  }
  return [{ path, current, expected }];
}

function probeTable(): string {
  const rows = probeIds.map((id) => [code(id), probes[id].at, probes[id].claim]);
  return markdownTable(['probe', 'at', 'passes when'], rows);
}

function assumptionTable(rows: readonly Assumption[]): string {
  return markdownTable(
    ['assumed', 'from', 'if it is wrong', 'tried by'],
    rows.map((row) => [
      `${row.grave === true ? '**!** ' : ''}${row.claim}`,
      row.source,
      row.ifWrong,
      'triedBy' in row ? code(row.triedBy) : `no probe: ${row.untried}`,
    ]),
  );
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
