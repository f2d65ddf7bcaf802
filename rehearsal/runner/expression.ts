import { globSync, readFileSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Evaluator, Lexer, Parser, data } from '@actions/expressions';
import { ConfigurationError, messageOf } from '../../src/errors.ts';

/** How the work before this point went, for `success()` and its siblings. */
export interface Status {
  success: boolean;
  failure: boolean;
  cancelled: boolean;
}

/** What an expression may name. */
export interface Scope {
  /** Context name → plain JSON value. A context that is not here is an error, as on GitHub. */
  contexts: Record<string, unknown>;
  status?: Status;
  /** Root for `hashFiles`. */
  workspace?: string;
}

type Call = (...values: data.ExpressionData[]) => data.ExpressionData;
const statusFunctions = new Set(['success', 'failure', 'cancelled', 'always']);

/** Evaluates the inside of `${{ }}` with GitHub's own library and returns plain JSON. */
export function evaluate(source: string, scope: Scope): unknown {
  return JSON.parse(JSON.stringify(evaluateData(source, scope), data.replacer)) as unknown;
}

/**
 * Replaces each `${{ }}` in a text. A text that is one expression only keeps the expression's type (number, boolean,
 * object), which matters for inputs of called workflows and for a matrix.
 */
export function render(template: unknown, scope: Scope): unknown {
  if (typeof template !== 'string') return template;
  const parts = split(template);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'expression') return evaluate(only.source, scope);
  return parts
    .map((part) => (part.kind === 'text' ? part.source : evaluateData(part.source, scope).coerceString()))
    .join('');
}

/** Like `render`, as the text that GitHub would put into `with:` or `env:`. */
export function renderText(template: string | number | boolean | null | undefined, scope: Scope): string {
  if (typeof template !== 'string') return String(template ?? '');
  return split(template)
    .map((part) => (part.kind === 'text' ? part.source : evaluateData(part.source, scope).coerceString()))
    .join('');
}

/** `render` through lists and maps. */
export function renderDeep(template: unknown, scope: Scope): unknown {
  if (Array.isArray(template)) return template.map((item) => renderDeep(item, scope));
  if (typeof template === 'object' && template !== null) {
    return Object.fromEntries(
      Object.entries(template).map(([key, value]) => [key, renderDeep(value, scope)]),
    );
  }
  return render(template, scope);
}

/** An `if:`. Without a status function in it, `success()` is required as well; absent means `success()`. */
export function evaluateCondition(condition: string | boolean | undefined, scope: Scope): boolean {
  const text = condition === undefined ? '' : String(condition).trim();
  if (text === '') return scope.status?.success ?? true;
  const parts = split(text);
  const [only] = parts;
  if (parts.length > 1) {
    throw new ConfigurationError(
      `The condition "${text}" mixes text with \${{ }}; GitHub would take it for always true.`,
    );
  }
  const source = only?.source ?? '';
  const passes = isTrue(evaluateData(source, scope));
  return namesStatus(source) ? passes : passes && (scope.status?.success ?? true);
}

function isTrue(value: data.ExpressionData): boolean {
  if (!value.primitive) return true;
  if (value instanceof data.StringData) return value.value !== '';
  if (value instanceof data.BooleanData) return value.value;
  const number = value.number();
  return number !== 0 && !Number.isNaN(number);
}

function namesStatus(source: string): boolean {
  const { tokens } = new Lexer(source).lex();
  return tokens.some(
    (token, index) => statusFunctions.has(token.lexeme.toLowerCase()) && tokens[index + 1]?.lexeme === '(',
  );
}

function evaluateData(source: string, scope: Scope): data.ExpressionData {
  const functions = functionsOf(scope);
  try {
    const names = Object.keys(scope.contexts);
    const infos = [...functions].map(([name, { minArgs, maxArgs }]) => ({ name, minArgs, maxArgs }));
    const tree = new Parser(new Lexer(source).lex().tokens, names, infos).parse();
    return new Evaluator(tree, toDictionary(scope.contexts), functions).evaluate();
  } catch (error) {
    throw new ConfigurationError(
      `The expression \${{ ${source.trim()} }} cannot be evaluated: ${messageOf(error)}.`,
    );
  }
}

function functionsOf(scope: Scope) {
  const { status, workspace } = scope;
  const functions = new Map<string, { name: string; minArgs: number; maxArgs: number; call: Call }>();
  const add = (name: string, minArgs: number, maxArgs: number, call: Call) => {
    functions.set(name.toLowerCase(), { name, minArgs, maxArgs, call });
  };
  if (status) {
    add('success', 0, 0, () => new data.BooleanData(status.success));
    add('failure', 0, 0, () => new data.BooleanData(status.failure));
    add('cancelled', 0, 0, () => new data.BooleanData(status.cancelled));
    add('always', 0, 0, () => new data.BooleanData(true));
  }
  if (workspace !== undefined) {
    add(
      'hashFiles',
      1,
      255,
      (...patterns) => new data.StringData(hashFiles(workspace, patterns.map(String))),
    );
  }
  return functions;
}

/** SHA-256 over the SHA-256 of each file in sorted order; empty when no file matches, as GitHub documents it. */
function hashFiles(workspace: string, patterns: string[]): string {
  const files = globSync(patterns, { cwd: workspace })
    .sort()
    .filter((file) => statSync(join(workspace, file)).isFile());
  if (files.length === 0) return '';
  const whole = createHash('sha256');
  for (const file of files)
    whole.update(
      createHash('sha256')
        .update(readFileSync(join(workspace, file)))
        .digest(),
    );
  return whole.digest('hex');
}

function toDictionary(contexts: Record<string, unknown>): data.Dictionary {
  return JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
}

/** Cuts a text at its expressions; a quote inside an expression may hold `}}`. */
function split(template: string): { kind: 'text' | 'expression'; source: string }[] {
  const parts: { kind: 'text' | 'expression'; source: string }[] = [];
  let from = 0;
  for (;;) {
    const start = template.indexOf('${{', from);
    if (start < 0) break;
    const end = endOfExpression(template, start + 3);
    if (start > from) parts.push({ kind: 'text', source: template.slice(from, start) });
    parts.push({ kind: 'expression', source: template.slice(start + 3, end) });
    from = end + 2;
  }
  if (from < template.length) parts.push({ kind: 'text', source: template.slice(from) });
  return parts;
}

function endOfExpression(template: string, from: number): number {
  let quoted = false;
  for (let index = from; index < template.length; index += 1) {
    if (template[index] === "'") quoted = !quoted;
    if (!quoted && template.startsWith('}}', index)) return index;
  }
  throw new ConfigurationError(`"${template}" opens an expression and does not close it.`);
}
