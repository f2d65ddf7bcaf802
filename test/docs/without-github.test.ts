import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';

// The same commands are executed against a whole world in test/rehearsal/end-to-end/laptop.test.ts.

const project = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(project, 'docs/without-github.md'), 'utf8');

interface Input {
  required?: boolean;
  default?: string;
}

/** Not for a shell: GitHub's own token, what only a repository's owner declares, and what has no default. */
const LEFT_OUT = /^(github-token|plan-digest|prepare-run-id|notify-(slack|webhook)-url)$/;

test.each(['cutover', 'roll-back'])(
  'every default of %s stands in the file that a shell reads, with the same value',
  (action) => {
    const { inputs } = parse(readFileSync(join(project, `actions/${action}/action.yml`), 'utf8')) as {
      inputs: Record<string, Input>;
    };
    const missing = Object.entries(inputs)
      .filter(([name, input]) => input.default !== undefined && !LEFT_OUT.test(name))
      .map(([name, input]) => `INPUT_${name.toUpperCase().replaceAll('-', '_')}=${input.default ?? ''}`)
      .filter((line) => !text.includes(`\n${line}\n`));
    expect(missing).toEqual([]);
  },
);

test('no secret stands in a file or on a command line', () => {
  const blocks = [...text.matchAll(/^```(?:bash|sh)\n([^]*?)^```/gm)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(4);
  const named = blocks.join('\n').match(/^.*(?:TOKEN|KEY).*$/gm) ?? [];
  for (const line of named) expect(line).toMatch(/^(read -rs|export|unset) /);
});
