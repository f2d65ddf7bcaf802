import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';

import { format } from 'prettier';

import type { GeneratedDocument } from './generated-documents.ts';

const PROGRAM = 'src/front-door/program/server.ts';

/** The forwarder's program as a text that the actions' bundles carry. `root` is the project's folder. Reads only. */
export async function frontDoorProgramText(root: string): Promise<GeneratedDocument> {
  const path = 'src/front-door/program-text.ts';
  const file = join(root, path);
  const text = (await frontDoorProgram(root)).replaceAll(/[\\`]|\$(?=\{)/g, '\\$&');
  const expected = [
    '/** The forwarder’s program: made by `npm run docs` from program/, which is what to read and to change. */',
    `export const SERVER = \`${text}\`;`,
    '',
  ].join('\n');
  return { path, current: existsSync(file) ? readFileSync(file, 'utf8') : undefined, expected };
}

/**
 * The forwarder's modules as the one JavaScript file that runs at Heroku: types taken out, one after the other so that
 * each stands behind what it uses, and the imports of Node's own modules at the top. What is short for two things in two
 * modules is refused by whatever reads the result.
 */
async function frontDoorProgram(root: string): Promise<string> {
  const builtIn = new Map<string, Set<string>>();
  const bodies: string[] = [];
  const seen = new Set<string>();

  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const code = stripTypeScriptTypes(readFileSync(file, 'utf8'));
    const body = code.replaceAll(IMPORT, (statement, names: string, from: string) => {
      if (from.startsWith('./')) add(join(dirname(file), from));
      else if (from.startsWith('node:')) {
        const known = builtIn.get(from) ?? new Set();
        for (const name of names.split(',').map((one) => one.trim())) if (name !== '') known.add(name);
        builtIn.set(from, known);
      } else throw new Error(`${file}: the forwarder has no dependencies (${statement.trim()}).`);
      return '';
    });
    bodies.push(
      `// ${relative(dirname(join(root, PROGRAM)), file)}\n${body.replaceAll(/^export (?!default)/gm, '')}`,
    );
  };
  add(join(root, PROGRAM));

  const imports = [...builtIn]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([from, names]) => `import { ${[...names].sort().join(', ')} } from '${from}';`);
  const text = [...imports, '', ...bodies].join('\n').replaceAll(/[ \t]+$/gm, '');
  return format(text, { parser: 'babel', singleQuote: true, printWidth: 110 });
}

/** The only form that the forwarder's modules use: named imports. */
const IMPORT = /^import\s*\{([^}]*)\}\s*from\s*'([^']+)';\n/gm;
