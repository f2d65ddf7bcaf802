import type { Document, LineCounter, Node, Pair, YAMLMap } from 'yaml';
import { isMap, isNode, isScalar } from 'yaml';
import { z } from 'zod';

import { nearest } from './nearest.ts';

export interface Problem {
  line: number;
  text: string;
}
type Path = readonly PropertyKey[];

/** Says what zod found in the words of the file's author, each with the line where it stands. */
export function problemsOf(
  error: z.ZodError,
  schema: z.ZodType,
  document: Document,
  lines: LineCounter,
): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        line: lineOf(document, lines, [...issue.path, key]),
        text: `unknown key ${titleOf([...issue.path, key])}${suggestion(key, knownKeys(schema, issue.path))}`,
      }));
    }
    const line = lineOf(document, lines, issue.path);
    if (issue.path.length === 0)
      return [{ line, text: 'the file must hold keys and values, beginning with application' }];
    if (!document.hasIn(issue.path)) return [{ line, text: `${titleOf(issue.path)} is missing` }];
    if (issue.code === 'invalid_value') {
      const choices = issue.values.map(String);
      const found = String(document.getIn(issue.path));
      const text = `${titleOf(issue.path)} is "${found}" and must be one of ${choices.join(', ')}`;
      return [{ line, text: text + suggestion(found, choices) }];
    }
    const message =
      issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    return [{ line, text: `${titleOf(issue.path)} ${lowerFirst(message)}` }];
  });
}

/** The line (from 1) of the key or item at `path`, or of the nearest thing around it that is in the file. */
export function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown =
      length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    const node = isMap(parent) ? keyNode(parent, key) : itemNode(document, path.slice(0, length));
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function keyNode(map: YAMLMap, key: PropertyKey | undefined): Node | undefined {
  const pair = map.items.find((item: Pair) => isScalar(item.key) && String(item.key.value) === String(key));
  return isNode(pair?.key) ? pair.key : undefined;
}

function itemNode(document: Document, path: Path): Node | undefined {
  const node: unknown = document.getIn(path, true);
  return isNode(node) ? node : undefined;
}

function titleOf(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function suggestion(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  if (near !== undefined) return `; did you mean "${near}"?`;
  return candidates.length > 0 ? ` (known here: ${candidates.join(', ')})` : '';
}

function knownKeys(schema: z.ZodType, path: Path): string[] {
  let here: unknown = unwrap(schema);
  for (const part of path) {
    if (here instanceof z.ZodObject) here = (here.shape as Record<string, unknown>)[String(part)];
    else if (here instanceof z.ZodRecord) here = here.valueType;
    else if (here instanceof z.ZodArray) here = here.element;
    else return [];
    here = unwrap(here);
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap();
  }
  return inner;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
