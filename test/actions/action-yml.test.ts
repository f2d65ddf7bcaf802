import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

import { actionNames, readActionFile } from '../../scripts/action-file.ts';
import { usesOf } from './what-an-action-uses.ts';

const project = join(import.meta.dirname, '..', '..');

test('the six phases are six actions; probes before them and the judging of rehearsals have one of their own', () => {
  expect(actionNames(project)).toEqual([
    'assess',
    'cutover',
    'migrate-db',
    'probe',
    'provision',
    'rehearsal',
    'roll-back',
    'verify',
  ]);
});

describe.each(actionNames(project))('%s', (name) => {
  const action = readActionFile(project, name);
  const entry = join(project, 'actions', name, 'index.ts');
  const uses = usesOf(entry);

  test('has a name, a sentence and a picture of its own for the Marketplace', () => {
    expect(action.name).toBe(`Heroku to DigitalOcean – ${name}`);
    expect(action.description).toMatch(/^[A-Z].*\.$/s);
    expect(action.branding.icon).toMatch(/^[a-z-]+$/);
    expect(['white', 'black', 'yellow', 'blue', 'green', 'orange', 'red', 'purple', 'gray-dark']).toContain(
      action.branding.color,
    );
  });

  test('runs its own bundle on Node 24, and its post step whatever happened', () => {
    const bundle = `../../dist/${name}/index.js`;
    expect(action.runs).toMatchObject({ using: 'node24', main: bundle });
    const cleansUp = /runAction\(\s*\w+,\s*\w+\s*,?\s*\)/.test(readFileSync(entry, 'utf8'));
    expect(action.runs.post).toBe(cleansUp ? bundle : undefined);
    expect(action.runs['post-if']).toBe(cleansUp ? 'always()' : undefined);
  });

  test('describes every input and output in a sentence, and says whether an input must be given or what it is else', () => {
    for (const [input, { description, required, default: fallback }] of Object.entries(action.inputs)) {
      expect([input, description]).toEqual([input, expect.stringMatching(/^[A-Z`'].{10,}[.)]$/s)]);
      expect([input, required !== undefined || fallback !== undefined]).toEqual([input, true]);
      // A default would hide that a required input is missing.
      expect([input, required === true && fallback !== undefined]).toEqual([input, false]);
    }
    for (const [output, { description }] of Object.entries(action.outputs)) {
      expect([output, description]).toEqual([output, expect.stringMatching(/^[A-Z`'].{10,}\.$/s)]);
    }
  });

  test('declares every input that its code reads, and reads every input that it declares', () => {
    const declared = Object.keys(action.inputs);
    const unused = declared.filter((input) => !uses.inputs.has(input));
    expect([...uses.inputs].filter((input) => !declared.includes(input))).toEqual([]);
    expect(
      unused.filter((input) => !action.inputs[input]?.description.startsWith('Not used by this phase')),
    ).toEqual([]);
  });

  test('declares every output that its code sets, and sets every output that it declares', () => {
    expect([...uses.outputs].sort()).toEqual(Object.keys(action.outputs).sort());
  });

  test('asks for no secret by default and takes none from a file', () => {
    for (const [input, { default: fallback }] of Object.entries(action.inputs)) {
      if (/token|key$|credentials/.test(input))
        expect([undefined, '${{ github.token }}']).toContain(fallback);
    }
  });

  test('has an index.ts that only wires', () => {
    expect(existsSync(entry)).toBe(true);
    expect(readFileSync(entry, 'utf8').trim().split('\n').length).toBeLessThan(12);
  });
});
