import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** The inputs an action can read and the outputs it can set, as its code says. */
export interface Uses {
  inputs: Set<string>;
  outputs: Set<string>;
}

const READERS = new Set(['required', 'optional', 'boolean', 'choice', 'url', 'secret', 'optionalSecret']);

/**
 * Follows an entry file to every function it can reach, through imports by name, and collects the names it asks the
 * runner for. Throws when a name is computed, since then nobody could tell whether `action.yml` has it.
 */
export function usesOf(entry: string): Uses {
  const uses: Uses = { inputs: new Set(), outputs: new Set() };
  const seen = new Set<string>();
  const modules = new Map<string, Module>();
  const moduleOf = (file: string): Module => {
    const known = modules.get(file) ?? readModule(file);
    modules.set(file, known);
    return known;
  };

  const follow = (file: string, name: string): void => {
    if (seen.has(`${file} ${name}`)) return;
    seen.add(`${file} ${name}`);
    const { declarations, imports } = moduleOf(file);
    const from = imports.get(name);
    if (from !== undefined) follow(from.file, from.name);
    for (const node of declarations.get(name) ?? []) walk(file, node);
  };
  const walk = (file: string, node: ts.Node): void => {
    if (ts.isIdentifier(node)) follow(file, node.text);
    if (ts.isCallExpression(node)) collect(file, node, uses);
    ts.forEachChild(node, (child) => walk(file, child));
  };
  for (const statement of moduleOf(entry).others) walk(entry, statement);
  return uses;
}

interface Module {
  declarations: Map<string, ts.Node[]>;
  imports: Map<string, { file: string; name: string }>;
  /** What runs when the file is loaded. */
  others: ts.Statement[];
}

function readModule(file: string): Module {
  const module: Module = { declarations: new Map(), imports: new Map(), others: [] };
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2024, true);
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const bindings = statement.importClause?.namedBindings;
      if (bindings && ts.isNamedImports(bindings))
        addNames(module, file, statement.moduleSpecifier, bindings.elements);
    } else if (ts.isExportDeclaration(statement)) {
      const { exportClause, moduleSpecifier } = statement;
      if (moduleSpecifier && exportClause && ts.isNamedExports(exportClause)) {
        addNames(module, file, moduleSpecifier, exportClause.elements);
      }
    } else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      if (statement.name) module.declarations.set(statement.name.text, [statement]);
    } else if (ts.isVariableStatement(statement)) {
      for (const declaration of statement.declarationList.declarations) {
        if (ts.isIdentifier(declaration.name)) module.declarations.set(declaration.name.text, [declaration]);
      }
    } else module.others.push(statement);
  }
  return module;
}

function addNames(
  module: Module,
  file: string,
  specifier: ts.Expression,
  elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[],
): void {
  if (!ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return;
  const target = join(dirname(file), specifier.text);
  if (!existsSync(target)) throw new Error(`${file} imports ${target}, which is not there.`);
  for (const { name, propertyName } of elements) {
    module.imports.set(name.text, { file: target, name: (propertyName ?? name).text });
  }
}

function collect(file: string, call: ts.CallExpression, uses: Uses): void {
  const callee = call.expression;
  if (!ts.isPropertyAccessExpression(callee)) return;
  const reads = READERS.has(callee.name.text) && /(^|\.)inputs$/.test(callee.expression.getText());
  const sets = callee.name.text === 'setOutput';
  if (!reads && !sets) return;
  // The edge hands a name through to the runner; whoever calls the edge gave it.
  if (file.includes('/src/github/')) return;
  const [name] = call.arguments;
  if (name === undefined || !ts.isStringLiteralLike(name))
    throw new Error(`${file}: ${call.getText()} computes its name.`);
  (reads ? uses.inputs : uses.outputs).add(name.text);
}
